package vfs

import (
	"errors"
	"path/filepath"
	"reflect"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestCallsAreCountedUnderTheClassOfTheViewThatOpenedTheFile(t *testing.T) {
	c := NewCounting(OS{})
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	log, data := Classed(c, Log), Classed(Classed(c, Log), Data)
	f := create(t, log, path)
	for _, text := range []string{"abc", "de"} {
		if _, err := f.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := f.WriteAt([]byte("x"), 9000); err != nil {
		t.Fatal(err)
	}
	r, err := data.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	r.ReadAt(make([]byte, 4), 0)
	if n, _ := r.ReadAt(make([]byte, 100), 8999); n != 2 {
		t.Fatal(n)
	}
	if err := errors.Join(f.Sync(), f.SyncData(), f.Truncate(8000), f.Preallocate(0, 4096), f.PunchHole(0, 4096)); err != nil {
		t.Fatal(err)
	}
	m, err := r.Mmap(0, 5000)
	if err != nil {
		t.Fatal(err)
	}
	m.Close()
	if err := errors.Join(c.Link(path, path+"2"), c.Rename(path, path+"3"), c.Remove(path+"2"), c.RemoveAll(path+"3"), c.SyncDir(dir)); err != nil {
		t.Fatal(err)
	}
	want := map[Class]Counts{
		Log: {
			Creates: 1, Writes: 3, WriteBytes: 6, Syncs: 2,
			Truncates: 1, Preallocations: 1, Punches: 1, PunchedBytes: 4096,
		},
		Data:  {Opens: 1, Reads: 2, ReadBytes: 6, Maps: 1, MapBytes: 5000},
		Other: {Links: 1, Renames: 1, Removes: 2, DirSyncs: 1},
	}
	var total Counts
	for class := range Classes {
		got := c.Counts(class)
		total = total.Plus(got)
		if (got.SyncTime > 0) != (got.Syncs > 0) || (got.DirSyncTime > 0) != (got.DirSyncs > 0) {
			t.Errorf("%v: syncs took no time: %+v", class, got)
		}
		got.SyncTime, got.DirSyncTime = 0, 0
		if got != want[class] {
			t.Errorf("%v: %+v\nwant %+v", class, got, want[class])
		}
	}
	if got := c.Total(); got != total || total.WriteBytes != 6 || total.ReadBytes != 6 {
		t.Errorf("total %+v\nwant %+v", got, total)
	}
}

func TestAWriteThatIsDurableWhenItReturnsCountsAsASync(t *testing.T) {
	c := NewCounting(OS{})
	path := filepath.Join(t.TempDir(), "f")
	create(t, c, path)
	for _, dsync := range []bool{false, true} {
		f, err := c.OpenDirect(path, dsync)
		if errors.Is(err, errors.ErrUnsupported) {
			t.Skip("no direct I/O here:", err)
		}
		before := c.Total()
		if _, err := f.WriteAt(AlignedBuffer(4096), 0); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(AlignedBuffer(4096)); err != nil {
			t.Fatal(err)
		}
		f.Close()
		n := c.Total().Minus(before)
		if n.Writes != 2 || n.WriteBytes != 8192 || (n.Syncs == 2) != dsync || (n.SyncTime > 0) != dsync {
			t.Errorf("dsync %v: %+v", dsync, n)
		}
	}
}

func TestTheTimeOfASyncIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := NewCounting(NewFault(OS{}, Rule{Kind: kindSyncs, Delay: time.Second}))
		dir := t.TempDir()
		f := create(t, c, filepath.Join(dir, "f"))
		if err := errors.Join(f.Sync(), f.SyncData(), c.SyncDir(dir)); err != nil {
			t.Fatal(err)
		}
		if n := c.Total(); n.SyncTime != 2*time.Second || n.DirSyncTime != time.Second {
			t.Errorf("%+v", n)
		}
	})
}

