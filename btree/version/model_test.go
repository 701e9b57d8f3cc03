package version

import (
	"cmp"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/kvbench/kvbench/btree/mapping"
)

// A naive set is a list, and the truth about what is live.
type naive struct {
	versions []Version
	live     []uint64 // ascending
	now      uint64   // the last group that ended
	stamps   map[uint32]uint64
}

func (m *naive) needed(v Version) bool {
	return v.Checkpoint || slices.ContainsFunc(m.live, func(n uint64) bool {
		return v.Stamp <= n && n < v.Until
	})
}

func (m *naive) find(page uint32, at uint64) (Version, bool) {
	for _, v := range m.versions {
		if v.Page == page && v.Stamp <= at && at < v.Until {
			return v, true
		}
	}
	return Version{}, false
}

func (m *naive) index(page uint32, stamp uint64) int {
	return slices.IndexFunc(m.versions, func(v Version) bool {
		return v.Page == page && v.Stamp == stamp
	})
}

func byPage(a, b Version) int {
	return cmp.Or(cmp.Compare(a.Page, b.Page), cmp.Compare(a.Stamp, b.Stamp))
}

// pruned compares what Prune returned with what it had to.
func (m *naive) pruned(t *rapid.T, got []Version, judged func(Version) bool) {
	var want, kept []Version
	for _, v := range m.versions {
		if judged(v) {
			want = append(want, v)
		} else {
			kept = append(kept, v)
		}
	}
	got = slices.Clone(got)
	slices.SortFunc(got, byPage)
	slices.SortFunc(want, byPage)
	if !slices.Equal(got, want) {
		t.Fatalf("pruned\n%v, want\n%v, live %v", got, want, m.live)
	}
	m.versions = kept
}

// agree compares all that can be asked.
func (m *naive) agree(t *rapid.T, s *Set) {
	frames, held := 0, 0
	for _, v := range m.versions {
		if v.Frame != NoFrame {
			frames++
		}
		if v.Home != 0 {
			held++
		}
		for _, at := range []uint64{v.Stamp - 1, v.Stamp, v.Until - 1, v.Until} {
			got, found := s.Find(v.Page, at)
			want, has := m.find(v.Page, at)
			if got, want := got, want; found != has || has && got != want {
				t.Fatalf("page %d at %d: %v %v, want %v %v", v.Page, at, got, found, want, has)
			}
		}
		c, found := s.FindCheckpoint(v.Page)
		if has := slices.ContainsFunc(m.versions, func(o Version) bool {
			return o.Page == v.Page && o.Checkpoint
		}); found != has || found && (!c.Checkpoint || c.Page != v.Page) {
			t.Fatalf("page %d: %v %v for the checkpoint", v.Page, c, found)
		}
	}
	if s.Len() != len(m.versions) || s.Frames() != frames || s.HeldSlots() != held {
		t.Fatalf("%d versions, %d frames, %d held; want %d, %d, %d",
			s.Len(), s.Frames(), s.HeldSlots(), len(m.versions), frames, held)
	}
}

// change is what a group does to a page: an old version if somebody may need
// it, or if asked.
func (m *naive) change(s *Set, page uint32, v Version) {
	v.Page, v.Stamp, v.Until = page, m.stamps[page], m.now+1
	if v.Stamp == v.Until {
		return // made in this group
	}
	m.stamps[page] = v.Until
	s.Add(v)
	m.versions = append(m.versions, v)
}

func drawVersion(t *rapid.T) Version {
	v := Version{Frame: NoFrame, Checkpoint: rapid.IntRange(0, 4).Draw(t, "checkpoint") == 0}
	if rapid.Bool().Draw(t, "frame") {
		v.Frame = rapid.Uint32Range(0, 100).Draw(t, "number")
	}
	if v.Frame == NoFrame || rapid.Bool().Draw(t, "home") {
		v.Home = mapping.OnDisk(rapid.Uint64Range(1, 99).Draw(t, "slot"), 1)
	}
	return v
}

