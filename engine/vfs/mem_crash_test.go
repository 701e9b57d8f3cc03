package vfs

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
)

func TestWhatSurvivesOfBytes(t *testing.T) {
	checkRules(t, []rule{
		{"what was synced stays", func(s *story) {
			s.durable("/f", "AB")
		}, []string{"/f=AB"}, false},
		{"each content since the sync may be there", func(s *story) {
			s.durable("/f", "A")
			s.write("/f", 0, "B")
			s.write("/f", 0, "C")
			s.write("/f", 0, "D")
		}, []string{"/f=A", "/f=B", "/f=C", "/f=D"}, false},
		{"a sync leaves only the newest", func(s *story) {
			s.durable("/f", "A")
			s.write("/f", 0, "B")
			s.write("/f", 0, "C")
			s.syncData("/f")
		}, []string{"/f=C"}, false},
		{"older contents are forgotten with the sync", func(s *story) {
			s.durable("/f", "A")
			s.write("/f", 0, "B")
			s.sync("/f")
			s.write("/f", 0, "C")
		}, []string{"/f=B", "/f=C"}, false},
		{"sectors survive apart", func(s *story) {
			s.durable("/f", "ABC")
			s.write("/f", 0, "XY")
		}, []string{"/f=ABC", "/f=XBC", "/f=AYC", "/f=XYC"}, false},
		{"a write of half a sector keeps the other half", func(s *story) {
			s.durable("/f", "A")
			s.write("/f", 0, "B~")
		}, []string{"/f=A", "/f={BA}"}, true},
		{"a sync of one handle is for all", func(s *story) {
			s.durable("/f", "A")
			f, g := s.open("/f"), s.open("/f")
			_, err := f.WriteAt(fill("B"), 0)
			s.ok(err)
			s.ok(g.Sync())
		}, []string{"/f=B"}, false},
		{"a sync of one file is not for another", func(s *story) {
			s.durable("/f", "A")
			s.durable("/g", "A")
			s.write("/f", 0, "B")
			s.write("/g", 0, "B")
			s.sync("/g")
		}, []string{"/f=A /g=B", "/f=B /g=B"}, false},
		{"a direct write without dsync is not durable", func(s *story) {
			s.durable("/f", "A8")
			s.direct("/f", 0, "A7B", false)
		}, []string{"/f=A8", "/f=A7B"}, false},
		{"a direct write with dsync is durable", func(s *story) {
			s.durable("/f", "A8")
			s.direct("/f", 0, "B8", true)
		}, []string{"/f=B8"}, false},
		{"a write with dsync is not for what others wrote", func(s *story) {
			s.durable("/f", "A16")
			s.write("/f", 0, "X")
			s.write("/f", 8, "Y")
			s.direct("/f", 8, "B8", true)
		}, []string{"/f=A8B8", "/f=XA7B8"}, false},
		{"a write after one with dsync is not durable", func(s *story) {
			s.durable("/f", "A8")
			s.direct("/f", 0, "B8", true)
			s.write("/f", 0, "C")
		}, []string{"/f=B8", "/f=CB7"}, false},
		{"a write with dsync makes its length durable", func(s *story) {
			s.durable("/f", "A")
			s.direct("/f", 8, "B8", true)
		}, []string{"/f=A.7B8"}, false},
		{"a write with dsync ends a longer file at its end or later", func(s *story) {
			s.durable("/f", "A8")
			s.write("/f", 24, ".2")
			s.direct("/f", 8, "B8", true)
		}, []string{"/f=A8B8", "/f=A8B8.8", "/f=A8B8.10"}, false},
	})
}

func TestWhatSurvivesOfLengths(t *testing.T) {
	checkRules(t, []rule{
		{"what was appended is there, or zeros, or nothing", func(s *story) {
			s.durable("/f", "A")
			s.write("/f", 1, "B")
		}, []string{"/f=A", "/f=A.", "/f=AB"}, false},
		{"each length since the sync may be there", func(s *story) {
			s.durable("/f", "A~")
			s.write("/f", 1, ".")
			s.write("/f", 2, ".")
		}, []string{"/f=A~", "/f={A.}.", "/f={A.}.2"}, false},
		{"a file that grows by writing may end at any block", func(s *story) {
			s.durable("/f", "A")
			s.write("/f", 1, ".16")
		}, []string{"/f=A", "/f=A.7", "/f=A.15", "/f=A.16"}, false},
		{"a file that grows by Truncate grows at once", func(s *story) {
			s.durable("/f", "A")
			s.truncate("/f", 17)
		}, []string{"/f=A", "/f=A.16"}, false},
		{"a length that was synced stays", func(s *story) {
			s.durable("/f", "A")
			s.write("/f", 1, "B")
			s.syncData("/f")
			s.write("/f", 0, "C")
		}, []string{"/f=AB", "/f=CB"}, false},
		{"a length that was cut and synced stays", func(s *story) {
			s.durable("/f", "A16")
			s.truncate("/f", 8)
			s.syncData("/f")
			s.truncate("/f", 16)
		}, []string{"/f=A8", "/f=A8.8"}, false},
	})
}

