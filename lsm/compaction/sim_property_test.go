package compaction

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// small settings for trees of some hundred entries.
func small(r *rand.Rand) Settings {
	pick := func(names ...string) string { return names[r.IntN(len(names))] }
	s := Settings{
		Layout:      pick("leveled", "tiered", "lazy", "one-leveled", "fluid"),
		Granularity: pick("file", "files", "level"),
		Movement:    pick("min-overlap", "round-robin", "oldest", "coldest", "most-tombstones", "expired-first"),
		SizeRatio:   2 + r.IntN(4), L0Runs: 1 + r.IntN(4), LastRuns: 1 + r.IntN(3),
		BaseBytes: 16 * entryBytes, TableBytes: int64(1+r.IntN(8)) * entryBytes,
		NoMoves: r.IntN(4) == 0,
	}
	if r.IntN(3) == 0 {
		s.JobBytes = int64(4+r.IntN(40)) * entryBytes
	}
	if r.IntN(3) == 0 {
		s.TTL = time.Duration(20 + r.IntN(100))
	}
	if r.IntN(3) == 0 {
		s.TombstoneAge = time.Duration(20 + r.IntN(100))
	}
	if r.IntN(3) == 0 {
		s.SpaceAmp = 0.5 + r.Float64()*2
	}
	return s
}

// batch is a flush of one of several shapes.
func (s *simulation) batch(r *rand.Rand, universe int) {
	var keys []int
	n := 1 + r.IntN(16)
	from := r.IntN(universe)
	for i := range n {
		k := r.IntN(universe)
		if n%3 == 0 { // a narrow range
			k = (from + i) % universe
		}
		if r.IntN(4) == 0 {
			k = -k - 1
		}
		keys = append(keys, k)
	}
	expiry := int64(0)
	if r.IntN(6) == 0 {
		expiry = s.now + int64(r.IntN(50))
	}
	s.flush(s.write(keys, expiry), 1+r.IntN(16))
}

func TestTreesComeToRestAndKeepWhatIsNewest(t *testing.T) {
	for seed := range uint64(80) {
		r := rand.New(rand.NewPCG(seed, 1))
		settings := small(r)
		if !t.Run(fmt.Sprintf("seed=%d,%s", seed, settings.Layout), func(t *testing.T) {
			s := simulate(t, settings)
			for range 60 {
				s.now += int64(r.IntN(5))
				s.batch(r, 200)
				s.settle()
				s.rested()
				s.check()
			}
			s.idle = true
			s.settle()
			s.check()
			if err := s.version().Check(); err != nil {
				t.Fatal(err)
			}
		}) {
			t.Fatalf("%+v", settings)
		}
	}
}

func TestJobsThatRunTogetherKeepWhatIsNewest(t *testing.T) {
	together, within := 0, 0
	for seed := range uint64(25) {
		r := rand.New(rand.NewPCG(seed, 2))
		settings := small(r)
		if !t.Run(fmt.Sprintf("seed=%d,%s", seed, settings.Layout), func(t *testing.T) {
			s := simulate(t, settings)
			for range 240 {
				s.now += int64(r.IntN(2))
				switch r.IntN(4) {
				case 0:
					s.batch(r, 300)
				case 1, 2:
					st := s.ask()
					st.Idle = r.IntN(8) == 0
					st.BlobVictims = s.some(r)
					s.begin(s.choose(r, st))
				case 3:
					if n := len(s.running); n > 0 {
						s.finish(r.IntN(n))
						s.check()
					}
				}
				if len(s.running) > 1 {
					together++
				}
			}
			for len(s.running) > 0 {
				s.finish(0)
				s.check()
			}
			s.settle()
			s.rested()
			s.check()
			within += s.reasons[IntraL0]
		}) {
			t.Fatalf("%+v", settings)
		}
	}
	if together < 300 || within < 10 {
		t.Errorf("jobs ran together %d times, and within level 0 %d", together, within)
	}
}

// choose picks, or picks for a range.
func (s *simulation) choose(r *rand.Rand, st State) Choice {
	if r.IntN(6) > 0 {
		return s.picker.Pick(st)
	}
	from := r.IntN(300)
	return s.picker.PickRange(st, keyOf(from), keyOf(from+1+r.IntN(100)))
}

// some are IDs of a few tables.
func (s *simulation) some(r *rand.Rand) []uint64 {
	var ids []uint64
	for _, p := range s.version().All() {
		if r.IntN(20) == 0 {
			ids = append(ids, p.Table.ID)
		}
	}
	return ids
}

