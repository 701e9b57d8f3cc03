package hashidx

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/hashidx/manifest"
)

func layoutOf(t *testing.T, mem *vfs.Mem) engine.Layout {
	t.Helper()
	l, err := inspect(context.Background(), specimenDir, engine.Env{FS: mem})
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

// column returns the cells of a column, by the words that the row begins with.
func column(t *testing.T, l engine.Layout, title, name string) (cells []string) {
	t.Helper()
	for _, table := range l.Tables {
		if table.Title != title {
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

func number(t *testing.T, text string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestInspectCountsWhatIsThere(t *testing.T) {
	for _, index := range indexes() {
		t.Run("index="+index, func(t *testing.T) { newSpecimen(t, index, 200).close().inspected() })
	}
}

func (s *specimen) inspected() {
	t := s.t
	before := filesOf(t, s.mem, specimenDir)
	l := layoutOf(t, s.mem)
	if got := number(t, factOf(t, l, "keys")); got != int64(len(s.want)) {
		t.Errorf("%d keys, want %d", got, len(s.want))
	}
	if got := factOf(t, l, "tag collisions"); got != "0" {
		t.Errorf("%s tag collisions among a few keys", got)
	}
	var live int64
	for _, cell := range column(t, l, "segments", "live bytes") {
		live += number(t, cell)
	}
	if got := number(t, factOf(t, l, "live bytes")); got != live || live == 0 {
		t.Errorf("%d live bytes, the segments have %d", got, live)
	}
	var ops int64
	for _, cell := range column(t, l, "segments", "ops") {
		ops += number(t, cell)
	}
	if ops < int64(len(s.want)) {
		t.Errorf("%d ops for %d keys", ops, len(s.want))
	}
	var files, bytes int64
	for _, cell := range column(t, l, "files", "files") {
		files += number(t, cell)
	}
	for _, cell := range column(t, l, "files", "bytes") {
		bytes += number(t, cell)
	}
	for _, f := range before {
		bytes -= int64(len(f.data))
	}
	if files != int64(len(before)) || bytes != 0 {
		t.Errorf("%d of %d files, %d bytes too many", files, len(before), bytes)
	}
	if !slices.Contains(column(t, l, "segments", "hint"), "yes") {
		t.Error("no segment has a hint")
	}
	if got := column(t, l, "files that nothing names", "file"); len(got) > 0 {
		t.Errorf("nothing names %v", got)
	}
	if after := filesOf(t, s.mem, specimenDir); len(after) != len(before) {
		t.Errorf("%d files, and %d before", len(after), len(before))
	}
}

func TestInspectListsWhatNothingNames(t *testing.T) {
	mem, _, _ := closedSpecimen(t)
	want := []string{"hint/7-0000000001.hint", "old", "snapshot/x.index"}
	for _, name := range want {
		f, err := mem.Create(filepath.Join(specimenDir, name))
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	if got := column(t, layoutOf(t, mem), "files that nothing names", "file"); !slices.Equal(got, want) {
		t.Errorf("nothing names %v, want %v", got, want)
	}
}

func TestInspectOfWhatCannotBeOpenedTellsWhatItCan(t *testing.T) {
	mem, state, g := closedSpecimen(t)
	if err := mem.Remove(fileOf(&g)); err != nil {
		t.Fatal(err)
	}
	l := layoutOf(t, mem)
	if got := factOf(t, l, "damage"); !strings.Contains(got, fileOf(&g)) {
		t.Errorf("the damage is %q", got)
	}
	if got := column(t, l, "segments", "bytes"); !slices.Contains(got, "missing") || len(got) != len(state.Segments) {
		t.Errorf("%d segments of %s bytes", len(state.Segments), got)
	}
	if number(t, factOf(t, l, "entries of the image")) == 0 || factOf(t, l, "tag collisions in it") != "0" {
		t.Errorf("the image is not described: %v", l.Facts)
	}
	overwrite(t, mem, filepath.Join(specimenDir, manifest.Name), 0, []byte("XX"))
	if got := factOf(t, layoutOf(t, mem), "damage"); !strings.Contains(got, manifest.Name) {
		t.Errorf("the damage is %q", got)
	}
	overwrite(t, mem, filepath.Join(specimenDir, engine.MarkerName), 3, []byte("XX"))
	if got := factOf(t, layoutOf(t, mem), "damage"); !strings.Contains(got, engine.MarkerName) {
		t.Errorf("the damage is %q", got)
	}
}

func TestInspectNeverFailsForDamage(t *testing.T) {
	s := newSpecimen(t, indexMemory, 40).close()
	files := filesOf(t, s.mem, specimenDir)
	for range tries(200) {
		f := &files[s.r.IntN(len(files))]
		mem := s.mem.Image(vfs.Written)
		overwrite(t, mem, f.path, s.r.Int64N(int64(len(f.data))), []byte{byte(s.r.IntN(256))})
		layoutOf(t, mem)
	}
}

func TestInspectRefusesWhatIsNotItsOwn(t *testing.T) {
	mem := vfs.NewMem()
	if _, err := inspect(context.Background(), "/absent", engine.Env{FS: mem}); !errors.Is(err, engine.ErrNotEngineDir) {
		t.Errorf("absent: %v", err)
	}
	openIn(t, mem, smallest())
	if _, err := inspect(context.Background(), specimenDir, engine.Env{FS: mem}); !errors.Is(err, engine.ErrLocked) {
		t.Errorf("in use: %v", err)
	}
}
