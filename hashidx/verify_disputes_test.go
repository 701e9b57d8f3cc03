package hashidx

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/engine/wal"
	"github.com/kvbench/kvbench/hashidx/hint"
	"github.com/kvbench/kvbench/hashidx/index"
	"github.com/kvbench/kvbench/hashidx/manifest"
	"github.com/kvbench/kvbench/hashidx/record"
	"github.com/kvbench/kvbench/hashidx/snapshot"
)

// closedSpecimen is a directory that was closed, its state, and a sealed
// segment of it with several ops.
func closedSpecimen(t *testing.T) (*vfs.Mem, manifest.State, manifest.Segment) {
	t.Helper()
	mem := newSpecimen(t, indexMemory, 100).close().mem
	state, err := manifest.Read(mem, specimenDir)
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range state.Segments {
		if g.Log == manifest.Hot && g.Hinted && g.Ops > 3 {
			return mem, state, g
		}
	}
	t.Fatal("no segment is sealed")
	return nil, state, manifest.Segment{}
}

func fileOf(g *manifest.Segment) string {
	return wal.SegmentPath(filepath.Join(specimenDir, g.Log.String()), g.ID)
}

func hintedAs(g *manifest.Segment) hint.Segment {
	return hint.Segment{Log: uint8(g.Log), ID: g.ID, Bytes: g.Bytes}
}

