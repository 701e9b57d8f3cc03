package pace

import (
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// usual are options as settings have them by default.
func usual() Options {
	return Options{LogBytes: 256 * mib, Interval: 30 * time.Second, Pace: 0.4, DirtyShare: 0.85, CleanShare: 0.1}
}

func TestACheckpointBeginsWhenAnythingMakesItDue(t *testing.T) {
	o := usual()
	start := int64(256*mib) - o.spread()
	for _, c := range []struct {
		name string
		s    State
		want Cause
	}{
		{"nothing", State{}, NotDue},
		{"somebody asks", State{Asked: true}, Asked},
		{"somebody asks, and more", State{Asked: true, Changed: true, Logged: 1 << 40}, Asked},
		{"the log before its time", State{Changed: true, Logged: start - 1}, NotDue},
		{"the log", State{Changed: true, Logged: start}, Log},
		{"the log of nothing", State{Logged: 1 << 40}, NotDue},
		{"time, but nothing changed", State{Elapsed: time.Hour}, NotDue},
		{"time", State{Changed: true, Elapsed: 30 * time.Second}, Interval},
		{"before its time", State{Changed: true, Elapsed: 30*time.Second - 1}, NotDue},
		{"dirty pages", State{Changed: true, Frames: 100, Dirty: 85}, Dirty},
		{"fewer dirty pages", State{Changed: true, Frames: 100, Dirty: 84}, NotDue},
		{"dirty pages before log", State{Changed: true, Frames: 100, Dirty: 100, Logged: 1 << 40}, Dirty},
		{"no pool", State{Changed: true}, NotDue},
	} {
		if got := o.Due(c.s); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestWhatIsZeroMakesNoCheckpointDue(t *testing.T) {
	o := Options{DirtyShare: 1}
	if got := o.Due(State{Changed: true, Logged: 1 << 60, Elapsed: 1 << 60, Frames: 10, Dirty: 9}); got != NotDue {
		t.Errorf("due for %v", got)
	}
}

func TestACheckpointIsWrittenAsTheLogIsConsumed(t *testing.T) {
	o := Options{LogBytes: 1000, Pace: 0.4, DirtyShare: 1, Interval: time.Hour}
	for _, c := range []struct {
		name            string
		before, logged  int64
		written, allows int64
	}{
		{"at the freeze", 600, 0, 0, 0},
		{"a quarter of the spread", 600, 100, 0, 2500},
		{"half", 600, 200, 2500, 2500},
		{"half, and ahead", 600, 200, 6000, 0},
		{"all", 600, 400, 5000, 5000},
		{"late", 600, 1000, 0, 10000},
		{"begun early: it takes as long", 0, 200, 0, 5000},
		{"begun late: half of what is left", 800, 100, 0, 5000},
		{"begun when all was used up", 1000, 0, 0, 10000},
		{"begun later still", 5000, 0, 9999, 1},
	} {
		p := Progress{Written: c.written, Total: 10000, Before: c.before, Logged: c.logged}
		if got := o.Allowed(p); got != c.allows {
			t.Errorf("%s: %d allowed, want %d", c.name, got, c.allows)
		}
	}
}

func TestWhatHurriesIsNotPaced(t *testing.T) {
	o := usual()
	calm := Progress{Total: 1 << 30, Before: 150 * mib, Frames: 1000, Dirty: 500}
	if got := o.Allowed(calm); got != 0 {
		t.Fatalf("%d allowed at the freeze", got)
	}
	asked, dirty, old := calm, calm, calm
	asked.Urgent, dirty.Dirty, old.Elapsed = true, 850, 12*time.Second
	for name, p := range map[string]Progress{"asked for": asked, "dirty": dirty, "old": old} {
		if got := o.Allowed(p); got != p.Total {
			t.Errorf("%s: %d allowed of %d", name, got, p.Total)
		}
	}
	o.Pace = 0
	if got := o.Allowed(calm); got != calm.Total {
		t.Errorf("at pace 0 %d allowed of %d", got, calm.Total)
	}
}

func TestWhileNothingIsLoggedTimePacesACheckpoint(t *testing.T) {
	for _, o := range []Options{usual(), {Pace: 0.4, DirtyShare: 1, Interval: 30 * time.Second}} {
		p := Progress{Total: 1200 * mib, Before: 10 * mib, Elapsed: 3 * time.Second}
		if got := o.Allowed(p); got != 300*mib {
			t.Errorf("%+v: %d allowed after a quarter of 12 s", o, got)
		}
	}
	o := Options{Pace: 1, DirtyShare: 1}
	if got := o.Allowed(Progress{Total: 100, Elapsed: defaultInterval}); got != 100 {
		t.Errorf("without an interval %d of 100 allowed in the end", got)
	}
}

func TestAllowanceOnlyGrowsAndEndsWithAll(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		o := Options{
			LogBytes: rapid.Int64Range(0, 1<<40).Draw(r, "log bytes"),
			Interval: time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(r, "interval")),
			Pace:     rapid.Float64Range(0, 1).Draw(r, "pace"), DirtyShare: 1,
		}
		p := Progress{
			Total:  rapid.Int64Range(0, 1<<45).Draw(r, "total"),
			Before: rapid.Int64Range(0, 1<<41).Draw(r, "before"),
		}
		last := int64(0)
		for range 30 {
			p.Logged += rapid.Int64Range(0, 1<<36).Draw(r, "logged")
			p.Elapsed += time.Duration(rapid.Int64Range(0, int64(time.Minute)).Draw(r, "elapsed"))
			n := o.Allowed(p)
			if n < 0 || n > p.Total {
				r.Fatalf("%+v: %d allowed", p, n)
			}
			if n < last {
				r.Fatalf("%+v: %d allowed, %d before", p, n, last)
			}
			last = n
		}
		p.Elapsed = o.longest()
		if n := o.Allowed(p); n != p.Total {
			r.Fatalf("%+v: %d allowed when its time is over", p, n)
		}
		p.Elapsed = 0
		if p.Logged = o.LogBytes; o.LogBytes > 0 && o.Allowed(p) != p.Total {
			r.Fatalf("%+v: %d allowed when the log is used up", p, o.Allowed(p))
		}
	})
}

