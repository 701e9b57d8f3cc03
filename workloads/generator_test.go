package workloads

import (
	"math"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

func mustGenerator(t testing.TB, s *Spec, seed uint64, worker, workers int, q *Sequence) *Generator {
	t.Helper()
	g, err := s.NewGenerator(seed, worker, workers, q)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestAnOperationKeepsItsParts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := Kind(rapid.IntRange(0, int(NumKinds)-1).Draw(t, "kind"))
		l := rapid.Uint64Range(0, maxLen).Draw(t, "len")
		n := rapid.Uint64Range(0, maxNumber).Draw(t, "number")
		o := makeOp(k, l, n)
		if o.Kind() != k || o.Len() != int(l) || o.Number() != n {
			t.Fatalf("%v %d %d became %v %d %d", k, l, n, o.Kind(), o.Len(), o.Number())
		}
	})
}

func TestTheSameSeedDrawsTheSameOperations(t *testing.T) {
	for _, name := range presetNames() {
		s := mustParse(t, name, "recordcount=10000")
		workers := s.Writers + 2
		draw := func(seed uint64, worker int, ackFirst bool) []Op {
			q := s.NewSequence()
			if ackFirst { // the progress of inserts must not matter
				for range 1000 {
					if err := q.Ack(q.Next()); err != nil {
						t.Fatal(err)
					}
				}
			}
			tape := make([]Op, 2000)
			mustGenerator(t, s, seed, worker, workers, q).Fill(tape)
			return tape
		}
		if !slices.Equal(draw(1, 0, false), draw(1, 0, true)) {
			t.Errorf("%s: two tapes of one seed differ", name)
		}
		if s.Request.Name == "sequential" || name == "fillseq" {
			continue
		}
		if slices.Equal(draw(1, 0, false), draw(2, 0, false)) || slices.Equal(draw(1, 0, false), draw(1, 1, false)) {
			t.Errorf("%s: tapes of different seeds or workers are equal", name)
		}
	}
}

// shares returns the mix of n drawn operations.
func shares(t testing.TB, g *Generator, n int) Mix {
	t.Helper()
	tape, m := make([]Op, n), Mix{}
	g.Fill(tape)
	for _, o := range tape {
		m[o.Kind()] += 1 / float64(n)
	}
	return m
}

func TestTheMixOfEveryPresetIsDrawn(t *testing.T) {
	const n = 200000
	for _, name := range presetNames() {
		s := mustParse(t, name, "recordcount=1000")
		got := shares(t, mustGenerator(t, s, 5, s.Writers, s.Writers+1, s.NewSequence()), n)
		for k, p := range s.Mix {
			if bound := 5*math.Sqrt(p*(1-p)/n) + 1e-9; math.Abs(got[k]-p) > bound {
				t.Errorf("%s: share of %v is %.5f, want %.5f +- %.5f", name, Kind(k), got[k], p, bound)
			}
		}
	}
}

// presentKeys is what a store would hold while inserts come and are
// acknowledged late and out of order.
type presentKeys struct {
	mu    sync.RWMutex
	above map[uint64]bool // inserted by the run
	s     *Spec
}

func (p *presentKeys) has(n uint64) bool {
	if n >= p.s.InsertStart && n < p.s.InsertStart+p.s.InsertCount {
		return true
	}
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.above[n]
}

func (p *presentKeys) insert(n uint64) {
	p.mu.Lock()
	p.above[n] = true
	p.mu.Unlock()
}

// runAgainst lets a worker run its operations; it reports the absent reads.
func runAgainst(p *presentKeys, g *Generator, q *Sequence, tape []Op) (absent int, err error) {
	var pending []uint64
	for i, o := range tape {
		if o.Kind() == Insert {
			n := q.Next()
			p.insert(n)
			pending = append(pending, n)
			if i%3 != 0 {
				continue
			}
			slices.Reverse(pending)
			for _, n := range pending {
				if err := q.Ack(n); err != nil {
					return absent, err
				}
			}
			pending = pending[:0]
			continue
		}
		if !p.has(g.Resolve(o)) {
			absent++
		}
	}
	return absent, nil
}

