package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/workloads"
	"github.com/kvbench/kvbench/workloads/trace"
)

// Replay is the LoopDriver that does what a trace says. Operations on one key
// keep their order; with several workers those on different keys do not.
// Batches and multi-gets are done one operation after another. Values have the
// sizes that were recorded and contents that follow from the key, so what is
// read can be verified.
//
// Where the trace was recorded one operation at a time, its data were loaded
// and there is one worker, each get must find what the trace says.
type Replay struct {
	File string
	// Speed is how much faster than recorded operations are begun; 0 begins
	// them as soon as can be.
	Speed float64
}

const replayPrefix = "trace:"

// Name returns what ParseReplay reads: "trace:FILE", with "@xN" behind it for
// a speed.
func (d Replay) Name() string {
	if d.Speed == 0 {
		return replayPrefix + d.File
	}
	return replayPrefix + d.File + "@x" + strconv.FormatFloat(d.Speed, 'g', -1, 64)
}

// ParseReplay reads the name of a Replay; ok is false for any other name.
func ParseReplay(name string) (d Replay, ok bool) {
	if d.File, ok = strings.CutPrefix(name, replayPrefix); !ok || d.File == "" {
		return d, false
	}
	if i := strings.LastIndex(d.File, "@x"); i > 0 {
		if speed, err := strconv.ParseFloat(d.File[i+2:], 64); err == nil && speed > 0 {
			d.File, d.Speed = d.File[:i], speed
		}
	}
	return d, true
}

// ParsePace reads how fast a trace is replayed: none (0), recorded (1) or xN.
func ParsePace(s string) (speed float64, err error) {
	switch s {
	case "none":
		return 0, nil
	case "recorded":
		return 1, nil
	}
	text, ok := strings.CutPrefix(s, "x")
	if speed, err = strconv.ParseFloat(text, 64); !ok || err != nil || !(speed > 0) || speed > 1e6 {
		return 0, fmt.Errorf("pace %q: want none, recorded, or xN for N times as fast, such as x2 or x0.5", s)
	}
	return speed, nil
}

// ReplaySpec returns the workload that stands for a replay in results: the
// trace's name, its mix, and how much it loads if load is set. What a
// generator would need besides means nothing.
func ReplaySpec(name string, s *trace.Stat, load bool) (*workloads.Spec, error) {
	records := uint64(0)
	if load {
		records = s.Preloaded
	}
	size := 1
	if s.ValueBytes != nil {
		size = max(int(s.ValueBytes.Mean+0.5), 1)
	}
	spec, err := workloads.Parse(workloads.Input{Files: []workloads.File{{Name: name, Data: fmt.Appendf(nil,
		"recordcount=%d\noperationcount=%d\nreadproportion=1\nupdateproportion=0\nvaluesize=%d\nupdatemode=blind\n",
		max(records, 1), s.Operations, size)}}})
	if err != nil {
		return nil, fmt.Errorf("replay %s: %w", name, err)
	}
	spec.Records, spec.InsertCount = records, records
	spec.Mix = workloads.Mix{}
	for kind := range trace.Kind(len(replayKinds)) {
		spec.Mix[replayKinds[kind]] = float64(s.Kinds[kind.String()]) / float64(max(s.Operations, 1))
	}
	spec.Request.Name = "trace"
	return spec, nil
}

// paced marks the cell of a replay that keeps to times as an open loop.
func (s *CellSpec) paced() {
	if d, ok := ParseReplay(s.Cell.Load.Driver); ok && d.Speed > 0 {
		s.Cell.Load.Mode, s.Cell.Load.Arrival = "open", "recorded@x"+strconv.FormatFloat(d.Speed, 'g', -1, 64)
	}
}

// replayKinds are the kinds of operations by that of the trace's.
var replayKinds = [...]workloads.Kind{
	trace.Get: workloads.Read, trace.Put: workloads.Put, trace.Delete: workloads.Delete,
	trace.Scan: workloads.Scan, trace.ReverseScan: workloads.ReverseScan, trace.DeleteRange: workloads.DeleteRange,
}

// Open opens a session for every worker.
func (d Replay) Open(t Target, o LoopOptions) (Loop, error) {
	l := &replayLoop{d: d, o: o, clock: newClock(), values: newReplayValues()}
	r, f, err := openTrace(d.File)
	if err != nil {
		return nil, err
	}
	l.check = r.Sequential() && o.Threads == 1 && o.Workload.Records > 0 && !o.Blank && o.Verify != VerifyOff
	if err := f.Close(); err != nil {
		return nil, err
	}
	for i := range o.Threads {
		s, err := t.Session(i)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("open session %d: %w", i, err), l.Close())
		}
		l.workers = append(l.workers, &replayWorker{l: l, session: s})
	}
	return l, nil
}