func TestWhatSurvivesOfCuts(t *testing.T) {
	checkRules(t, []rule{
		{"a cut is there or not", func(s *story) {
			s.durable("/f", "A8B8")
			s.truncate("/f", 8)
		}, []string{"/f=A8B8", "/f=A8"}, false},
		{"in the block of the cut zeros may be there without it", func(s *story) {
			s.durable("/f", "AB")
			s.truncate("/f", 1)
		}, []string{"/f=A", "/f=A.", "/f=AB"}, false},
		{"what was cut off does not come back below a later length", func(s *story) {
			s.durable("/f", "A8B8")
			s.truncate("/f", 8)
			s.truncate("/f", 16)
		}, []string{"/f=A8B8", "/f=A8", "/f=A8.8"}, false},
		{"what was written after a cut goes with it", func(s *story) {
			s.durable("/f", "A8B8")
			s.truncate("/f", 8)
			s.write("/f", 8, "C")
		}, []string{"/f=A8B8", "/f=A8", "/f=A8.", "/f=A8C"}, false},
		{"what was written before a cut comes back without it", func(s *story) {
			s.durable("/f", "A8B8")
			s.write("/f", 8, "X")
			s.truncate("/f", 8)
		}, []string{"/f=A8", "/f=A8B8", "/f=A8XB7"}, false},
		{"half of a sector is cut for good", func(s *story) {
			s.durable("/f", "A")
			s.write("/f", 0, "B")
			s.truncate("/f", 0.5)
			s.truncate("/f", 2)
		}, []string{
			"/f=A", "/f=B", "/f={B.}", // without the cut
			"/f=A~", "/f=B~", // with the cut
			"/f={A.}.", "/f={B.}.", // and with the length after it
		}, true},
		{"a file that is emptied and written again", func(s *story) {
			s.durable("/f", "A8")
			s.truncate("/f", 0)
			s.write("/f", 0, "B")
		}, []string{"/f=A8", "/f=", "/f=.", "/f=B"}, false},
		{"cuts survive in order", func(s *story) {
			s.durable("/f", "A8B8C8")
			s.punch("/f", 0, 8)
			s.punch("/f", 16, 8)
		}, []string{"/f=A8B8C8", "/f=.8B8C8", "/f=.8B8.8"}, false},
		{"a hole is there or not, and takes what was in it", func(s *story) {
			s.durable("/f", "A8B8")
			s.punch("/f", 0, 8)
			s.write("/f", 0, "C")
		}, []string{"/f=A8B8", "/f=.8B8", "/f=C.7B8"}, false},
		{"a hole of parts of blocks is zeros in their place", func(s *story) {
			s.durable("/f", "A3")
			s.punch("/f", 1, 1)
		}, []string{"/f=A3", "/f=A.A"}, false},
		{"a hole that was synced stays", func(s *story) {
			s.durable("/f", "A8B8")
			s.punch("/f", 0, 8)
			s.syncData("/f")
		}, []string{"/f=.8B8"}, false},
		{"a write with dsync makes cuts durable", func(s *story) {
			s.durable("/f", "A8B8C8")
			s.write("/f", 0, "X")
			s.write("/f", 8, "Y")
			s.punch("/f", 8, 8)
			s.direct("/f", 16, "D8", true)
		}, []string{"/f=A8.8D8", "/f=XA7.8D8"}, false},
		{"reserved space shows nothing", func(s *story) {
			s.durable("/f", "A")
			s.ok(s.open("/f").Preallocate(0, 1<<20))
		}, []string{"/f=A"}, false},
	})
}

func TestAFileThatGrowsAfterACrashGrowsByZeros(t *testing.T) {
	s := newStory(t)
	s.durable("/f", "A~")
	s.write("/f", 0, "B9")
	i := 0
	for _, m := range s.m.Crashes(0, 200) {
		was := readOn(t, m, "/f")
		after := &story{t, m}
		after.truncate("/f", 10)
		got := readOn(t, m, "/f")
		if got[:len(was)] != was || strings.Trim(got[len(was):], "\x00") != "" {
			t.Fatalf("crash %d: %s grew to %s", i, letters([]byte(was)), letters([]byte(got)))
		}
		i++
	}
}