func TestNoCoreWorkloadReadsAKeyThatDoesNotExist(t *testing.T) {
	const workers, ops = 4, 10000
	dists := []string{"", "uniform", "zipfian", "latest", "hotspot", "exponential", "sequential", "zipf:1.2", "keyrange"}
	for _, name := range []string{"A", "B", "C", "D", "E", "F"} {
		for _, d := range dists {
			o := []string{"recordcount=1000", "operationcount=40000"}
			if d != "" {
				o = append(o, "requestdistribution="+d)
			}
			s := mustParse(t, name, o...)
			if s.MayMiss() {
				t.Errorf("%s: MayMiss", name)
			}
			q, p := s.NewSequence(), &presentKeys{above: map[uint64]bool{}, s: s}
			var wg sync.WaitGroup
			for w := range workers {
				g := mustGenerator(t, s, 11, w, workers, q)
				tape := make([]Op, ops)
				g.Fill(tape)
				wg.Go(func() {
					if absent, err := runAgainst(p, g, q, tape); absent > 0 || err != nil {
						t.Errorf("%s %s: worker %d read %d absent keys, error %v", name, d, w, absent, err)
					}
				})
			}
			wg.Wait()
		}
	}
}

func TestGoYCSBReadsKeysThatDoNotExistYet(t *testing.T) {
	s := mustParse(t, "D", "recordcount=1000", "operationcount=100000", "requestdistribution=zipfian", "ycsbcompat=go-ycsb")
	if !s.MayMiss() {
		t.Error("MayMiss is false")
	}
	q := s.NewSequence()
	g, absent := mustGenerator(t, s, 1, 0, 1, q), 0
	tape := make([]Op, 10000)
	g.Fill(tape)
	for _, o := range tape {
		if o.Kind() == Read && g.Resolve(o) > 999 {
			absent++
		}
	}
	// 10 000 new keys are expected for 1000 records.
	if absent < 5000 {
		t.Errorf("%d of %d reads were of absent keys", absent, len(tape))
	}
}

func TestLatestReadsTheNewestMostAndNothingNewer(t *testing.T) {
	s := mustParse(t, "D", "recordcount=1000")
	q := s.NewSequence()
	g := mustGenerator(t, s, 3, 0, 1, q)
	tape, ages := make([]Op, 100000), map[uint64]int{}
	g.Fill(tape)
	reads := 0
	for _, o := range tape {
		if o.Kind() == Insert {
			if err := q.Ack(q.Next()); err != nil {
				t.Fatal(err)
			}
			continue
		}
		last, _ := q.Last()
		n := g.Resolve(o)
		if n > last {
			t.Fatalf("number %d, but %d is the newest", n, last)
		}
		ages[last-n]++
		reads++
	}
	for age, c := range ages {
		if c > ages[0] {
			t.Errorf("age %d was read %d times, the newest %d times", age, c, ages[0])
		}
	}
	// 1/zeta(n) for n between 1000 and 6000 records.
	if share := float64(ages[0]) / float64(reads); share < 0.10 || share > 0.14 {
		t.Errorf("the newest got %.3f of the reads", share)
	}
	// An unacknowledged insert holds the newest back.
	q.Next()
	held, _ := q.Last()
	if err := q.Ack(q.Next()); err != nil {
		t.Fatal(err)
	}
	if n := g.Resolve(makeOp(Read, 0, 0)); n != held {
		t.Errorf("newest is %d while %d is unacknowledged", n, held+1)
	}
}

// hits draws n requests and counts them by number.
func hits(t testing.TB, s *Spec, n int) map[uint64]int {
	t.Helper()
	q := s.NewSequence()
	g := mustGenerator(t, s, 17, 0, 1, q)
	tape, counts := make([]Op, n), map[uint64]int{}
	g.Fill(tape)
	for _, o := range tape {
		if o.Kind() == Insert {
			if err := q.Ack(q.Next()); err != nil {
				t.Fatal(err)
			}
			continue
		}
		counts[g.Resolve(o)]++
	}
	return counts
}

func TestZipfianRequestsHaveTheHotKeysAndTheShareOfJava(t *testing.T) {
	const n = 1 << 20
	for _, c := range []struct {
		records string
		hot     []uint64
	}{
		{"recordcount=1000", []uint64{144, 610, 213, 679, 10}},
		{"recordcount=1000000", []uint64{801320, 216074, 971811, 386565, 464295}},
	} {
		s := mustParse(t, "C", c.records)
		counts := hits(t, s, n)
		share := 100*float64(counts[c.hot[0]])/n - 80/float64(s.Records)
		if math.Abs(share-3.78) > 0.1 {
			t.Errorf("%s: the hottest key has %.3f %%, want 3.78 +- 0.1", c.records, share)
		}
		for i, number := range c.hot[1:] {
			if counts[number] > counts[c.hot[i]] {
				t.Errorf("%s: %d is hotter than %d", c.records, number, c.hot[i])
			}
		}
	}
}

