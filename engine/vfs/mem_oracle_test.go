package vfs

import (
	"fmt"
	"io"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// The oracle knows less than Mem, and in another way: of each sector, all
// that it may hold; of each file, the lengths between which it may end; of
// each name, what it may be. Each of these is checked by itself.
type oracle struct {
	names map[string]*oracleFile   // as they are now
	may   map[string][]*oracleFile // what each name may be after a crash; nil is none
}

type oracleFile struct {
	now     []byte
	sectors map[int][]string // the contents a sector may have, the newest last
	lengths []int            // since the last sync, in order, the durable one first
}

const oracleBytes = 4 * pageSize

func newOracleFile() *oracleFile {
	f := &oracleFile{}
	f.synced()
	return f
}

// sector returns the content of sector s as if the file went on in zeros.
func (f *oracleFile) sector(s int) string {
	p := make([]byte, sectorSize)
	if s*sectorSize < len(f.now) {
		copy(p, f.now[s*sectorSize:])
	}
	return string(p)
}

func (f *oracleFile) synced() {
	f.sectors = map[int][]string{}
	for s := range oracleBytes / sectorSize {
		f.sectors[s] = []string{f.sector(s)}
	}
	f.lengths = []int{len(f.now)}
}

// changed notes what sectors [lo, hi) hold now.
func (f *oracleFile) changed(lo, hi int) {
	for s := lo / sectorSize; s*sectorSize < hi; s++ {
		if x := f.sector(s); !slices.Contains(f.sectors[s], x) {
			f.sectors[s] = append(f.sectors[s], x)
		}
	}
}

func (f *oracleFile) write(p []byte, off int) {
	f.resize(max(len(f.now), off+len(p)))
	copy(f.now[off:], p)
	f.changed(off, off+len(p))
}

func (f *oracleFile) resize(n int) {
	if n != len(f.now) {
		f.lengths = append(f.lengths, n)
	}
	if n < len(f.now) {
		f.now = f.now[:n:n]
		return
	}
	f.now = append(f.now[:len(f.now):len(f.now)], make([]byte, n-len(f.now))...)
}

// zero notes that [lo, hi) became zeros: each content that there may be, also
// without these bytes.
func (f *oracleFile) zero(lo, hi int) {
	for i := lo; i < min(hi, len(f.now)); i++ {
		f.now[i] = 0
	}
	for s, all := range f.sectors {
		for _, x := range all {
			p := []byte(x)
			for i := range p {
				if at := s*sectorSize + i; lo <= at && at < hi {
					p[i] = 0
				}
			}
			if !slices.Contains(f.sectors[s], string(p)) {
				f.sectors[s] = append(f.sectors[s], string(p))
			}
		}
	}
}

// fault says what is wrong with a content that a crash left, or "".
func (f *oracleFile) fault(data []byte) string {
	if !f.mayEnd(len(data)) {
		return fmt.Sprintf("length %d; it had %d", len(data), f.lengths)
	}
	for s := 0; s*sectorSize < len(data); s++ {
		x := string(data[s*sectorSize : min(len(data), (s+1)*sectorSize)])
		if !madeOf(x, f.sectors[s]) {
			return fmt.Sprintf("sector %d is %s", s, letter([]byte(x)))
		}
	}
	return ""
}

func (f *oracleFile) mayEnd(n int) bool {
	if slices.Contains(f.lengths, n) {
		return true
	}
	for i, end := range f.lengths[1:] {
		if begin := f.lengths[i]; n%pageSize == 0 && begin < n && n < end {
			return true
		}
	}
	return false
}

// madeOf says whether x begins as one of the contents and goes on as one.
func madeOf(x string, contents []string) bool {
	prefix, suffix := 0, 0
	for _, c := range contents {
		i, j := 0, 0
		for i < len(x) && x[i] == c[i] {
			i++
		}
		for j < len(x) && x[len(x)-1-j] == c[len(x)-1-j] {
			j++
		}
		prefix, suffix = max(prefix, i), max(suffix, j)
	}
	return prefix+suffix >= len(x)
}

// A saga plays random calls on a Mem and tells the oracle.
type saga struct {
	t    *rapid.T
	m    *Mem
	o    oracle
	next byte
}

func (s *saga) bind(name string, f *oracleFile) {
	s.o.names[name] = f
	s.o.may[name] = append(s.o.may[name], f)
}

func (s *saga) ok(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *saga) step() {
	name := rapid.SampledFrom([]string{"/f", "/g", "/h"}).Draw(s.t, "name")
	f := s.o.names[name]
	op := rapid.SampledFrom([]string{
		"write", "write", "write", "truncate", "punch", "sync", "dsync", "rename", "remove", "link", "sync dir", "crash",
	}).Draw(s.t, "op")
	switch {
	case op == "sync dir":
		s.ok(s.m.SyncDir("/"))
		s.forget()
	case op == "crash":
		s.crash(rapid.Uint64().Draw(s.t, "seed"))
	case f == nil:
		_, err := s.m.Create(name)
		s.ok(err)
		s.bind(name, newOracleFile())
	case op == "rename", op == "link":
		s.move(op, name, f)
	case op == "remove":
		s.ok(s.m.Remove(name))
		s.bind(name, nil)
	default:
		s.change(op, name, f)
	}
}

func (s *saga) move(op, name string, f *oracleFile) {
	to := rapid.SampledFrom([]string{"/f", "/g", "/h"}).Draw(s.t, "to")
	if s.o.names[to] == f || op == "link" && s.o.names[to] != nil {
		return
	}
	if op == "link" {
		s.ok(s.m.Link(name, to))
	} else {
		s.ok(s.m.Rename(name, to))
		s.bind(name, nil)
	}
	s.bind(to, f)
}

func (s *saga) change(op, name string, f *oracleFile) {
	h, err := s.m.OpenReadWrite(name)
	s.ok(err)
	defer h.Close()
	off := rapid.IntRange(0, oracleBytes-1).Draw(s.t, "offset")
	n := rapid.IntRange(1, oracleBytes-off).Draw(s.t, "n")
	s.next = s.next%250 + 1
	switch op {
	case "sync":
		s.ok(h.Sync())
		f.synced()
	case "truncate":
		s.ok(h.Truncate(int64(off)))
		f.zero(off, oracleBytes)
		f.resize(off)
	case "punch":
		s.ok(h.PunchHole(int64(off), int64(n)))
		f.zero(off, off+n)
	case "write":
		p := slices.Repeat([]byte{s.next}, n)
		_, err := h.WriteAt(p, int64(off))
		s.ok(err)
		f.write(p, off)
	case "dsync":
		d, err := s.m.OpenDirect(name, true)
		s.ok(err)
		p := AlignedBuffer(pageSize)
		copy(p, slices.Repeat([]byte{s.next}, pageSize))
		off -= off % pageSize
		_, err = d.WriteAt(p, int64(off))
		s.ok(err)
		f.write(p, off)
		for i := off / sectorSize; i < off/sectorSize+sectorsPerPage; i++ {
			f.sectors[i] = f.sectors[i][len(f.sectors[i])-1:]
			f.sectors[i][0] = f.sector(i)
		}
	}
}

// forget: names are durable as they are.
func (s *saga) forget() {
	for name := range s.o.may {
		s.o.may[name] = []*oracleFile{s.o.names[name]}
	}
}

// check compares a crash with the oracle.
func (s *saga) check(m *Mem, what string) {
	for name, may := range s.o.may {
		fsFile, err := m.Open(name)
		if err != nil {
			if !slices.Contains(may, nil) {
				s.t.Fatalf("%s: %s is lost", what, name)
			}
			continue
		}
		size, _ := fsFile.Size()
		data := make([]byte, size)
		if _, err := fsFile.ReadAt(data, 0); err != nil && err != io.EOF {
			s.t.Fatal(err)
		}
		fault := "no file that it may be"
		for _, f := range may {
			if f != nil && fault != "" {
				fault = f.fault(data)
			}
		}
		if fault != "" {
			s.t.Fatalf("%s: %s: %s", what, name, fault)
		}
	}
	if names, _ := m.List("/"); len(names) > len(s.o.may) {
		s.t.Fatalf("%s: names %v", what, names)
	}
}

// crash goes on with what a crash leaves, of which everything is durable.
func (s *saga) crash(seed uint64) {
	m := s.m.Crash(seed)
	s.check(m, fmt.Sprint("seed ", seed))
	if st := m.Stats(); st.UnsyncedSectors+st.UnsyncedNames+st.UnsyncedLengths+st.UnsyncedCuts > 0 {
		s.t.Fatalf("after a crash something is not durable: %+v", st)
	}
	s.m = m
	made := map[*inode]*oracleFile{}
	for name := range s.o.may {
		n, err := m.walk(name)
		if err != nil {
			s.o.names[name], s.o.may[name] = nil, []*oracleFile{nil}
			continue
		}
		if made[n] == nil {
			f := newOracleFile()
			f.now = make([]byte, n.size)
			n.now.readAt(f.now, 0)
			f.synced()
			made[n] = f
		}
		s.o.names[name], s.o.may[name] = made[n], []*oracleFile{made[n]}
	}
}

func TestEveryCrashIsLegalByAnOracleOfItsOwn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := &saga{t: t, m: NewMem(), o: oracle{map[string]*oracleFile{}, map[string][]*oracleFile{}}}
		for _, name := range []string{"/f", "/g", "/h"} {
			s.bind(name, nil)
		}
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			s.step()
			if rapid.IntRange(0, 3).Draw(t, "look") > 0 {
				continue
			}
			before := printTree(t, s.m, "/", "")
			for what, m := range s.m.Crashes(rapid.Uint64Max(math.MaxUint64-8).Draw(t, "seeds"), 6) {
				s.check(m, what)
			}
			if after := printTree(t, s.m, "/", ""); after != before {
				t.Fatalf("a crash changed what it was made from: %s to %s", before, after)
			}
		}
	})
}
