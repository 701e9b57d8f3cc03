package vfs

import (
	"fmt"
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
