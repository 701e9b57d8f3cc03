package vfs

import (
	"bytes"
	"fmt"
	"testing"
)

// work is what a step added to the counters.
func work(m *Mem, step func()) MemStats {
	was := m.Stats()
	step()
	now := m.Stats()
	now.PagesMade -= was.PagesMade
	now.PagesCopied -= was.PagesCopied
	now.VersionsKept -= was.VersionsKept
	now.SectorsDecided -= was.SectorsDecided
	return now
}

func TestTheCostOfABigFileIsThatOfWhatChanged(t *testing.T) {
	const size = 64 << 20
	s := newStory(t)
	s.durable("/big", "A")
	f := s.open("/big")
	p := bytes.Repeat([]byte{1}, 1<<20)
	for off := int64(0); off < size; off += int64(len(p)) {
		_, err := f.WriteAt(p, off)
		s.ok(err)
	}
	if w := work(s.m, func() { s.ok(f.Sync()) }); w.PagesMade+w.PagesCopied != 0 || w.UnsyncedSectors != 0 {
		t.Errorf("the first sync: %+v", w)
	}
	overwrite := func() {
		_, err := f.WriteAt(p[:pageSize], size/2)
		s.ok(err)
	}
	if w := work(s.m, overwrite); w.PagesCopied != 1 || w.PagesMade != 0 || w.UnsyncedSectors != sectorsPerPage {
		t.Errorf("an overwrite: %+v", w)
	}
	var fork *Mem
	crash := func() { fork = s.m.Crash(1) }
	if w := work(s.m, crash); w.SectorsDecided != sectorsPerPage || w.PagesCopied > 1 {
		t.Errorf("a crash: %+v", w)
	}
	if w := work(s.m, overwrite); w.PagesCopied > 1 || w.VersionsKept != sectorsPerPage {
		t.Errorf("an overwrite after a crash: %+v", w)
	}
	if w := work(s.m, func() { s.ok(f.Sync()) }); w.PagesMade+w.PagesCopied != 0 || w.UnsyncedSectors != 0 {
		t.Errorf("a sync: %+v", w)
	}
	g, err := fork.OpenReadWrite("/big")
	s.ok(err)
	if w := work(fork, func() { g.WriteAt(p[:1], 7*pageSize) }); w.PagesCopied != 1 || w.PagesMade != 0 {
		t.Errorf("an overwrite in the fork: %+v", w)
	}
	if w := work(s.m, func() { s.ok(f.Truncate(0)) }); w.PagesMade+w.PagesCopied+w.VersionsKept != 0 {
		t.Errorf("a cut: %+v", w)
	}
	s.ok(f.Truncate(size))
	for off := int64(0); off < size; off += 1 << 18 {
		var got, forked [1]byte
		_, err := f.ReadAt(got[:], off)
		s.ok(err)
		_, err = g.ReadAt(forked[:], off)
		s.ok(err)
		if got[0] != 0 || forked[0] != 1 {
			t.Fatalf("byte %d, after a cut: %d, in the fork %d", off, got[0], forked[0])
		}
	}
}

func TestHolesAndZerosTakeNoMemory(t *testing.T) {
	s := newStory(t)
	s.durable("/f", "A")
	f := s.open("/f")
	w := work(s.m, func() {
		s.ok(f.Truncate(1 << 30))
		p := make([]byte, 1<<20)
		for off := int64(pageSize); off < 64<<20; off += int64(len(p)) {
			_, err := f.WriteAt(p, off)
			s.ok(err)
		}
		_, err := f.WriteAt([]byte{1}, 1<<30-1)
		s.ok(err)
	})
	if w.PagesMade != 1 || w.PagesCopied != 0 || w.UnsyncedSectors != 1 {
		t.Errorf("%+v", w)
	}
	if _, err := f.WriteAt([]byte{1}, 1<<60); err == nil {
		t.Error("a file of an exabyte")
	}
}

func TestStatsCountWhatIsNotDurable(t *testing.T) {
	s := newStory(t)
	s.durable("/d/f", "A8B8")
	if st := s.m.Stats(); st.Files != 1 || st.Dirs != 2 ||
		st.UnsyncedSectors+st.UnsyncedCuts+st.UnsyncedLengths+st.UnsyncedNames != 0 {
		t.Errorf("after all syncs: %+v", st)
	}
	s.write("/d/f", 0, "XY")
	s.write("/d/f", 16, "Z")
	s.truncate("/d/f", 8)
	s.punch("/d/f", 0, 8)
	s.create("/d/g", "")
	s.rename("/d/g", "/d/h")
	st := s.m.Stats()
	if st.Files != 2 || st.UnsyncedSectors != 3 || st.UnsyncedCuts != 2 || st.UnsyncedLengths != 2 || st.UnsyncedNames != 2 {
		t.Errorf("%+v", st)
	}
	// The file: X and Y or not, without a cut for both lengths, of which the
	// longer has Z or not; then with a cut; then with the hole. The names: two
	// operations.
	if n := s.m.CountCrashStates(); n != (4+4*2+4+1)*4 {
		t.Errorf("%d states", n)
	}
	for i := range 40 {
		s.write("/d/f", 0, fmt.Sprint("A", 1+i))
	}
	if n := s.m.CountCrashStates(); n != 1<<64-1 {
		t.Errorf("%d states", n)
	}
}

func BenchmarkMemWriteSyncCrash(b *testing.B) {
	m := NewMem()
	f, err := m.Create("/f")
	if err != nil {
		b.Fatal(err)
	}
	m.SyncDir("/")
	p := bytes.Repeat([]byte{1}, 100)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		f.WriteAt(p, int64(i%1000)*100)
		f.Sync()
		m.Crash(uint64(i))
	}
}

func BenchmarkMemOpenWriteSyncCrash(b *testing.B) {
	p := bytes.Repeat([]byte{1}, 100)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		m := NewMem()
		m.MkdirAll("/db")
		f, _ := m.Create("/db/log")
		m.SyncDir("/db")
		m.SyncDir("/")
		f.Write(p)
		f.Sync()
		f.Write(p)
		f.Close()
		c := m.Crash(uint64(i))
		g, _ := c.Open("/db/log")
		g.ReadAt(p, 0)
		g.Close()
	}
}

func BenchmarkMemWrite(b *testing.B) {
	for _, size := range []int{100, pageSize, 64 << 10} {
		b.Run(fmt.Sprint("size=", size), func(b *testing.B) {
			m := NewMem()
			f, err := m.Create("/f")
			if err != nil {
				b.Fatal(err)
			}
			p := bytes.Repeat([]byte{1}, size)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				f.WriteAt(p, int64(i*size)%(16<<20))
				if i%64 == 0 {
					f.Sync()
				}
			}
		})
	}
}

func BenchmarkMemRead(b *testing.B) {
	m := NewMem()
	f, err := m.Create("/f")
	if err != nil {
		b.Fatal(err)
	}
	f.WriteAt(bytes.Repeat([]byte{1}, 16<<20), 0)
	b.ReportAllocs()
	b.RunParallel(func(b *testing.PB) {
		p := make([]byte, pageSize)
		for i := 0; b.Next(); i++ {
			f.ReadAt(p, int64(i*pageSize)%(16<<20))
		}
	})
}
