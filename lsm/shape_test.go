package lsm

import (
	"context"
	"encoding/binary"
	"errors"
	"maps"
	"math/rand/v2"
	"testing"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/offheap"
	"github.com/kvbench/kvbench/engine/vfs"
)

// costs are what a layout costs, by the engine's counters.
type costs struct {
	writes  float64 // bytes written to tables for each of the user's
	settled float64 // the same after Settle
	present float64 // runs in which a get looks for a key that there is
	absent  float64 // and for one that there is not
	blocks  float64 // that a get of an absent key looks at
	space   float64 // bytes of files for each live byte
}

// A memtable takes about 100 entries, and about 6 MB are live in the end: that
// makes three levels below level 0 with a size ratio of 4, and two with 10.
const (
	shapeSeed   = 7
	shapeKeys   = 10_000
	shapeWrites = 2 * shapeKeys // of which costs are, after as many before them
	shapeValue  = 600
	shapeGets   = 4 // of present keys, and of absent ones, after each flush
)

// shapeKey is key n: those that are even get written.
func shapeKey(n int) []byte {
	return binary.BigEndian.AppendUint64(nil, uint64(n)*0x9e3779b97f4a7c15)
}

// A sampler overwrites keys at random, and looks what gets cost.
type sampler struct {
	t       *testing.T
	e       *tree
	random  *rand.Rand
	written map[int]bool
	value   [shapeValue]byte

	began engine.Metrics
	// Sums over the looks since then.
	gets, present, absent, blocks uint64
	looks                         int
	space                         float64
}

// costsOf measures a tree on whose level 0 four flushes make a run of the next
// one. No goroutine works in the background: all that is due is done after each
// flush, in one order.
func costsOf(t *testing.T, given map[string]string) (c costs) {
	t.Helper()
	if offheap.OnHeap {
		t.Skip("takes a minute with the race detector, which has nothing to find in one goroutine")
	}
	all := map[string]string{
		"memtable_bytes": "64k", "memory_bytes": "256k", "table_bytes": "32k", "base_bytes": "128k",
		"l0_runs": "4", "block_bytes": "1k", "cache_bytes": "1m", "filter": "none", "durability": "none",
	}
	maps.Copy(all, given)
	e := openIn(t, vfs.NewMem(), all)
	e.work.end()
	e.work.init()
	s := sampler{t: t, e: e, random: rand.New(rand.NewPCG(shapeSeed, 1)), written: make(map[int]bool)}
	for range shapeWrites {
		s.put()
	}
	s.begin()
	for range shapeWrites {
		s.put()
	}
	gets := float64(s.gets)
	c = costs{
		writes:  s.amplification(),
		present: float64(s.present) / gets, absent: float64(s.absent) / gets, blocks: float64(s.blocks) / gets,
		space: s.space / float64(s.looks),
	}
	s.must(e.Settle(context.Background()))
	c.settled = s.amplification()
	t.Logf("%v: %+v", given, c)
	return c
}

func (s *sampler) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatalf("seed %d: %v", shapeSeed, err)
	}
}

// put writes one key, and does the work when that has filled a memtable.
func (s *sampler) put() {
	n := 2 * s.random.IntN(shapeKeys)
	s.written[n] = true
	for i := 0; i < len(s.value); i += 8 {
		binary.LittleEndian.PutUint64(s.value[i:], s.random.Uint64())
	}
	s.must(s.e.Put(shapeKey(n), s.value[:], engine.Default))
	if len(s.e.view.Load().frozen) == 0 {
		return
	}
	_, err := s.e.flush(context.Background())
	s.must(err)
	for more := true; more; {
		more, err = s.e.compactOnce(context.Background())
		s.must(err)
	}
	s.e.cleanUp()
	s.look()
}

// look gets keys. There is hardly anything in memtables.
func (s *sampler) look() {
	var keys [shapeGets]int
	for i := range keys {
		for keys[i] = -1; !s.written[keys[i]]; {
			keys[i] = 2 * s.random.IntN(shapeKeys)
		}
	}
	before := s.metrics()
	for _, n := range keys {
		_, err := s.e.Get(nil, shapeKey(n))
		s.must(err)
	}
	between := s.metrics()
	for _, n := range keys {
		if _, err := s.e.Get(nil, shapeKey(n+1)); !errors.Is(err, engine.ErrNotFound) {
			s.t.Fatalf("seed %d: an absent key gives %v", shapeSeed, err)
		}
	}
	after := s.metrics()
	present, absent := between.Since(&before), after.Since(&between)
	s.gets += uint64(len(keys))
	s.present += present.Read.RunsProbed.Or(0)
	s.absent += absent.Read.RunsProbed.Or(0)
	s.blocks += absent.Read.BlocksTouched.Or(0)
	s.looks++
	s.space += float64(after.Space.DiskBytes.Or(0)) / float64(len(s.written)*(len(shapeKey(0))+shapeValue))
}