func openTrace(name string) (*trace.Reader, *os.File, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, nil, fmt.Errorf("replay: %w", err)
	}
	r, err := trace.NewReader(f, name)
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return r, f, nil
}

type replayLoop struct {
	d       Replay
	o       LoopOptions
	clock   clock
	values  *replayValues
	check   bool // gets must find what the trace says
	workers []*replayWorker
	feed    *replayFeed // nil: not begun
}

// Notes says how a replay differs.
func (l *replayLoop) Notes() []string {
	notes := []string{"replay of " + l.d.File + ", batches one operation after another"}
	if !l.check {
		notes = append(notes, "whether a key is found was not checked against the trace")
	}
	return notes
}

// Close ends the sessions.
func (l *replayLoop) Close() (err error) {
	if l.feed != nil {
		l.feed.close()
	}
	for _, w := range l.workers {
		err = errors.Join(err, w.session.Close())
	}
	l.workers = nil
	return err
}

// Load writes the records that the trace reads before it writes them, in the
// order in which it does.
func (l *replayLoop) Load(ctx context.Context, limits Limits) (*PhaseResult, error) {
	r, f, err := openTrace(l.d.File)
	if err != nil {
		return nil, fmt.Errorf("load: %w", err)
	}
	defer f.Close()
	res := &OpResult{}
	p := &PhaseResult{Ops: map[workloads.Kind]*OpResult{workloads.Insert: res}, LiveDeltaOK: true}
	start := l.clock.now()
	seen := trace.NewKeySet()
	var op trace.Op
	var buf []byte
	mean := int(l.o.Workload.MeanValue())
	for p.FirstError == nil && ctx.Err() == nil {
		if err = r.Next(&op); err != nil {
			break
		}
		h := trace.KeyHash(op.Key)
		fresh := op.Kind != trace.Scan && op.Kind != trace.ReverseScan && op.Kind != trace.DeleteRange && (op.Kind != trace.Get || op.Result != trace.Absent) && seen.Add(h)
		if !fresh || op.Kind != trace.Get {
			continue
		}
		size := op.Size
		if size < 0 {
			size = mean
		}
		buf = l.values.append(buf[:0], h, size)
		begin := l.clock.now()
		p.FirstError = l.workers[0].session.Put(op.Key, buf)
		res.Service.Record(l.clock.now() - begin)
		res.N++
		res.BytesIn += uint64(len(op.Key) + len(buf))
	}
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, trace.ErrTorn) {
		return nil, fmt.Errorf("load: %w", err)
	}
	res.OK = res.N
	p.LiveDelta = int64(res.BytesIn)
	p.Elapsed = time.Duration(l.clock.now() - start)
	p.Active, p.Interrupted = p.Elapsed, ctx.Err() != nil
	return p, nil
}

// replayValues makes values that follow from key and size: a piece of one
// pool.
type replayValues struct{ pool []byte }

func newReplayValues() *replayValues {
	v := &replayValues{pool: make([]byte, 1<<20)}
	seed := uint64(PoolSeed)
	for i := range v.pool {
		if i%8 == 0 {
			seed = derive(seed, uint64(i))
		}
		v.pool[i] = byte(seed >> (i % 8 * 8))
	}
	return v
}

// append appends the value of size bytes of the key with hash h to dst.
func (v *replayValues) append(dst []byte, h uint64, size int) []byte {
	at := int(h % uint64(len(v.pool)))
	for size > 0 {
		n := min(size, len(v.pool)-at)
		dst = append(dst, v.pool[at:at+n]...)
		size -= n
		at = 0
	}
	return dst
}

// verify reports whether value is one of the key with hash h.
func (v *replayValues) verify(h uint64, value []byte) bool {
	at := int(h % uint64(len(v.pool)))
	for len(value) > 0 {
		n := min(len(value), len(v.pool)-at)
		if !bytes.Equal(value[:n], v.pool[at:at+n]) {
			return false
		}
		value, at = value[n:], 0
	}
	return true
}

// errEnd ends a scan at its upper bound.
var errEnd = errors.New("end of the scan")

var _ Preparer = (*replayLoop)(nil)

// absent reports whether err is only that a record is not there.
func absent(err error) bool { return errors.Is(err, engine.ErrNotFound) }
