package lsm

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/lsm/ikey"
	"github.com/kvbench/kvbench/lsm/manifest"
	"github.com/kvbench/kvbench/lsm/tombstone"
	"github.com/kvbench/kvbench/lsm/version"
)

func layoutOf(t *testing.T, mem *vfs.Mem) engine.Layout {
	t.Helper()
	l, err := inspect(context.Background(), exhibitDir, exhibitEnv(mem))
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range l.Tables {
		for i, row := range table.Rows {
			if len(row) != len(table.Columns) {
				t.Errorf("%s: row %d has %d cells for %d columns", table.Title, i, len(row), len(table.Columns))
			}
		}
	}
	return l
}

func factOf(t *testing.T, l engine.Layout, name string) string {
	t.Helper()
	i := slices.IndexFunc(l.Facts, func(f engine.Fact) bool { return f.Name == name })
	if i < 0 {
		t.Fatalf("no fact is called %s: %v", name, l.Facts)
	}
	return l.Facts[i].Value
}

// column returns the cells of a column of the table whose title begins so.
func column(t *testing.T, l engine.Layout, title, name string) (cells []string) {
	t.Helper()
	for _, table := range l.Tables {
		if !strings.HasPrefix(table.Title, title) {
			continue
		}
		i := slices.Index(table.Columns, name)
		if i < 0 {
			t.Fatalf("table %s has no column %s", title, name)
		}
		for _, row := range table.Rows {
			cells = append(cells, row[i])
		}
		return cells
	}
	t.Fatalf("there is no table %s", title)
	return nil
}

// total adds up numbers.
func total(t *testing.T, cells ...string) (n int64) {
	t.Helper()
	for _, text := range cells {
		x, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		n += x
	}
	return n
}

// smallTree is one of which all is known.
func smallTree(t *testing.T) *vfs.Mem {
	m := newMade(t)
	p := m.blob(9, strings.Repeat("b", 60), strings.Repeat("g", 40))[0]
	m.table(0, 3, 12, []row{{"a long key that is cut", 41, ikey.Put, "value"}, {"z", 40, ikey.Delete, ""}}, nil, func(x *version.Table) {
		x.Created, x.OldestTombstone = exhibitNow*1e9-90e9, exhibitNow*1e9-3600e9
	})
	m.table(1, 2, 11, nil, []tombstone.Range{{Lower: []byte("c\x00"), Seq: 30}}, func(x *version.Table) {
		x.Created = exhibitNow*1e9 - 72*3600e9
	})
	m.table(2, 1, 10, tenRows(), nil, nil)
	m.table(2, 1, 8, []row{{"m", 5, ikey.PutBlob, string(p.Append(nil))}}, nil, nil)
	at := logged(t, m.mem, batchRecord, batchAt(40, "a"), batchAt(42, "b"))
	m.edit.LogFrom, m.edit.LastSeq = at[1], 41
	return m.done()
}

func TestInspectOfASmallTree(t *testing.T) {
	mem := smallTree(t)
	l := layoutOf(t, mem)
	var b strings.Builder
	for _, f := range l.Facts {
		fmt.Fprintf(&b, "%s: %s\n", f.Name, f.Value)
	}
	for _, table := range l.Tables {
		fmt.Fprintf(&b, "\n%s\n%s\n", table.Title, strings.Join(table.Columns, " | "))
		for _, row := range table.Rows {
			fmt.Fprintln(&b, strings.Join(row, " | "))
		}
	}
	const path = "testdata/inspect.txt"
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := b.String(); got != string(want) {
		t.Errorf("%s is other than what comes out:\n%s", path, got)
	}
}

func TestInspectCountsWhatIsThere(t *testing.T) {
	for _, more := range exhibitKinds {
		t.Run(fmt.Sprint(more), func(t *testing.T) {
			x := filled(t, more, 400)
			x.inspected(x.mem.Image(vfs.Written))
			x.inspected(x.close().mem)
		})
	}
}