func TestASetIsWhatANaiveListIs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &naive{stamps: map[uint32]uint64{}, now: 1}
		for p := range uint32(6) {
			m.stamps[p] = 1
		}
		s := &Set{}
		var old []uint64 // a list made earlier
		page := rapid.Uint32Range(0, 5)
		one := func(t *rapid.T) *Version {
			if len(m.versions) == 0 {
				t.Skip("no versions")
			}
			return &m.versions[rapid.IntRange(0, len(m.versions)-1).Draw(t, "version")]
		}
		list := func() []uint64 { return append(slices.Compact(slices.Clone(m.live)), m.now) }
		t.Repeat(map[string]func(*rapid.T){
			"groups": func(t *rapid.T) {
				for range rapid.IntRange(1, 6).Draw(t, "groups") {
					for _, p := range rapid.SliceOfN(page, 0, 4).Draw(t, "pages") {
						m.change(s, p, drawVersion(t))
					}
					m.now++
					if rapid.Bool().Draw(t, "enter") {
						m.live = append(m.live, m.now)
					}
				}
			},
			"enter": func(t *rapid.T) { m.live = append(m.live, m.now) },
			"leave": func(t *rapid.T) {
				if len(m.live) == 0 {
					t.Skip("nobody is live")
				}
				for range rapid.IntRange(1, len(m.live)).Draw(t, "how many") {
					at := rapid.IntRange(0, len(m.live)-1).Draw(t, "which")
					m.live = slices.Delete(m.live, at, at+1)
				}
			},
			"prune": func(t *rapid.T) {
				got := s.Prune(list(), nil)
				m.pruned(t, got, func(v Version) bool { return !m.needed(v) })
			},
			"list": func(t *rapid.T) { old = list() },
			"prune by an old list": func(t *rapid.T) {
				if old == nil {
					t.Skip("no old list")
				}
				gone := s.Prune(old, nil)
				m.pruned(t, gone, func(v Version) bool {
					return !m.needed(v) && slices.Contains(gone, v)
				})
			},
			"written": func(t *rapid.T) {
				v := one(t)
				v.Home = mapping.OnDisk(rapid.Uint64Range(100, 199).Draw(t, "slot"), 2)
				if !s.Written(v.Page, v.Stamp, v.Home) {
					t.Fatalf("%v is not there to be written", *v)
				}
			},
			"settled": func(t *rapid.T) {
				v := one(t)
				v.Checkpoint = false
				if !s.Settled(v.Page, v.Stamp) {
					t.Fatalf("%v is not there to be settled", *v)
				}
			},
			"dropped": func(t *rapid.T) {
				v := one(t)
				if v.Home == 0 {
					t.Skip("not written")
				}
				if got, want := s.Dropped(v.Page, v.Stamp), v.Frame != NoFrame; got != want {
					t.Fatalf("%v dropped: %v", *v, got)
				}
				v.Frame = NoFrame
			},
			"absent": func(t *rapid.T) {
				p, stamp := page.Draw(t, "page"), rapid.Uint64Range(0, m.now+1).Draw(t, "stamp")
				if m.index(p, stamp) < 0 && (s.Written(p, stamp, 1) || s.Settled(p, stamp) || s.Dropped(p, stamp)) {
					t.Fatalf("page %d of %d is there", p, stamp)
				}
			},
			"spill": func(t *rapid.T) { m.spill(t, s, rapid.IntRange(1, 5).Draw(t, "at once")) },
			"":      func(t *rapid.T) { m.agree(t, s) },
		})
		for i := range m.versions {
			m.versions[i].Checkpoint = false
			s.Settled(m.versions[i].Page, m.versions[i].Stamp)
		}
		m.pruned(t, s.Prune(nil, nil), func(Version) bool { return true })
		m.agree(t, s)
	})
}

// spill goes once around: to the end, and then through all from the start.
func (m *naive) spill(t *rapid.T, s *Set, n int) {
	for len(s.Spillable(nil, n)) == n {
	}
	var got, want []Version
	for {
		before := len(got)
		got = s.Spillable(got, n)
		if len(got) < before+n {
			break
		}
	}
	for _, v := range m.versions {
		if v.Frame != NoFrame {
			want = append(want, v)
		}
	}
	if !slices.Equal(got, want) {
		t.Fatalf("spillable\n%v, want\n%v", got, want)
	}
}
