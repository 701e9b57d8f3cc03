package btree

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/kvbench/kvbench/btree/page"
	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
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

func TestInspectCountsWhatIsThere(t *testing.T) {
	for _, more := range exhibitKinds {
		t.Run(fmt.Sprint(more), func(t *testing.T) {
			x := filledExhibit(t, more, 1500)
			keys := len(x.want)
			least, most := 0, 0 // those that expire need 8 bytes more
			for key, value := range x.want {
				n, room := len(key)+len(value), page.MaxInline(x.e.settings.PageBytes)
				if n > room {
					least++
				}
				if n+expiryBytes > room {
					most++
				}
			}
			l := layoutOf(t, x.close().mem)
			if got := total(t, factOf(t, l, "keys")); int(got) != keys {
				t.Errorf("%d keys, want %d", got, keys)
			}
			if got := total(t, column(t, l, "levels", "entries")[len(column(t, l, "levels", "entries"))-1]); int(got) != keys {
				t.Errorf("%d entries in leaves, want %d", got, keys)
			}
			if got := total(t, factOf(t, l, "large values")); got == 0 || int(got) < least || int(got) > most {
				t.Errorf("%d large values, want %d to %d", got, least, most)
			}
			x.compare(l)
			if n := factOf(t, l, "ops in them"); n != "0" {
				t.Errorf("%s ops are to be replayed", n)
			}
		})
	}
}

// compare compares what a layout says twice.
func (x *exhibit) compare(l engine.Layout) {
	t := x.t
	t.Helper()
	sum := func(names ...string) (n int64) {
		for _, name := range names {
			n += total(t, factOf(t, l, name))
		}
		return n
	}
	pages := sum("leaves", "inner pages")
	if got := total(t, column(t, l, "levels", "pages")...); got != pages {
		t.Errorf("levels have %d pages, want %d", got, pages)
	}
	if got := total(t, column(t, l, "leaves by fill", "leaves")...); got != sum("leaves") {
		t.Errorf("the histogram has %d leaves, want %d", got, sum("leaves"))
	}
	if got := total(t, column(t, l, "runs of free", "slots")...); got != sum("slots free") {
		t.Errorf("runs have %d free slots, want %d", got, sum("slots free"))
	}
	for _, n := range strings.Split(factOf(t, l, "map and directory pages"), ", ") {
		pages += total(t, n)
	}
	if got := sum("slots in use"); got != pages+sum("overflow pages") {
		t.Errorf("%d slots are in use, want %d", got, pages+sum("overflow pages"))
	}
	all := sum("slots for superblocks", "slots in use", "slots free")
	if all != sum("slots") || sum("file bytes") < all*sum("page bytes") {
		t.Errorf("%d slots, want %d; the file has %d bytes", all, sum("slots"), sum("file bytes"))
	}
	if want := sum("page bytes"); want != int64(x.e.settings.PageBytes) {
		t.Errorf("pages have %d bytes", want)
	}
	if int(sum("height")) != len(column(t, l, "levels", "level")) {
		t.Errorf("height is %d", sum("height"))
	}
}

func TestInspectCountsTheLog(t *testing.T) {
	x := newExhibit(t, map[string]string{"durability": "sync"})
	for i := range 20 {
		x.must(x.e.Put(fmt.Appendf(nil, "k%d", i), nil, engine.Default))
	}
	l := layoutOf(t, x.mem.Image(vfs.Written))
	if got := factOf(t, l, "ops in them") + ", " + factOf(t, l, "keys"); got != "20, 0" {
		t.Errorf("ops and keys are %s", got)
	}
	if got := column(t, l, "log segments", "replayed"); len(got) == 0 || got[0] != "yes" {
		t.Errorf("replayed are %q", got)
	}
	l = layoutOf(t, x.close().mem)
	if got := factOf(t, l, "ops in them") + ", " + factOf(t, l, "keys"); got != "0, 20" {
		t.Errorf("ops and keys are %s", got)
	}
}