// begin forgets what was measured.
func (s *sampler) begin() {
	s.began = s.metrics()
	s.gets, s.present, s.absent, s.blocks, s.looks, s.space = 0, 0, 0, 0, 0, 0
}

func (s *sampler) metrics() (m engine.Metrics) {
	s.e.Metrics(&m)
	return m
}

func (s *sampler) amplification() float64 {
	m := s.metrics()
	m = m.Since(&s.began)
	return float64(m.Work.FlushBytes.Or(0)+m.Work.CompactWriteBytes.Or(0)) / float64(m.User.BytesIn.Or(1))
}

// rising checks that costs rise in the order of layouts, each by a tenth of
// what it was and more.
func rising(t *testing.T, what string, of map[string]costs, cost func(c costs) float64, layouts ...string) {
	t.Helper()
	for i := 1; i < len(layouts); i++ {
		a, b := layouts[i-1], layouts[i]
		if x, y := cost(of[a]), cost(of[b]); !(1.1*x < y) {
			t.Errorf("seed %d: %s are %.2f with %s, and %.2f with %s", shapeSeed, what, x, a, y, b)
		}
	}
}

// The shape of Dayan and Idreos, "Dostoevsky" (SIGMOD 2018), and of Sarkar et
// al. (VLDB 2021): what a layout saves on writes it costs in reads.
func TestLayoutsTradeWritesForReads(t *testing.T) {
	writes := func(c costs) float64 { return c.writes }
	settled := func(c costs) float64 { return c.settled }
	absent := func(c costs) float64 { return c.absent }
	present := func(c costs) float64 { return c.present }
	space := func(c costs) float64 { return c.space }
	all := make(map[string]costs)
	fifo := costsOf(t, map[string]string{"layout": "fifo", "filter": "blocked"})
	for _, ratio := range []string{"4", "10"} {
		of := map[string]costs{"fifo": fifo}
		for _, layout := range []string{"leveled", "one-leveled", "lazy", "tiered"} {
			of[layout] = costsOf(t, map[string]string{"layout": layout, "size_ratio": ratio})
			all[layout+ratio] = of[layout]
			if c := of[layout]; c.blocks != c.absent {
				t.Errorf("seed %d: %s, T=%s: %.2f blocks of %.2f runs without a filter", shapeSeed, layout, ratio, c.blocks, c.absent)
			}
		}
		rising(t, "writes, T="+ratio, of, writes, "fifo", "tiered", "lazy", "leveled")
		rising(t, "writes, T="+ratio, of, writes, "tiered", "one-leveled", "leveled")
		rising(t, "writes with Settle, T="+ratio, of, settled, "fifo", "tiered", "lazy", "leveled")
		rising(t, "reads of absent keys, T="+ratio, of, absent, "leveled", "lazy", "tiered", "fifo")
		rising(t, "reads of absent keys, T="+ratio, of, absent, "leveled", "one-leveled", "tiered")
		rising(t, "reads of present keys, T="+ratio, of, present, "leveled", "lazy")
		rising(t, "reads of present keys, T="+ratio, of, present, "leveled", "tiered", "fifo")
		rising(t, "bytes of files, T="+ratio, of, space, "leveled", "tiered")
		rising(t, "bytes of files, T="+ratio, of, space, "lazy", "tiered", "fifo")
	}
	rising(t, "writes", all, writes, "leveled4", "leveled10")
	rising(t, "writes", all, writes, "tiered10", "tiered4")
	rising(t, "reads of absent keys", all, absent, "leveled10", "leveled4")
	rising(t, "reads of absent keys", all, absent, "tiered4", "tiered10")
	if w := fifo.writes; w > 1.2 {
		t.Errorf("fifo writes %.2f bytes for each of the user's", w)
	}
}

func TestFiltersSpareBlocksOfRunsThatHaveNotTheKey(t *testing.T) {
	for _, kind := range []string{"bloom", "blocked", "fuse"} {
		c := costsOf(t, map[string]string{"layout": "tiered", "size_ratio": "10", "filter": kind})
		if c.absent < 5 || c.blocks > 0.02*c.absent {
			t.Errorf("seed %d: with %s a get of an absent key looks into %.3f blocks of %.1f runs",
				shapeSeed, kind, c.blocks, c.absent)
		}
	}
}