func TestUniformRequestsAreForTheLoadedRecordsOnly(t *testing.T) {
	s := mustParse(t, "D", "recordcount=1000", "insertstart=100", "insertcount=500", "requestdistribution=uniform")
	counts := hits(t, s, 200000)
	for n := range counts {
		if n < 100 || n >= 600 {
			t.Fatalf("number %d", n)
		}
	}
	if len(counts) != 500 {
		t.Errorf("%d different records, want 500", len(counts))
	}
	if s.FirstInsert != 1000 {
		t.Errorf("inserts begin at %d, want 1000", s.FirstInsert)
	}
}

func TestHotspotAndExponentialRequestsHaveTheirShape(t *testing.T) {
	const n = 200000
	inside := func(counts map[uint64]int, low, high uint64) float64 {
		sum := 0
		for number, c := range counts {
			if number >= low && number < high {
				sum += c
			}
		}
		return float64(sum) / n
	}
	hot := hits(t, mustParse(t, "C", "recordcount=10000", "requestdistribution=hotspot:0.1:0.7"), n)
	if got := inside(hot, 0, 1000); math.Abs(got-0.7) > 0.01 {
		t.Errorf("hotspot: %.3f of the requests for the hot tenth, want 0.7", got)
	}
	exp := hits(t, mustParse(t, "C", "recordcount=10000", "requestdistribution=exponential"), n)
	// 95 % within the newest 8571 records; draws beyond the oldest are drawn
	// again, which leaves 0.95/(1-e^(-gamma*10000)).
	want := 0.95 / (1 - math.Pow(0.05, 1/0.8571428571))
	if got := inside(exp, 10000-8571, 10000); math.Abs(got-want) > 0.01 {
		t.Errorf("exponential: %.3f within the newest part, want %.3f", got, want)
	}
}

func TestScanLengthsCoverTheirRange(t *testing.T) {
	for _, c := range []struct {
		d         string
		low, high float64
	}{{"uniform", 50.0, 51.0}, {"zipfian", 18, 20}} {
		s := mustParse(t, "E", "recordcount=1000", "scanlengthdistribution="+c.d)
		tape, seen, sum, scans := make([]Op, 300000), map[int]bool{}, 0, 0
		mustGenerator(t, s, 1, 0, 1, s.NewSequence()).Fill(tape)
		for _, o := range tape {
			if o.Kind() != Scan {
				if o.Len() != 0 {
					t.Fatalf("%v has a length", o.Kind())
				}
				continue
			}
			if o.Len() < 1 || o.Len() > 100 {
				t.Fatalf("scan of %d", o.Len())
			}
			seen[o.Len()] = true
			sum += o.Len()
			scans++
		}
		if mean := float64(sum) / float64(scans); mean < c.low || mean > c.high || len(seen) != 100 {
			t.Errorf("%s: mean %.2f, %d lengths", c.d, mean, len(seen))
		}
	}
}

func TestSequentialScansReadEveryRecordOnceInAnyNumberOfWorkers(t *testing.T) {
	for _, name := range []string{"readseq", "readreverse"} {
		s := mustParse(t, name, "recordcount=100000")
		read := make([]int, s.Records)
		const workers = 4
		for w := range workers {
			tape := make([]Op, 25)
			g := mustGenerator(t, s, 1, w, workers, s.NewSequence())
			g.Fill(tape)
			for _, o := range tape {
				at := g.Resolve(o)
				for i := range uint64(o.Len()) {
					if o.Kind() == ReverseScan {
						read[at-i]++
					} else {
						read[at+i]++
					}
				}
			}
		}
		if i := slices.IndexFunc(read, func(n int) bool { return n != 1 }); i >= 0 {
			t.Errorf("%s: record %d was read %d times", name, i, read[i])
		}
	}
}

