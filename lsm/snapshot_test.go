package lsm

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
)

// all reads everything that a scanner has, both ways, as "key=value key=value".
func all(t testing.TB, s engine.Scanner) string {
	t.Helper()
	it, err := s.NewIter(engine.IterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer it.Close()
	return rowsOf(t, it)
}

func rowsOf(t testing.TB, it engine.Iterator) string {
	t.Helper()
	var rows, back []string
	row := func() string {
		value, err := it.Value()
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("%s=%.10s", it.Key(), value)
	}
	for ok := it.First(); ok; ok = it.Next() {
		rows = append(rows, row())
	}
	for ok := it.Last(); ok; ok = it.Prev() {
		back = append([]string{row()}, back...)
	}
	if err := it.Err(); err != nil {
		t.Fatal(err)
	}
	forth := strings.Join(rows, " ")
	if b := strings.Join(back, " "); b != forth {
		t.Fatalf("forward %s\nbackward %s", forth, b)
	}
	return forth
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (t *tree) put(tb testing.TB, key, value string) {
	tb.Helper()
	must(tb, t.Put([]byte(key), []byte(value), engine.Default))
}

func TestLongLivedSnapshotsAndIteratorsStayAsTheyWere(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	for name, more := range families() {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 1))
			e := openMem(t, vfs.NewMem(), more)
			type moment struct {
				want string
				snap engine.Snapshot
				it   engine.Iterator
			}
			var moments []moment
			for round := range 12 {
				for range 60 {
					key := fmt.Sprintf("k%02d", r.IntN(40))
					switch r.IntN(8) {
					case 0:
						must(t, e.Delete([]byte(key), engine.Default))
					case 1:
						must(t, e.DeleteRange([]byte(key), fmt.Appendf(nil, "k%02d", r.IntN(60)), engine.Default))
					default:
						e.put(t, key, fmt.Sprintf("%03d", r.IntN(1000))+strings.Repeat(".", r.IntN(200)))
					}
				}
				it, err := e.NewIter(engine.IterOptions{})
				must(t, err)
				snap, err := e.NewSnapshot()
				must(t, err)
				moments = append(moments, moment{all(t, e), snap, it})
				switch round % 3 {
				case 0:
					must(t, e.Settle(context.Background()))
				case 1:
					must(t, e.Compact(context.Background(), nil, nil))
				}
				for i, m := range moments {
					if got := all(t, m.snap.(engine.Scanner)); got != m.want {
						t.Fatalf("round %d: snapshot %d is\n%s\nand was\n%s", round, i, got, m.want)
					}
					if got := rowsOf(t, m.it); got != m.want {
						t.Fatalf("round %d: iterator %d sees\n%s\nand saw\n%s", round, i, got, m.want)
					}
				}
				if len(moments) > 5 {
					i := r.IntN(len(moments))
					must(t, moments[i].snap.Close())
					must(t, moments[i].it.Close())
					moments = append(moments[:i], moments[i+1:]...)
				}
			}
			for _, m := range moments {
				must(t, m.snap.Close())
				must(t, m.it.Close())
			}
		})
	}
}

// onDisk is how many bytes the files of tables and values have, once what
// nobody reads has been removed.
func onDisk(t testing.TB, e *tree, fsys vfs.FS) (bytes int64) {
	t.Helper()
	must(t, e.drain())
	e.cleanUp()
	for _, dir := range []string{tableDir, blobDir} {
		names, err := fsys.List("/db/" + dir)
		must(t, err)
		for _, name := range names {
			info, err := fsys.Stat("/db/" + dir + "/" + name)
			if errors.Is(err, fs.ErrNotExist) { // the flusher removes files too
				continue
			}
			must(t, err)
			bytes += info.Size()
		}
	}
	return bytes
}

func TestFilesStayAsLongAsAnIteratorReadsThemAndNoLonger(t *testing.T) {
	for name, more := range families() {
		t.Run(name, func(t *testing.T) {
			fsys := vfs.NewMem()
			e := openMem(t, fsys, more)
			for i := range 500 {
				e.put(t, fmt.Sprintf("key%04d", i), strings.Repeat("v", 200))
			}
			must(t, e.Settle(context.Background()))
			full := onDisk(t, e, fsys)
			it, err := e.NewIter(engine.IterOptions{})
			must(t, err)
			must(t, e.DeleteRange([]byte("k"), nil, engine.Default))
			must(t, e.Compact(context.Background(), nil, nil))
			if now := onDisk(t, e, fsys); now < full {
				t.Errorf("%d of %d bytes are left, and an iterator reads them", now, full)
			}
			n := 0
			for ok := it.First(); ok; ok = it.Next() {
				if v, err := it.Value(); err != nil || len(v) != 200 {
					t.Fatalf("row %d: %q, %v", n, v, err)
				}
				n++
			}
			if must(t, it.Err()); n != 500 {
				t.Errorf("the iterator saw %d rows of 500", n)
			}
			must(t, it.Close())
			await(t, "files are left of nothing", func() bool { return onDisk(t, e, fsys) == 0 })
		})
	}
}

func TestASnapshotKeepsWhatWasDeletedUntilItIsClosed(t *testing.T) {
	for name, more := range families() {
		t.Run(name, func(t *testing.T) {
			fsys := vfs.NewMem()
			e := openMem(t, fsys, more)
			for i := range 300 {
				e.put(t, fmt.Sprintf("key%04d", i), strings.Repeat("v", 200))
			}
			snap, err := e.NewSnapshot()
			must(t, err)
			for i := range 300 {
				must(t, e.Delete(fmt.Appendf(nil, "key%04d", i), engine.Default))
			}
			must(t, e.Compact(context.Background(), nil, nil))
			if _, err := e.Get(nil, []byte("key0007")); !errors.Is(err, engine.ErrNotFound) {
				t.Errorf("get: %v", err)
			}
			if v, err := snap.Get(nil, []byte("key0007")); err != nil || len(v) != 200 {
				t.Errorf("get of the snapshot: %q, %v", v, err)
			}
			must(t, snap.Close())
			must(t, e.Compact(context.Background(), nil, nil))
			await(t, "files are left of nothing", func() bool { return onDisk(t, e, fsys) == 0 })
		})
	}
}