func TestAManualCompactionLeavesOneTableForAKeyAndNoDeletes(t *testing.T) {
	for seed := range uint64(25) {
		r := rand.New(rand.NewPCG(seed, 3))
		settings := small(r)
		if !t.Run(fmt.Sprintf("seed=%d,%s", seed, settings.Layout), func(t *testing.T) {
			s := simulate(t, settings)
			for range 40 {
				s.batch(r, 200)
				if r.IntN(2) == 0 {
					s.settle()
				}
			}
			from := r.IntN(200)
			lower, upper := keyOf(from), keyOf(from+1+r.IntN(100))
			steps := 0
			for s.begin(s.picker.PickRange(s.ask(), lower, upper)) {
				s.finish(0)
				if steps++; steps > 1000 {
					t.Fatal("no end of steps")
				}
			}
			s.check()
			s.once(from, lower, upper)
		}) {
			t.Fatalf("%+v", settings)
		}
	}
}

// once checks that keys of a range are in one run, and are no deletes.
func (s *simulation) once(from int, lower, upper []byte) {
	for k := from; string(keyOf(k)) < string(upper); k++ {
		n := 0
		for i, l := range s.version().Levels {
			for _, r := range l.Runs {
				x := r.Find(keyOf(k))
				if x == nil {
					continue
				}
				n++
				if i == 0 || x.Tombstones > 0 {
					s.tb.Fatalf("key %d: level %d has %v after [%s,%s)", k, i, x, lower, upper)
				}
			}
		}
		if n > 1 {
			s.tb.Fatalf("key %d: %d tables\n%v", k, n, s.version())
		}
	}
}

func TestFifoHoldsItsSizeAndAge(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 4))
		s := simulate(t, Settings{Layout: "fifo", MaxBytes: 64 * entryBytes, TTL: 50, TableBytes: 8 * entryBytes})
		for range 100 {
			s.now += int64(r.IntN(10))
			s.batch(r, 100)
			s.settle()
			if n := levelBytes(&s.version().Levels[0]); n > 64*entryBytes {
				t.Fatalf("seed %d: it holds %d bytes", seed, n)
			}
			for _, p := range s.version().Flushed {
				if age := s.now - p.Table.Created; age > 50 {
					t.Fatalf("seed %d: a table of age %d", seed, age)
				}
			}
		}
		if s.kinds[Merge]+s.kinds[Move] > 0 {
			t.Errorf("seed %d: it merges", seed)
		}
	}
}

func TestDeletesDoNotGetOlderThanTheirBound(t *testing.T) {
	const bound = 1000
	for _, layout := range []string{"leveled", "tiered", "lazy", "one-leveled"} {
		s := simulate(t, Settings{
			Layout: layout, SizeRatio: 4, L0Runs: 4, BaseBytes: 16 * entryBytes,
			TableBytes: 4 * entryBytes, TombstoneAge: bound, TombstoneRatio: -1,
		})
		r := rand.New(rand.NewPCG(5, 5))
		due := 0
		for range 3000 {
			s.now++
			if s.now%20 == 0 && s.now < 1500 {
				s.batch(r, 400)
			}
			s.settle()
			for _, p := range s.version().All() {
				if at := p.Table.OldestTombstone; at > 0 && s.now-at > bound {
					t.Fatalf("%s: a delete of age %d: %v", layout, s.now-at, p)
				}
			}
		}
		if due = s.reasons[TombstoneAge]; due == 0 {
			t.Errorf("%s: nothing was due for its age", layout)
		}
		if n := s.version().Totals().Tombstones; n > 0 {
			t.Errorf("%s: %d deletes stay", layout, n)
		}
	}
}

func TestAllNamedPluginsAreUsable(t *testing.T) {
	for _, name := range Presets() {
		s, err := Preset(name)
		if err != nil || s.Layout != name {
			t.Errorf("%s: %v %v", name, s, err)
		}
		if _, err := New(s); err != nil {
			t.Error(err)
		}
	}
	for _, bad := range []Settings{
		{Layout: "flat"},
		{Movement: "up"},
		{Granularity: "byte"},
		{Triggers: "size,moon"},
		{SizeRatio: 1},
		{TTL: -1},
		{BaseBytes: -1},
	} {
		if _, err := New(bad); err == nil {
			t.Errorf("%+v is accepted", bad)
		}
	}
	if _, err := Preset("none"); err == nil {
		t.Error("there is a preset of no name")
	}
	if p, err := New(Settings{Triggers: "size, runs"}); err != nil || !slices.ContainsFunc(p.triggers, func(t Trigger) bool { return t.Name() == "runs" }) {
		t.Error(err)
	}
}
