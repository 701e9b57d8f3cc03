package bench

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/zeebo/xxh3"

	"github.com/kvbench/kvbench/results"
	"github.com/kvbench/kvbench/workloads"
	"github.com/kvbench/kvbench/workloads/profile"
)

// An Auditor is a Loop that can say afterwards how the operations of its last
// Run, which had these limits and this result, compare with the definition of
// the workload.
type Auditor interface {
	Fidelity(l Limits, p *PhaseResult) (*results.Fidelity, error)
}

// audit fills in the fidelity of a measured phase, where its loop can tell.
func (r *cellRun) audit(l Limits, p *PhaseResult) (err error) {
	if a, ok := r.loop.(Auditor); ok && p != nil && p.N() > 0 {
		r.cell.Fidelity, err = a.Fidelity(l, p)
	}
	return err
}

const (
	// fidelitySample is how many operations skew and locality are taken from.
	fidelitySample = 1 << 17
	// streamOps is how many operations a stream is known by.
	streamOps = 1 << 20
	// chance is how many standard deviations chance exceeds, to either side,
	// once in 10000 times.
	chance = 3.89
	// lawSlack is how far, as a share, the figures computed from a law are off
	// themselves, because counts and ranks are taken together.
	lawSlack = 0.02
)

// Fidelity compares the operations on the tapes that were really used with the
// workload. Nothing is done for it while the clock runs. Counts of operations
// are exact; keys are those of a sample. Expected is what the distribution's
// definition says or, where it has no handy form, what a stream of another
// seed looks like.
func (l *nativeLoop) Fidelity(limits Limits, p *PhaseResult) (*results.Fidelity, error) {
	a := &audit{spec: l.o.Workload, seed: l.o.Seed, f: &results.Fidelity{OK: true, Checks: []results.FidelityCheck{}, Mix: map[string]float64{}}}
	a.mix(l.workers)
	a.answers(p, l.o.Blank)
	if err := a.keys(l); err != nil {
		return nil, fmt.Errorf("fidelity: %w", err)
	}
	if len(l.workers) == 1 && limits.Operations > 0 && !p.Interrupted {
		stream, err := streamOf(l.o.Workload, l.o.Seed, l.workers[0].before, p.N())
		if err != nil {
			return nil, fmt.Errorf("fidelity: %w", err)
		}
		a.f.Stream = stream
	}
	return a.f, nil
}

// audit is a comparison in progress.
type audit struct {
	spec *workloads.Spec
	seed uint64
	f    *results.Fidelity
}

func (a *audit) check(name string, want, got, within float64) {
	ok := math.Abs(got-want) <= within
	a.f.OK = a.f.OK && ok
	a.f.Checks = append(a.f.Checks, results.FidelityCheck{Name: name, Want: want, Got: got, Within: within, OK: ok})
}

// within bounds what chance does to a share p of n draws.
func within(p, n float64) float64 {
	return chance*math.Sqrt(max(p*(1-p), 0)/n) + chance*chance/(2*n)
}

// mix checks the kinds of all operations that were done.
func (a *audit) mix(workers []*worker) {
	var all, own, writers [workloads.NumKinds]uint64
	for _, w := range workers {
		class := &own
		if w.id < a.spec.Writers {
			class = &writers
		}
		for k, r := range w.kinds {
			if r != nil {
				all[k] += r.N
				class[k] += r.N
			}
		}
	}
	total := 0.0
	for _, n := range all {
		total += float64(n)
	}
	for k, n := range all {
		if n > 0 {
			a.f.Mix[workloads.Kind(k).String()] = float64(n) / total
		}
	}
	a.mixOf("mix.", a.spec.Mix, own)
	if a.spec.Writers > 0 {
		a.mixOf("writers.", a.spec.WriterMix, writers)
	}
}

func (a *audit) mixOf(prefix string, want workloads.Mix, got [workloads.NumKinds]uint64) {
	total := 0.0
	for _, n := range got {
		total += float64(n)
	}
	for k, n := range got {
		if total > 0 && (n > 0 || want[k] > 0) {
			a.check(prefix+workloads.Kind(k).String(), want[k], float64(n)/total, within(want[k], total))
		}
	}
}

// answers checks how many reads found nothing and reports what scans returned.
func (a *audit) answers(p *PhaseResult, blank bool) {
	if blank {
		return
	}
	var reads, absent, asked, scans, rows float64
	for kind, op := range p.Ops {
		switch kind {
		case workloads.Read, workloads.ReadModifyWrite:
			reads += float64(op.N)
			absent += float64(op.NotFound)
			asked += a.spec.Mix[kind]
		case workloads.ReadAbsent:
			reads += float64(op.N)
			absent += float64(op.OK)
			asked += a.spec.Mix[kind]
		case workloads.Scan, workloads.ReverseScan:
			scans += float64(op.N)
			rows += float64(op.Rows)
		}
	}
	if scans > 0 {
		a.f.ScanMean = results.Num(rows / scans)
	}
	if reads == 0 {
		return
	}
	a.f.AbsentRate = results.Num(absent / reads)
	if want := a.spec.Mix[workloads.ReadAbsent]; !a.spec.MayMiss() && a.spec.Writers == 0 {
		a.check("absent", want/asked, absent/reads, within(want/asked, reads))
	}
}