func TestWritersRunTheirOwnMix(t *testing.T) {
	s := mustParse(t, "readwhilewriting", "recordcount=1000")
	if _, err := s.NewGenerator(1, 0, 1, s.NewSequence()); err == nil {
		t.Error("one worker is enough for a writer and a reader")
	}
	writer := shares(t, mustGenerator(t, s, 1, 0, 3, s.NewSequence()), 1000)
	reader := shares(t, mustGenerator(t, s, 1, 1, 3, s.NewSequence()), 1000)
	if math.Abs(writer[Put]-1) > 1e-9 || math.Abs(reader[Read]-1) > 1e-9 {
		t.Errorf("writer %v, reader %v", writer, reader)
	}
	if !s.Has(Put) || !s.Has(Read) || s.Has(Scan) || s.NeedsOrder() || s.MayMiss() {
		t.Error("Has, NeedsOrder or MayMiss is wrong")
	}
}

func TestAnEmptyStoreIsFilled(t *testing.T) {
	s := mustParse(t, "fillrandom", "recordcount=1000")
	if s.Records != 0 || !s.MayMiss() {
		t.Errorf("records %d, MayMiss %v", s.Records, s.MayMiss())
	}
	if counts := hits(t, s, 20000); len(counts) != 1000 {
		t.Errorf("%d different keys, want 1000", len(counts))
	}
	s = mustParse(t, "fillseq")
	if q := s.NewSequence(); q.Next() != 0 {
		t.Error("fillseq does not begin at 0")
	}
	// Reads of a store that is being filled find what is there.
	s = mustParse(t, "D", "recordcount=1000", "preload=false")
	q := s.NewSequence()
	g := mustGenerator(t, s, 1, 0, 1, q)
	if n := g.Resolve(makeOp(Read, 0, 5)); n != 0 {
		t.Errorf("number %d of an empty store", n)
	}
	for range 3 {
		if err := q.Ack(q.Next()); err != nil {
			t.Fatal(err)
		}
	}
	for d := range uint64(50) {
		if n := g.Resolve(makeOp(Read, 0, d)); n > 2 {
			t.Errorf("number %d of 3", n)
		}
	}
}

func TestTheLoaderYieldsEachNumberOnce(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		workers := rapid.IntRange(1, 5).Draw(rt, "workers")
		order := rapid.SampledFrom([]string{"sequential", "shuffled"}).Draw(rt, "order")
		s := mustParse(t, "C", "recordcount=700", "insertstart=50", "loadorder="+order)
		seen := map[uint64]bool{}
		for w := range workers {
			l, err := s.NewLoader(9, w, workers)
			if err != nil {
				rt.Fatal(err)
			}
			left := l.Len()
			for n, ok := l.Next(); ok; n, ok = l.Next() {
				if seen[n] || n < 50 || n >= 700 {
					rt.Fatalf("number %d", n)
				}
				seen[n] = true
				left--
			}
			if left != 0 || l.Len() != 0 {
				rt.Fatalf("Len was off by %d", int64(left))
			}
		}
		if len(seen) != 650 {
			rt.Fatalf("%d numbers, want 650", len(seen))
		}
	})
	s := mustParse(t, "fillrandom")
	if l, err := s.NewLoader(1, 0, 1); err != nil || l.Len() != 0 {
		t.Errorf("an empty store is loaded with %d records, error %v", l.Len(), err)
	}
}

func TestFieldsAreChosenUniformly(t *testing.T) {
	s := mustParse(t, "A", "recordcount=10")
	g, counts := mustGenerator(t, s, 1, 0, 1, s.NewSequence()), [10]int{}
	for range 100000 {
		counts[g.Field()]++
	}
	for f, c := range counts {
		if c < 9500 || c > 10500 {
			t.Errorf("field %d: %d of 100000", f, c)
		}
	}
}

func TestDrawingAllocatesNothing(t *testing.T) {
	for _, d := range []string{"uniform", "zipfian", "zipf:1.2", "latest", "hotspot", "exponential", "sequential", "keyrange"} {
		s := mustParse(t, "D", "recordcount=1000", "operationcount=1000", "requestdistribution="+d)
		q := s.NewSequence()
		g, tape := mustGenerator(t, s, 1, 0, 1, q), make([]Op, 64)
		if a := testing.AllocsPerRun(100, func() {
			g.Fill(tape)
			for _, o := range tape {
				if o.Kind() == Insert {
					if q.Ack(q.Next()) != nil {
						t.Fatal("Ack")
					}
				} else {
					g.Resolve(o)
				}
				g.Field()
			}
		}); a != 0 {
			t.Errorf("%s: %g allocations", d, a)
		}
	}
}