func TestWhoWaitsMayWriteAfterwards(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		o := usual()
		p := Progress{
			Total:   rapid.Int64Range(1, 1<<40).Draw(r, "total"),
			Elapsed: time.Duration(rapid.Int64Range(0, int64(13*time.Second)).Draw(r, "elapsed")),
			Logged:  rapid.Int64Range(0, 200*mib).Draw(r, "logged"),
		}
		p.Written = rapid.Int64Range(0, p.Total).Draw(r, "written")
		n := rapid.Int64Range(1, p.Total).Draw(r, "bytes")
		now := o.Allowed(p)
		d := o.Wait(p, n)
		left := min(n, p.Total-p.Written)
		if (d == 0) != (now >= left) {
			r.Fatalf("%+v: %d allowed, waits %v for %d", p, now, d, n)
		}
		if p.Elapsed += d; o.Allowed(p) < left-1-p.Total>>32 { // for rounding
			r.Fatalf("%+v: %d allowed after %v, %d wanted", p, o.Allowed(p), d, left)
		}
	})
}

func TestPagesAreCleanedWhenFewAreUsable(t *testing.T) {
	o := Options{CleanShare: 0.1}
	for _, c := range []struct {
		p    Pool
		want int
	}{
		{Pool{Frames: 1000, Usable: 100, Dirty: 900}, 0},
		{Pool{Frames: 1000, Usable: 99, Dirty: 901}, 51},
		{Pool{Frames: 1000, Usable: 0, Dirty: 1000}, 150},
		{Pool{Frames: 1000, Usable: 0, Dirty: 20}, 20},
		{Pool{Frames: 1000, Usable: 0, Dirty: 0}, 0},
		{Pool{}, 0},
		{Pool{Frames: 1000, Usable: 500, Dirty: 500, Held: 15}, 0},
		{Pool{Frames: 1000, Usable: 500, Dirty: 500, Held: 16}, 16},
		{Pool{Frames: 1000, Usable: 99, Dirty: 901, Held: 40}, 51},
		{Pool{Frames: 1000, Usable: 99, Dirty: 901, Held: 400}, 400},
		{Pool{Frames: 63, Usable: 60, Dirty: 3, Held: 1}, 1},
	} {
		if got := o.Clean(c.p); got != c.want {
			t.Errorf("%+v: clean %d, want %d", c.p, got, c.want)
		}
	}
	if got := (&Options{}).Clean(Pool{Frames: 10, Dirty: 10}); got != 0 {
		t.Errorf("with clean_share 0 %d pages are cleaned", got)
	}
}

// A disk that is fast enough writes as many bytes for each byte of log from the
// freeze to the end, and the log never grows beyond its limit.
func TestCheckpointsOfASteadyLogNeitherEndLateNorComeInWaves(t *testing.T) {
	for _, share := range []float64{0.2, 0.4, 0.5, 0.9, 1} {
		o := usual()
		o.Pace, o.Interval = share, 0
		s := steady{t: t, o: o, rng: rand.New(rand.NewPCG(7, uint64(share*100)))}
		for s.rounds < 6 {
			s.step()
		}
	}
}

// steady is a log of 64 MiB/s, and checkpoints of 200 MiB each.
type steady struct {
	t   *testing.T
	o   Options
	rng *rand.Rand

	logged, froze, durable int64 // durable: where recovery would begin
	elapsed                time.Duration
	p                      *Progress
	least, most            float64 // bytes written for one of the log
	rounds                 int
}

func (s *steady) step() {
	n := 100<<10 + s.rng.Int64N(100<<10)
	s.logged += n
	s.elapsed += time.Duration(n) * 15
	if log := s.logged - s.durable; log > s.o.LogBytes+mib {
		s.t.Fatalf("pace %v: %d bytes of log", s.o.Pace, log)
	}
	if s.p == nil {
		before := s.logged - s.durable
		if s.o.Due(State{Logged: before, Changed: true}) == NotDue {
			return
		}
		s.froze, s.elapsed = s.logged, 0
		s.p = &Progress{Total: 200 * mib, Before: before}
		s.least, s.most = 1e9, 0
		return
	}
	s.p.Logged, s.p.Elapsed = s.logged-s.froze, s.elapsed
	wrote := s.o.Allowed(*s.p)
	if s.p.Written += wrote; s.p.Written < s.p.Total {
		s.least, s.most = min(s.least, float64(wrote)/float64(n)), max(s.most, float64(wrote)/float64(n))
		return
	}
	if s.most > 1.01*s.least {
		s.t.Errorf("pace %v: %.2f to %.2f bytes are written for one of the log", s.o.Pace, s.least, s.most)
	}
	s.p, s.durable = nil, s.froze
	s.rounds++
}