// keys checks which keys were asked for and how long scans were to be.
func (a *audit) keys(l *nativeLoop) error {
	tapes := make([][]workloads.Op, len(l.workers))
	room := fidelitySample / len(l.workers)
	var before, inserted uint64
	for i, w := range l.workers {
		early, late := w.performed()
		tapes[i] = append(slices.Clone(early[:min(len(early), room)]), late[:min(len(late), max(room-len(early), 0))]...)
		before += w.before
		if r := w.kinds[workloads.Insert]; r != nil {
			inserted += r.N
		}
	}
	first := a.spec.FirstInsert
	if last, ok := l.seq.Last(); ok && last+1 >= inserted {
		first = max(last+1-inserted, first)
	}
	got, err := a.profile(tapes, l.o.Seed, first)
	if err != nil {
		return err
	}
	a.f.Sample = got.Operations
	if got.Scans > 0 {
		mean, sd := lengths(a.spec.ScanLength)
		a.check("scan_length", mean, *got.ScanMean, chance*sd/math.Sqrt(float64(got.Scans))+1e-9)
	}
	if got.Requests == 0 {
		return nil
	}
	f := a.f
	f.HotShare, f.Top1Share, f.Locality = got.HotShare, got.Top1Share, got.Locality
	f.Distinct = results.Num(float64(got.Distinct) / float64(got.Requests))
	if got.Zipf != nil && got.Zipf.Fits {
		f.Theta = results.Num(got.Zipf.Theta)
	}
	return a.skew(got, tapes, before, first)
}

// profile describes the operations of all workers, in turn. Inserts count as
// acknowledged at once, from the number first on.
func (a *audit) profile(tapes [][]workloads.Op, seed, first uint64) (profile.Profile, error) {
	seq := workloads.NewSequence(first)
	acc := profile.New(profile.Options{Records: max(a.spec.InsertCount, 1), Numbered: true, Keys: fidelitySample})
	gens := make([]*workloads.Generator, len(tapes))
	longest := 0
	for i, tape := range tapes {
		g, err := a.spec.NewGenerator(seed, i, len(tapes), seq)
		if err != nil {
			return profile.Profile{}, err
		}
		gens[i] = g
		longest = max(longest, len(tape))
	}
	for at := range longest {
		for i, tape := range tapes {
			if at >= len(tape) {
				continue
			}
			n, err := numberOf(tape[at], gens[i], seq)
			if err != nil {
				return profile.Profile{}, err
			}
			acc.Add(tape[at].Kind(), n, uint64(tape[at].Len()))
		}
	}
	return acc.Profile(), nil
}

// numberOf resolves an operation as a worker does, but for the store.
func numberOf(op workloads.Op, g *workloads.Generator, seq *workloads.Sequence) (uint64, error) {
	if op.Kind() != workloads.Insert {
		return g.Resolve(op), nil
	}
	n := seq.Next()
	return n, seq.Ack(n)
}

// lengths returns mean and standard deviation of a distribution.
func lengths(l workloads.Length) (mean, sd float64) {
	const steps = 1 << 12
	q, sum, squares := l.Quantile(), 0.0, 0.0
	for i := range steps {
		x := float64(q.At((float64(i) + 0.5) / steps))
		sum += x
		squares += x * x
	}
	mean = sum / steps
	return l.Mean(), math.Sqrt(max(squares/steps-mean*mean, 0))
}

// streamOf returns the hash of the measured operations of a single worker,
// with the key numbers that they were for: of n that came after before others.
// It draws them once more, since the worker keeps no record of them.
func streamOf(spec *workloads.Spec, seed, before, n uint64) (string, error) {
	if n = min(n, streamOps); before > streamOps {
		return "", nil
	}
	seq := spec.NewSequence()
	g, err := spec.NewGenerator(seed, 0, 1, seq)
	if err != nil {
		return "", err
	}
	var tape [1024]workloads.Op
	var buf [16]byte
	h := xxh3.New()
	for done := uint64(0); done < before+n; {
		part := tape[:min(before+n-done, uint64(len(tape)))]
		g.Fill(part)
		for _, op := range part {
			number, err := numberOf(op, g, seq)
			if err != nil {
				return "", err
			}
			if done++; done > before {
				binary.LittleEndian.PutUint64(buf[:8], uint64(op.Kind())<<32|uint64(op.Len()))
				binary.LittleEndian.PutUint64(buf[8:], number)
				h.Write(buf[:]) //nolint:errcheck // a hash does not fail
			}
		}
	}
	return fmt.Sprintf("%016x", h.Sum64()), nil
}

// unlike says in words which checks failed; empty if none did.
func unlike(f *results.Fidelity) string {
	var failed []string
	if f != nil {
		for _, c := range f.Checks {
			if !c.OK {
				failed = append(failed, fmt.Sprintf("%s is %.4g, defined as %.4g +- %.2g", c.Name, c.Got, c.Want, c.Within))
			}
		}
	}
	return strings.Join(failed, "; ")
}