func TestASectorIsTornBetweenTwoOfItsContentsInEitherOrder(t *testing.T) {
	s := newStory(t)
	s.durable("/f", "A")
	s.write("/f", 0, "B")
	s.write("/f", 0, "C")
	seen := map[string]int{}
	cuts := map[int]bool{}
	for seed := range uint64(20000) {
		data := readOn(t, s.m.Crash(seed), "/f")
		seen[letter([]byte(data))]++
		cuts[strings.LastIndex(data, data[:1])+1] = true
	}
	for _, a := range "ABC" {
		for _, b := range "ABC" {
			want := "{" + string(a) + string(b) + "}"
			if a == b {
				want = string(a)
			}
			if seen[want] == 0 {
				t.Errorf("no seed leaves %s", want)
			}
			delete(seen, want)
		}
	}
	if len(seen) > 0 {
		t.Errorf("what nobody wrote: %v", seen)
	}
	if len(cuts) < 500 {
		t.Errorf("sectors were torn at %d bytes of 511", len(cuts))
	}
}

func TestTheExtremesAndWhatIsBetweenAreAllCommon(t *testing.T) {
	s := newStory(t)
	s.durable("/f", "A64")
	s.durable("/g", "A64")
	for _, path := range []string{"/f", "/g"} {
		s.write(path, 0, "B64")
		for i := range 10 {
			s.truncate(path, float64(65+i))
		}
	}
	for i := range 10 {
		s.create(fmt.Sprint("/n", i), "")
	}
	const seeds = 2000
	seen := map[string]int{}
	degree := func(n, all int) string {
		return map[bool]string{n == 0: "no", n == all: "all"}[true] + map[bool]string{0 < n && n < all: "some"}[true]
	}
	for seed := range uint64(seeds) {
		m := s.m.Crash(seed)
		f, g := readOn(t, m, "/f"), readOn(t, m, "/g")
		names, err := m.List("/")
		s.ok(err)
		bytesOf := degree(strings.Count(f[:64*sectorSize], "B"), 64*sectorSize)
		length := degree(len(f)/sectorSize-64, 10)
		seen[bytesOf+" bytes, "+length+" lengths"]++
		seen[bytesOf+" bytes, "+degree(len(names)-2, 10)+" names"]++
		seen[bytesOf+" bytes, "+degree(strings.Count(g[:64*sectorSize], "B"), 64*sectorSize)+" of another file"]++
	}
	for _, a := range []string{"no", "some", "all"} {
		for _, b := range []string{"no", "some", "all"} {
			for _, what := range []string{"lengths", "names", "of another file"} {
				key := a + " bytes, " + b + " " + what
				if n := seen[key]; n < seeds/100 {
					t.Errorf("%s: %d of %d", key, n, seeds)
				}
			}
		}
	}
}

func TestMemoryOfASectorThatIsWrittenOftenIsBounded(t *testing.T) {
	s := newStory(t)
	s.durable("/f", "A")
	f := s.open("/f")
	for i := range 1000 {
		_, err := f.WriteAt([]byte{byte(i), byte(i >> 8)}, 0)
		s.ok(err)
	}
	seen := map[int]bool{}
	for m := range s.m.CrashStates() {
		data := readOn(t, m, "/f")
		seen[int(data[0])|int(data[1])<<8] = true
	}
	for _, want := range []int{'A' | 'A'<<8, 0, 998, 999} {
		if !seen[want] {
			t.Errorf("content %d is not remembered: %v", want, seen)
		}
	}
	if len(seen) < 4+maxVersions/2 || len(seen) > 2+maxVersions {
		t.Errorf("%d contents are remembered", len(seen))
	}
}

func TestAnErrorOfAMemIsTheSystemsOwn(t *testing.T) {
	m := NewMem()
	if err := m.Remove("/"); err == nil {
		t.Error("the root was removed")
	}
	if _, err := m.Create("/"); !errors.Is(err, fs.ErrExist) {
		t.Error("create of the root:", err)
	}
}

func TestAPathIsCleanedAndRelativeToTheRoot(t *testing.T) {
	s := newStory(t)
	s.ok(s.m.MkdirAll("a/b/"))
	s.create("./a//b/../b/f", "A")
	for _, path := range []string{"/a/b/f", "a/b/f", "../a/b/f", "/a/./b/f/", "/../a/b/f"} {
		if got := letters([]byte(readOn(t, s.m, path))); got != "A" {
			t.Errorf("%s: %s", path, got)
		}
	}
	for _, dir := range []string{"/", ".", "..", "./a/.."} {
		if names, err := s.m.List(dir); err != nil || !slices.Equal(names, []string{"a"}) {
			t.Errorf("%s: %v, %v", dir, names, err)
		}
	}
	if _, err := s.m.Create(""); !errors.Is(err, fs.ErrNotExist) {
		t.Error("an empty path:", err)
	}
}