func hintsOf(t *testing.T, mem *vfs.Mem, g *manifest.Segment) (all []hint.Op) {
	t.Helper()
	r, err := hint.Open(mem, filepath.Join(specimenDir, hintDir), hintedAs(g))
	if err == nil {
		defer r.Close()
		err = r.Each(func(ops []hint.Op) error {
			all = append(all, ops...)
			return nil
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func writeHint(t *testing.T, mem *vfs.Mem, g *manifest.Segment, ops []hint.Op) {
	t.Helper()
	w, err := hint.Create(mem, filepath.Join(specimenDir, hintDir), hintedAs(g))
	for _, o := range ops {
		if err == nil {
			err = w.Add(o)
		}
	}
	if err == nil {
		err = w.Finish()
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestAHintThatSaysOtherThanItsSegmentIsAProblem(t *testing.T) {
	mem, _, g := closedSpecimen(t)
	sound := hintsOf(t, mem, &g)
	for words, change := range map[string]func(o *hint.Op){
		"bytes, not":          func(o *hint.Op) { o.Length-- },
		"is of kind":          func(o *hint.Op) { o.Kind ^= record.FlagColliding },
		"has sequence":        func(o *hint.Op) { o.Sequence++ },
		"has hash":            func(o *hint.Op) { o.Hash ^= 1 << 50 },
		"the segment has not": func(o *hint.Op) { o.Offset++; o.Length -= 2 },
		"it lacks the op":     func(o *hint.Op) { o.Offset++; o.Length -= 2 },
	} {
		for _, i := range []int{0, 1, len(sound) - 1} {
			ops := append([]hint.Op{}, sound...)
			change(&ops[i])
			writeHint(t, mem, &g, ops)
			wantProblem(t, mem, "hint", words)
		}
	}
	writeHint(t, mem, &g, sound[1:])
	wantProblem(t, mem, "hint", fmt.Sprintf("it lacks the op at offset %d", sound[0].Offset))
	writeHint(t, mem, &g, sound[:len(sound)-1])
	wantProblem(t, mem, "hint", "it lacks the op")
	writeHint(t, mem, &g, sound)
	wantNoProblem(t, mem)
}

// writeImage makes the manifest's image say other things.
func writeImage(t *testing.T, mem *vfs.Mem, state *manifest.State, h snapshot.Header, entries []index.Entry) {
	t.Helper()
	_, err := snapshot.Write(mem, filepath.Join(specimenDir, imageDir), state.Snapshot.Name, h, func(yield func([]index.Entry) error) error {
		return yield(entries)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestAnImageThatSaysOtherThanTheSegmentsIsAProblem(t *testing.T) {
	mem, state, g := closedSpecimen(t)
	dir := filepath.Join(specimenDir, imageDir)
	r, err := snapshot.Open(mem, dir, state.Snapshot.Name)
	if err != nil {
		t.Fatal(err)
	}
	h := r.Header()
	var sound []index.Entry
	if _, err := r.Load(1, nil, func(some []index.Entry) error { sound = append(sound, some...); return nil }); err != nil {
		t.Fatal(err)
	}
	r.Close()
	ops := hintsOf(t, mem, &g)
	placed := func(o hint.Op) index.Entry {
		return index.Entry{Hash: o.Hash, Place: uint64(g.Number)<<offsetBits | uint64(o.Offset)}
	}
	put := ops[0]
	for _, o := range ops {
		if record.KindOf(o.Kind) == record.Put {
			put = o
		}
	}
	wrong := func(change func(e *index.Entry)) index.Entry {
		e := placed(put)
		change(&e)
		return e
	}
	for words, e := range map[string]index.Entry{
		"has hash":    wrong(func(e *index.Entry) { e.Hash ^= 1 }),
		"there is no": wrong(func(e *index.Entry) { e.Place++ }),
		"is no op at": wrong(func(e *index.Entry) { e.Place = uint64(g.Number)<<offsetBits | uint64(g.Bytes) }),
	} {
		writeImage(t, mem, &state, h, []index.Entry{e})
		wantProblem(t, mem, "snapshot", words)
	}
	// A segment that is gone since may be named.
	writeImage(t, mem, &state, h, append(sound, index.Entry{Hash: 1, Place: 65535 << offsetBits}))
	wantNoProblem(t, mem)

	h.Seed++
	writeImage(t, mem, &state, h, sound)
	wantProblem(t, mem, "snapshot", "another time")
	h.Seed--
	h.Covers++
	writeImage(t, mem, &state, h, sound)
	wantProblem(t, mem, "snapshot", "another time")
}

func TestAManifestThatSaysOtherThanTheSegmentsIsAProblem(t *testing.T) {
	for words, change := range map[string]func(g *manifest.Segment){
		"ops, not": func(g *manifest.Segment) { g.Ops++ },
		"above":    func(g *manifest.Segment) { g.Highest-- },
		"below":    func(g *manifest.Segment) { g.Lowest++ },
	} {
		mem, _, g := closedSpecimen(t)
		for _, o := range hintsOf(t, mem, &g) {
			if g.Lowest == 0 || o.Sequence < g.Lowest {
				g.Lowest = o.Sequence
			}
			g.Highest = max(g.Highest, o.Sequence)
		}
		change(&g)
		m, err := manifest.Open(mem, specimenDir)
		if err == nil {
			err = errors.Join(m.Apply(manifest.Edit{Change: []manifest.Segment{g}}), m.Close())
		}
		if err != nil {
			t.Fatal(err)
		}
		wantProblem(t, mem, manifest.Name, words)
	}
}

func TestEveryByteOfASealedOpIsLookedAt(t *testing.T) {
	mem, _, g := closedSpecimen(t)
	for _, o := range hintsOf(t, mem, &g)[:3] {
		for off := o.Offset; off < o.Offset+o.Length; off += max(1, o.Length/50) {
			x := mem.Image(vfs.Written)
			data, err := vfs.ReadFile(x, fileOf(&g))
			if err != nil {
				t.Fatal(err)
			}
			overwrite(t, x, fileOf(&g), int64(off), []byte{^data[off]})
			found := false
			for _, p := range problems(t, x) {
				found = found || p.File == fileOf(&g) && p.Offset == int64(o.Offset)
				if p.File != fileOf(&g) {
					t.Errorf("damage of %s is found in %s: %s", fileOf(&g), p.File, p.Detail)
				}
			}
			if !found {
				t.Fatalf("byte %d of the op at %d of %s may change", off, o.Offset, fileOf(&g))
			}
		}
	}
}

func TestAllDamageIsReportedNotOnlyTheFirst(t *testing.T) {
	mem, state, _ := closedSpecimen(t)
	type place struct {
		path string
		off  int64
	}
	want := map[place]bool{}
	for i := range state.Segments {
		g := &state.Segments[i]
		if !g.Hinted {
			continue
		}
		ops := hintsOf(t, mem, g)
		for _, o := range []hint.Op{ops[0], ops[len(ops)/2], ops[len(ops)-1]} {
			overwrite(t, mem, fileOf(g), int64(o.Offset), []byte{1, 2, 3, 4}) // its crc
			want[place{fileOf(g), int64(o.Offset)}] = true
		}
	}
	if err := mem.Remove(filepath.Join(specimenDir, imageDir, state.Snapshot.Name)); err != nil {
		t.Fatal(err)
	}
	wantProblem(t, mem, "snapshot", "missing")
	for _, p := range problems(t, mem) {
		delete(want, place{p.File, p.Offset})
	}
	for p := range want {
		t.Errorf("damage of %s at %d was not reported", p.path, p.off)
	}
}

func TestAMissingFileIsAProblem(t *testing.T) {
	mem, state, g := closedSpecimen(t)
	for path, says := range map[string][2]string{
		engine.MarkerName: {engine.MarkerName, "missing"},
		manifest.Name:     {manifest.Name, "missing"},
		filepath.Join("hot", filepath.Base(fileOf(&g))): {"hot", "missing"},
		filepath.Join(hintDir, hintedAs(&g).Name()):     {hintDir, "no data is lost"},
		filepath.Join(imageDir, state.Snapshot.Name):    {imageDir, "no data is lost"},
	} {
		x := mem.Image(vfs.Written)
		if err := x.Remove(filepath.Join(specimenDir, path)); err != nil {
			t.Fatal(err)
		}
		wantProblem(t, x, says[0], says[1])
	}
	x := mem.Image(vfs.Written)
	for _, f := range filesOf(t, x, filepath.Join(specimenDir, "hot")) {
		if err := x.Remove(f.path); err != nil {
			t.Fatal(err)
		}
	}
	wantProblem(t, x, "hot", "missing")
}

func TestADamagedMarkerIsAProblemAndTheRestIsLookedAt(t *testing.T) {
	mem, _, g := closedSpecimen(t)
	overwrite(t, mem, filepath.Join(specimenDir, engine.MarkerName), 3, []byte("X"))
	overwrite(t, mem, fileOf(&g), int64(hintsOf(t, mem, &g)[1].Offset), []byte("XXXXX"))
	wantProblem(t, mem, engine.MarkerName, "marker")
	wantProblem(t, mem, "hot", "")
}

func TestVerifyRefusesWhatIsNotItsOwn(t *testing.T) {
	try := func(mem *vfs.Mem, dir string) error {
		return verify(context.Background(), dir, engine.Env{FS: mem}, func(p engine.Problem) { t.Errorf("a problem in %s: %v", dir, p) })
	}
	mem := vfs.NewMem()
	for dir, m := range map[string]engine.Marker{
		"/other": {Engine: "lsm", Format: 1},
		"/newer": {Engine: name, Format: format + 1},
	} {
		home, err := engine.OpenHome(mem, dir, m, false)
		if err != nil {
			t.Fatal(err)
		}
		home.Close()
		if err := try(mem, dir); !errors.Is(err, engine.ErrWrongEngine) {
			t.Errorf("%s: %v", dir, err)
		}
	}
	if err := try(mem, "/absent"); !errors.Is(err, engine.ErrNotEngineDir) {
		t.Errorf("absent: %v", err)
	}
	openIn(t, mem, smallest())
	if err := try(mem, specimenDir); !errors.Is(err, engine.ErrLocked) {
		t.Errorf("in use: %v", err)
	}
	overwrite(t, mem, filepath.Join(specimenDir, engine.MarkerName), 3, []byte("X"))
	err := verify(context.Background(), specimenDir, engine.Env{FS: mem}, func(engine.Problem) {})
	if !errors.Is(err, engine.ErrLocked) {
		t.Errorf("in use, with a damaged marker: %v", err)
	}
}

func TestVerifyEndsWithItsContext(t *testing.T) {
	mem, _, _ := closedSpecimen(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	err := verify(ctx, specimenDir, engine.Env{FS: mem}, func(p engine.Problem) { t.Errorf("a problem: %v", p) })
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "verify") {
		t.Errorf("it ended with %v", err)
	}
}

// TestCopiesAreHeldAgainstTheirLog writes what GC would into cold/.
func TestCopiesAreHeldAgainstTheirLog(t *testing.T) {
	mem, state, _ := closedSpecimen(t)
	add := func(op record.Op) {
		dir := filepath.Join(specimenDir, manifest.Cold.String())
		o := tailOptions(&state, manifest.Cold, false)
		o.ReadOnly = false
		l, err := wal.Open(mem, dir, o, nil)
		if err == nil {
			_, err = l.Append(oneOp, record.Append(nil, &op))
			err = errors.Join(err, l.Close())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	add(record.Op{Kind: record.Put, Key: []byte("k"), Value: []byte("v"), Sequenced: true, Sequence: 5})
	wantNoProblem(t, mem)
	add(record.Op{Kind: record.Put, Key: []byte("k"), Value: []byte("v")})
	wantProblem(t, mem, "cold", "other log")
}