func (x *exhibit) inspected(mem *vfs.Mem) {
	t := x.t
	t.Helper()
	before := exhibitFiles(t, mem, "")
	l, s := layoutOf(t, mem), exhibitState(t, mem)
	sum := s.Version.Totals()
	for name, want := range map[string]int64{
		"tables": int64(sum.Tables), "runs": int64(sum.Runs), "table bytes": sum.Bytes, "entries": int64(sum.Entries),
		"deletes": int64(sum.Tombstones), "blob files": int64(len(s.Version.Blobs)),
	} {
		if got := total(t, factOf(t, l, name)); got != want {
			t.Errorf("%d %s, want %d", got, name, want)
		}
	}
	for _, title := range []string{"levels", "runs", "tables"} {
		for name, want := range map[string]int64{
			"bytes": sum.Bytes, "entries": int64(sum.Entries), "deletes": int64(sum.Tombstones), "range deletes": int64(sum.RangeDeletes),
		} {
			if got := total(t, column(t, l, title, name)...); got != want {
				t.Errorf("%s have %d %s, want %d", title, got, name, want)
			}
		}
	}
	for _, name := range []string{"filter bytes", "index bytes"} {
		if got, want := total(t, column(t, l, "tables", name)...), total(t, factOf(t, l, name)); got != want {
			t.Errorf("tables have %d %s, want %d", got, name, want)
		}
	}
	live := total(t, column(t, l, "blob files", "live bytes")...) + total(t, factOf(t, l, "blob garbage bytes"))
	if want := total(t, column(t, l, "blob files", "bytes of values")...); live != want {
		t.Errorf("%d bytes of values are live or garbage, want %d", live, want)
	}
	var bytes int64
	for _, f := range before {
		bytes += int64(len(f.data))
	}
	if files, n := total(t, column(t, l, "files", "files")...), total(t, column(t, l, "files", "bytes")...); int(files) != len(before) || n != bytes {
		t.Errorf("%d of %d files, %d of %d bytes", files, len(before), n, bytes)
	}
	if after := exhibitFiles(t, mem, ""); len(after) != len(before) {
		t.Errorf("%d files, and %d before", len(after), len(before))
	}
}

func TestInspectCountsTheLog(t *testing.T) {
	x := newExhibit(t, map[string]string{"durability": "sync"})
	for i := range 20 {
		x.must(x.e.Put(fmt.Appendf(nil, "k%d", i), nil, engine.Default))
	}
	l := layoutOf(t, x.mem.Image(vfs.Written))
	if got := factOf(t, l, "ops in them") + ", " + factOf(t, l, "last sequence number"); got != "20, 21" {
		t.Errorf("ops and number are %s", got)
	}
	x.flush()
	l = layoutOf(t, x.close().mem)
	if got := factOf(t, l, "ops in them") + ", " + factOf(t, l, "last sequence number"); got != "0, 21" {
		t.Errorf("ops and number are %s", got)
	}
}

func TestInspectListsWhatNobodyNames(t *testing.T) {
	mem := smallTree(t)
	want := []string{"MANIFEST-000077", "lost/00000003.table", "notes", "tables/00000099.table"}
	if err := mem.MkdirAll(filepath.Join(exhibitDir, lostDir)); err != nil {
		t.Fatal(err)
	}
	for _, name := range want {
		f, err := mem.Create(filepath.Join(exhibitDir, name))
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	l := layoutOf(t, mem)
	if got := column(t, l, "files that nothing names", "file"); !slices.Equal(got, want) {
		t.Errorf("nothing names %v, want %v", got, want)
	}
	if got := column(t, l, "files", "kind"); !slices.Contains(got, putAside) {
		t.Errorf("nothing was put aside among %v", got)
	}
}

func TestInspectOfADamagedTreeTellsWhatItCan(t *testing.T) {
	mem := smallTree(t)
	if err := mem.Remove(filepath.Join(exhibitDir, tableDir, tableName(10))); err != nil {
		t.Fatal(err)
	}
	l := layoutOf(t, mem)
	if got := factOf(t, l, "damage"); !strings.Contains(got, tableName(10)) {
		t.Errorf("the damage is %q", got)
	}
	if got := column(t, l, "tables", "layout"); !slices.Equal(got, []string{"heads", "heads", "?", "heads"}) {
		t.Errorf("the layouts are %q", got)
	}
	overwritten(t, mem, manifest.Current, 0, []byte("XX"))
	if got := factOf(t, layoutOf(t, mem), "damage"); !strings.Contains(got, manifest.Current) {
		t.Errorf("the damage is %q", got)
	}
	overwritten(t, mem, engine.MarkerName, 3, []byte("XX"))
	if got := factOf(t, layoutOf(t, mem), "damage"); !strings.Contains(got, engine.MarkerName) {
		t.Errorf("the damage is %q", got)
	}
}

func TestInspectNeverFailsForDamageOfATree(t *testing.T) {
	x := filled(t, map[string]string{"separate_bytes": "60"}, 200).close()
	files := exhibitFiles(t, x.mem, "")
	for range 200 {
		f := &files[x.r.IntN(len(files))]
		mem := x.mem.Image(vfs.Written)
		overwritten(t, mem, f.path, x.r.Int64N(int64(len(f.data))), []byte{byte(x.r.IntN(256))})
		layoutOf(t, mem)
	}
}

func TestInspectOfATreeRefusesWhatIsNotItsOwn(t *testing.T) {
	x := newExhibit(t, nil)
	defer x.close()
	if _, err := inspect(context.Background(), "/absent", exhibitEnv(x.mem)); !errors.Is(err, engine.ErrNotEngineDir) {
		t.Errorf("absent: %v", err)
	}
	if _, err := inspect(context.Background(), exhibitDir, exhibitEnv(x.mem)); !errors.Is(err, engine.ErrLocked) {
		t.Errorf("in use: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := inspect(ctx, exhibitDir, exhibitEnv(smallTree(t))); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
}