func TestCallsThatFailCountAsFarAsTheyWent(t *testing.T) {
	rules, err := ParseRules("write short=2 error=EIO; read error=EIO; sync|rename|remove|link|create|open error=EIO")
	if err != nil {
		t.Fatal(err)
	}
	fault := NewFault(OS{})
	c := NewCounting(fault)
	path := filepath.Join(t.TempDir(), "f")
	f := create(t, c, path)
	fault.Set(rules...)
	before := c.Total()
	f.Write([]byte("abc"))
	f.WriteAt([]byte("abc"), 0)
	f.ReadAt(make([]byte, 2), 0)
	f.Sync()
	c.Create(path + "2")
	c.Open(path)
	c.Rename(path, path+"2")
	c.Link(path, path+"2")
	c.Remove(path)
	got := c.Total().Minus(before)
	got.SyncTime = 0
	if want := (Counts{Writes: 2, WriteBytes: 4, Reads: 1, Syncs: 1}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestPlusAndMinusCoverEveryCount(t *testing.T) {
	var one Counts
	v := reflect.ValueOf(&one).Elem()
	for i := range v.NumField() {
		if v.Field(i).CanUint() {
			v.Field(i).SetUint(uint64(i + 1))
		} else {
			v.Field(i).SetInt(int64(i + 1))
		}
	}
	two := reflect.ValueOf(one.Plus(one))
	for i := range v.NumField() {
		if two.Field(i).Convert(reflect.TypeFor[int64]()).Int() != 2*int64(i+1) {
			t.Errorf("Plus forgets %s", v.Type().Field(i).Name)
		}
	}
	if one.Plus(one).Minus(one) != one {
		t.Errorf("%+v", one.Plus(one).Minus(one))
	}
}

func TestConcurrentReadsAndWritesAreAllCounted(t *testing.T) {
	c := NewCounting(OS{})
	f := create(t, Classed(c, Page), filepath.Join(t.TempDir(), "f"))
	var done sync.WaitGroup
	for g := range 4 {
		done.Go(func() {
			p := make([]byte, 10)
			for i := range 500 {
				f.WriteAt(p, int64(g*500+i)*10)
				f.ReadAt(p, int64(g*500+i)*10)
			}
		})
	}
	done.Wait()
	if got, want := c.Counts(Page), (Counts{Reads: 2000, ReadBytes: 20000, Writes: 2000, WriteBytes: 20000, Creates: 1}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestCountedReadsAndWritesDoNotAllocate(t *testing.T) {
	c := NewCounting(OS{})
	f := create(t, c, filepath.Join(t.TempDir(), "f"))
	p := make([]byte, 16)
	if n := testing.AllocsPerRun(100, func() {
		f.WriteAt(p, 0)
		f.ReadAt(p, 0)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// nullFile does nothing, so that a benchmark sees the cost of a wrapper.
type nullFile struct{ File }

func (nullFile) ReadAt(p []byte, _ int64) (int, error)  { return len(p), nil }
func (nullFile) WriteAt(p []byte, _ int64) (int, error) { return len(p), nil }

func BenchmarkCounting(b *testing.B) {
	c := NewCounting(OS{})
	p := make([]byte, 4096)
	for name, f := range map[string]File{
		"file=bare": nullFile{}, "file=counted": &countingFile{nullFile{}, &c.classes[Data]},
	} {
		b.Run("op=read/"+name, func(b *testing.B) {
			for b.Loop() {
				f.ReadAt(p, 0)
			}
		})
		b.Run("op=write/"+name, func(b *testing.B) {
			for b.Loop() {
				f.WriteAt(p, 0)
			}
		})
		b.Run("op=read-shared/"+name, func(b *testing.B) {
			b.RunParallel(func(pb *testing.PB) {
				for off := int64(0); pb.Next(); off += 4096 {
					f.ReadAt(p, off)
				}
			})
		})
	}
}