func TestInspectTellsThatASyncHasFailed(t *testing.T) {
	_, mem := tinyExhibit(t, nil, false)
	f, err := mem.Create(exhibitDir + "/" + suspectName)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	if got := factOf(t, layoutOf(t, mem), "suspect"); !strings.Contains(got, "sync") {
		t.Errorf("it says %q", got)
	}
}

func TestInspectTellsOfSomeDamageAndOfHowMuchThereIs(t *testing.T) {
	_, mem := tinyExhibit(t, nil, false)
	m := openForge(t, mem)
	for _, id := range m.all() {
		overwritten(t, mem, dataName, int64(m.refs[id].Slot())*4096+100, []byte("damage"))
	}
	m.must(m.f.Close())
	l := layoutOf(t, mem)
	n := 0
	for _, f := range l.Facts {
		if f.Name == "damage" {
			n++
		}
	}
	if want := min(len(m.refs), shownDamages+1); n != want {
		t.Errorf("%d facts of damage, want %d: %v", n, want, l.Facts)
	}
}

func TestInspectFindsLeavesThatFollowEachOther(t *testing.T) {
	x := newExhibit(t, nil)
	load, err := x.e.NewBulkLoad()
	x.must(err)
	for i := range 3000 {
		x.must(load.Add(fmt.Appendf(nil, "%06d", i), make([]byte, 100)))
	}
	x.must(load.Finish())
	l := layoutOf(t, x.close().mem)
	if got := factOf(t, l, "leaves with the next one behind them in the file"); len(got) < 5 || got < "90" && got != "100.0%" {
		t.Errorf("%s of the leaves that a bulk load wrote", got)
	}
}

func TestInspectNeverFailsForDamageOfATree(t *testing.T) {
	x := filledExhibit(t, nil, 300).close()
	files := exhibitFiles(t, x.mem, "")
	told := 0
	for range 200 {
		f := &files[x.r.IntN(len(files))]
		mem := x.mem.Image(vfs.Written)
		overwritten(t, mem, f.path, x.r.Int64N(int64(max(1, len(f.data)))), []byte{byte(x.r.IntN(256))})
		l := layoutOf(t, mem)
		if slices.ContainsFunc(l.Facts, func(f engine.Fact) bool { return f.Name == "damage" }) {
			told++
		}
	}
	if told == 0 {
		t.Error("it never told of damage")
	}
}

func TestInspectAndVerifyRefuseATreeThatIsNotTheirOwn(t *testing.T) {
	x := newExhibit(t, nil)
	ways := map[string]func(ctx context.Context, dir string, mem *vfs.Mem) error{
		"inspect": func(ctx context.Context, dir string, mem *vfs.Mem) error {
			_, err := inspect(ctx, dir, exhibitEnv(mem))
			return err
		},
		"verify": func(ctx context.Context, dir string, mem *vfs.Mem) error {
			return verify(ctx, dir, exhibitEnv(mem), func(engine.Problem) {})
		},
	}
	theirs := vfs.NewMem()
	home, err := engine.OpenHome(theirs, exhibitDir, engine.Marker{Engine: "lsm", Format: 1}, false)
	x.must(err)
	home.Close()
	for name, look := range ways {
		if err := look(t.Context(), "/absent", x.mem); !errors.Is(err, engine.ErrNotEngineDir) {
			t.Errorf("%s of nothing: %v", name, err)
		}
		if err := look(t.Context(), exhibitDir, x.mem); !errors.Is(err, engine.ErrLocked) {
			t.Errorf("%s of what is in use: %v", name, err)
		}
		if err := look(t.Context(), exhibitDir, theirs); !errors.Is(err, engine.ErrWrongEngine) {
			t.Errorf("%s of an LSM tree: %v", name, err)
		}
	}
	x.close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, look := range ways {
		if err := look(ctx, exhibitDir, x.mem); !errors.Is(err, context.Canceled) {
			t.Errorf("%s, canceled: %v", name, err)
		}
	}
}
