package vfs

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A story makes a history on a Mem in few words. Contents are letters, each
// of which fills a sector; a dot is a sector of zeros.
type story struct {
	t *testing.T
	m *Mem
}

func newStory(t *testing.T) *story { return &story{t, NewMem()} }

func (s *story) ok(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// fill makes a content of letters, each of which stands for a sector. A digit
// repeats the letter before it so many times; ~ leaves half of it.
func fill(letters string) []byte {
	var out []byte
	for i := 0; i < len(letters); i++ {
		c := letters[i]
		n := sectorSize
		for i+1 < len(letters) && '0' <= letters[i+1] && letters[i+1] <= '9' {
			k := 0
			for i+1 < len(letters) && '0' <= letters[i+1] && letters[i+1] <= '9' {
				i++
				k = k*10 + int(letters[i]-'0')
			}
			n = k * sectorSize
		}
		if i+1 < len(letters) && letters[i+1] == '~' {
			i++
			n -= sectorSize / 2
		}
		for range n {
			if c == '.' {
				out = append(out, 0)
			} else {
				out = append(out, c)
			}
		}
	}
	return out
}

// letters is what fill was given. A sector that is torn is in braces.
func letters(data []byte) string {
	var words []string
	for len(data) > 0 {
		n := min(len(data), sectorSize)
		words = append(words, letter(data[:n]))
		data = data[n:]
	}
	var out strings.Builder
	for i := 0; i < len(words); {
		n := 1
		for i+n < len(words) && words[i+n] == words[i] {
			n++
		}
		out.WriteString(words[i])
		if n > 1 {
			fmt.Fprint(&out, n)
		}
		i += n
	}
	return out.String()
}

func letter(sector []byte) string {
	var runs []byte
	for i, c := range sector {
		if i == 0 || c != sector[i-1] {
			runs = append(runs, c)
		}
	}
	word := strings.ReplaceAll(string(runs), "\x00", ".")
	if len(runs) > 1 {
		word = "{" + word + "}"
	}
	if len(sector) == sectorSize/2 {
		return word + "~"
	}
	if len(sector) != sectorSize {
		return fmt.Sprint(word, "?", len(sector))
	}
	return word
}

func (s *story) open(path string) File {
	s.t.Helper()
	f, err := s.m.OpenReadWrite(path)
	s.ok(err)
	return f
}

func (s *story) create(path, content string) {
	s.t.Helper()
	f, err := s.m.Create(path)
	s.ok(err)
	_, err = f.Write(fill(content))
	s.ok(err)
	s.ok(f.Close())
}

// durable makes a file that survives.
func (s *story) durable(path, content string) {
	s.t.Helper()
	s.ok(s.m.MkdirAll(filepath.Dir(path)))
	s.create(path, content)
	s.sync(path)
	for dir := path; dir != "/"; {
		dir = filepath.Dir(dir)
		s.syncDir(dir)
	}
}

func (s *story) write(path string, sector int, content string) {
	s.t.Helper()
	_, err := s.open(path).WriteAt(fill(content), int64(sector)*sectorSize)
	s.ok(err)
}

func (s *story) direct(path string, sector int, content string, dsync bool) {
	s.t.Helper()
	f, err := s.m.OpenDirect(path, dsync)
	s.ok(err)
	p := AlignedBuffer(len(fill(content)))
	copy(p, fill(content))
	_, err = f.WriteAt(p, int64(sector)*sectorSize)
	s.ok(err)
}

func (s *story) truncate(path string, sectors float64) {
	s.t.Helper()
	s.ok(s.open(path).Truncate(int64(sectors * sectorSize)))
}

func (s *story) punch(path string, sector, n int) {
	s.t.Helper()
	s.ok(s.open(path).PunchHole(int64(sector)*sectorSize, int64(n)*sectorSize))
}

func (s *story) sync(path string)       { s.t.Helper(); s.ok(s.open(path).Sync()) }
func (s *story) syncData(path string)   { s.t.Helper(); s.ok(s.open(path).SyncData()) }
func (s *story) syncDir(path string)    { s.t.Helper(); s.ok(s.m.SyncDir(path)) }
func (s *story) rename(from, to string) { s.t.Helper(); s.ok(s.m.Rename(from, to)) }
func (s *story) link(from, to string)   { s.t.Helper(); s.ok(s.m.Link(from, to)) }
func (s *story) remove(path string)     { s.t.Helper(); s.ok(s.m.Remove(path)) }

// look prints all that m holds: each file as path=letters.
func look(t *testing.T, m *Mem) string {
	t.Helper()
	var out []string
	var visit func(dir string)
	visit = func(dir string) {
		names, err := m.List(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			path := filepath.Join(dir, name)
			info, err := m.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			if info.IsDir() {
				out = append(out, path+"/")
				visit(path)
			} else {
				out = append(out, path+"="+letters([]byte(readOn(t, m, path))))
			}
		}
	}
	visit("/")
	return strings.Join(out, " ")
}

// A rule is a history and all that it may leave, torn sectors aside.
type rule struct {
	name  string
	story func(s *story)
	leave []string
	// halves says that sectors of two letters are written, so that a torn
	// one may have three.
	halves bool
}

// check shows that a crash leaves what the rule says, all of it and nothing
// else, by enumeration and by chance.
func (r rule) check(t *testing.T) {
	s := newStory(t)
	r.story(s)
	slices.Sort(r.leave)
	all := map[string]bool{}
	n := uint64(0)
	for m := range s.m.CrashStates() {
		all[look(t, m)] = true
		n++
	}
	if got := slices.Sorted(maps.Keys(all)); !slices.Equal(got, r.leave) {
		t.Errorf("a crash may leave\n %s\nwant\n %s", strings.Join(got, "\n "), strings.Join(r.leave, "\n "))
	}
	if most := s.m.CountCrashStates(); n > most {
		t.Errorf("%d states, though at most %d were announced", n, most)
	}
	missing := maps.Clone(all)
	for seed := uint64(0); seed < 500 || len(missing) > 0 && seed < 10000; seed++ {
		state := look(t, s.m.Crash(seed))
		delete(missing, state)
		if !all[state] && !r.tornFrom(state) {
			t.Fatalf("seed %d leaves %s", seed, state)
		}
	}
	if len(missing) > 0 {
		t.Errorf("no seed of 10000 leaves %v", slices.Sorted(maps.Keys(missing)))
	}
	if got := look(t, s.m.Image(Written)); got != look(t, s.m) {
		t.Errorf("the end of the process leaves %s of %s", got, look(t, s.m))
	}
}

// tornFrom says whether a state is one of the legal ones but for torn
// sectors, each of which is made of two letters of its place.
func (r rule) tornFrom(state string) bool {
	most := 2
	if r.halves {
		most = 3
	}
	return slices.ContainsFunc(r.leave, func(base string) bool {
		a, b := words(state), words(base)
		if len(a) != len(b) {
			return false
		}
		for i := range a {
			whole := a[i] == b[i]
			torn := strings.HasPrefix(a[i], "{") && strings.HasSuffix(a[i], "~") == strings.HasSuffix(b[i], "~")
			in := strings.Trim(a[i], "{}~")
			for _, c := range in {
				torn = torn && len(in) <= most && appears(r.leave, i, c)
			}
			if !whole && !torn {
				return false
			}
		}
		return true
	})
}

// words takes a state apart into names and single sectors.
func words(state string) (out []string) {
	for file := range strings.FieldsSeq(state) {
		path, content, _ := strings.Cut(file, "=")
		out = append(out, path)
		for i := 0; i < len(content); {
			j := i + 1
			if content[i] == '{' {
				j = i + strings.IndexByte(content[i:], '}') + 1
			}
			if j < len(content) && content[j] == '~' {
				j++
			}
			n := 0
			k := j
			for k < len(content) && '0' <= content[k] && content[k] <= '9' {
				n = n*10 + int(content[k]-'0')
				k++
			}
			for range max(n, 1) {
				out = append(out, content[i:j])
			}
			i = k
		}
	}
	return out
}

func appears(legal []string, i int, letter rune) bool {
	return slices.ContainsFunc(legal, func(state string) bool {
		w := words(state)
		return i < len(w) && strings.ContainsRune(w[i], letter)
	})
}

func checkRules(t *testing.T, rules []rule) {
	for _, r := range rules {
		t.Run(strings.ReplaceAll(r.name, " ", "_"), r.check)
	}
}

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
