package hashidx

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
)

func openAt(t testing.TB, fsys vfs.FS, dir string, given map[string]string) *store {
	t.Helper()
	e, err := open(dir, given, engine.Env{FS: fsys})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e.(*store)
}

func checkpointTo(t testing.TB, e *store, dir string) {
	t.Helper()
	if err := e.Checkpoint(dir); err != nil {
		t.Fatal(err)
	}
}

func contents(t testing.TB, s engine.UnorderedScanner) map[string]string {
	t.Helper()
	got := map[string]string{}
	err := s.Scan(context.Background(), func(key, value []byte) error {
		if _, twice := got[string(key)]; twice {
			return fmt.Errorf("%q comes twice", key)
		}
		got[string(key)] = string(value)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// wantContents compares all that is there, also key by key.
func wantContents(t testing.TB, what string, e *store, want map[string]string) {
	t.Helper()
	if got := contents(t, e); !maps.Equal(got, want) {
		t.Fatalf("%s: %s", what, difference(got, want))
	}
	for key, value := range want {
		if got, err := e.Get(nil, []byte(key)); err != nil || string(got) != value {
			t.Fatalf("%s: %q is %.20q, %v, want %.20q", what, key, got, err, value)
		}
	}
}

func difference(got, want map[string]string) string {
	for key, value := range want {
		if g, ok := got[key]; !ok || g != value {
			return fmt.Sprintf("%d keys, want %d; %q is there: %v, %.20q, want %.20q", len(got), len(want), key, ok, g, value)
		}
	}
	for key := range got {
		if _, ok := want[key]; !ok {
			return fmt.Sprintf("%d keys, want %d; %q should be absent", len(got), len(want), key)
		}
	}
	return "no difference"
}

// churnRotates is how many ops churn writes to a segment.
const churnRotates = 40

// churn writes, and keeps account in want.
func churn(t testing.TB, e *store, r *rand.Rand, n int, want map[string]string) {
	t.Helper()
	for i := range n {
		key := fmt.Sprintf("key%03d", r.IntN(500))
		var err error
		if i%churnRotates == 0 {
			if err := e.hot.Rotate(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
		if r.IntN(4) == 0 {
			err = e.Delete([]byte(key), engine.Buffered)
			delete(want, key)
		} else {
			value := valueOf(r.IntN(1000))
			err = e.Put([]byte(key), []byte(value), engine.Buffered)
			want[key] = value
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func settle(t testing.TB, e *store) {
	t.Helper()
	if err := e.Settle(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// lively makes the engine seal, write images and collect garbage all the time.
func lively() map[string]string {
	given := smallest()
	given["image_ops"] = "100"
	return given
}

func readOnly(given map[string]string) map[string]string {
	given = maps.Clone(given)
	given["read_only"] = "true"
	return given
}

// withEachIndex runs a test with the index in memory, and in a file.
func withEachIndex(t *testing.T, f func(t *testing.T, given map[string]string)) {
	for _, kind := range []string{indexMemory, indexDisk} {
		t.Run("index="+kind, func(t *testing.T) {
			given := lively()
			given["index"] = kind
			f(t, given)
		})
	}
}

func TestACheckpointAndItsEngineGoSeparateWays(t *testing.T) {
	withEachIndex(t, aCheckpointAndItsEngineGoSeparateWays)
}

func aCheckpointAndItsEngineGoSeparateWays(t *testing.T, given map[string]string) {
	r := rand.New(rand.NewPCG(1, 2))
	fsys := vfs.NewMem()
	e := openAt(t, fsys, "/db", given)
	want := map[string]string{}
	churn(t, e, r, 1000, want)
	settle(t, e)
	churn(t, e, r, 10, want)
	checkpointTo(t, e, "/copies/one")
	linked := len(e.manifest.State().Segments)
	if linked < 3 {
		t.Fatalf("only %d segments in the manifest", linked)
	}

	c := openAt(t, fsys, "/copies/one", given)
	wantContents(t, "copy", c, want)
	copied := maps.Clone(want)
	for range 3 {
		churn(t, e, r, 500, want)
		churn(t, c, r, 500, copied)
		settle(t, e)
		settle(t, c)
		wantContents(t, "original", e, want)
		wantContents(t, "copy", c, copied)
	}
	checkpointTo(t, c, "/copies/two")
	closeBoth := func(e *store) {
		t.Helper()
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
	}
	closeBoth(e)
	if err := fsys.RemoveAll("/db"); err != nil {
		t.Fatal(err)
	}
	wantContents(t, "copy without original", c, copied)
	closeBoth(c)
	wantContents(t, "copy opened again", openAt(t, fsys, "/copies/one", given), copied)
	if err := fsys.RemoveAll("/copies/one"); err != nil {
		t.Fatal(err)
	}
	wantContents(t, "copy of the copy", openAt(t, fsys, "/copies/two", given), copied)
}

// What has two names is never written in place, by neither.
func TestNoFileWithTwoNamesIsWritten(t *testing.T) { withEachIndex(t, noFileWithTwoNamesIsWritten) }

func noFileWithTwoNamesIsWritten(t *testing.T, given map[string]string) {
	r := rand.New(rand.NewPCG(3, 4))
	fsys := vfs.NewMem()
	e := openAt(t, fsys, "/db", given)
	want := map[string]string{}
	churn(t, e, r, 1000, want)
	settle(t, e)
	churn(t, e, r, 10, want)

	var mu sync.Mutex
	linked := map[string]bool{} // by the name within its engine
	var wrong []string
	fsys.Watch(func(p vfs.Point) {
		mu.Lock()
		defer mu.Unlock()
		name := strings.TrimPrefix(strings.TrimPrefix(p.Path, "/db/"), "/copy/")
		switch {
		case p.Op == "link" && strings.Contains(name, "/"):
			linked[name] = true
		case p.Op == "rename" || p.Op == "create":
			if !p.Before {
				delete(linked, name) // another file
			}
		case linked[name] && (p.Op == "write" || p.Op == "truncate" || p.Op == "punch"):
			wrong = append(wrong, p.Op+" "+p.Path)
		}
	})
	checkpointTo(t, e, "/copy")
	mu.Lock()
	if len(linked) < 6 || len(wrong) > 0 {
		t.Errorf("%d links; written: %v", len(linked), wrong)
	}
	mu.Unlock()
	c := openAt(t, fsys, "/copy", given)
	for _, e := range []*store{e, c} {
		churn(t, e, r, 500, want)
		settle(t, e)
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
		churn(t, openAt(t, fsys, e.home.Dir, given), r, 500, want)
	}
	mu.Lock()
	defer mu.Unlock()
	for _, w := range wrong {
		t.Error(w)
	}
}

func TestACheckpointSharesSealedSegmentsWithItsEngine(t *testing.T) {
	dir := t.TempDir()
	given := smallest()
	given["gc"] = "off"
	e := openAt(t, vfs.OS{}, filepath.Join(dir, "db"), given)
	churn(t, e, rand.New(rand.NewPCG(5, 6)), 300, map[string]string{})
	settle(t, e)
	checkpointTo(t, e, filepath.Join(dir, "deep", "below", "copy"))
	state, shared := e.manifest.State(), 0
	for _, s := range e.segments.list() {
		if s.id >= state.From.Segment() {
			continue
		}
		shared++
		a, err := os.Stat(s.path)
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.Stat(filepath.Join(dir, "deep", "below", "copy", s.log.String(), filepath.Base(s.path)))
		if err != nil || !os.SameFile(a, b) {
			t.Errorf("%s is not the same file in the copy: %v", s.path, err)
		}
	}
	if shared == 0 {
		t.Error("no segment is sealed")
	}
}

// noLinks is a file system without hard links but for the marker's.
type noLinks struct{ vfs.FS }

func (f noLinks) Link(from, to string) error {
	if filepath.Base(to) == engine.MarkerName {
		return f.FS.Link(from, to)
	}
	return &os.LinkError{Op: "link", Old: from, New: to, Err: errors.ErrUnsupported}
}

func TestWithoutLinksACheckpointIsCopied(t *testing.T) {
	fsys := noLinks{vfs.NewMem()}
	e := openAt(t, fsys, "/db", lively())
	want := map[string]string{}
	churn(t, e, rand.New(rand.NewPCG(7, 8)), 1000, want)
	settle(t, e)
	checkpointTo(t, e, "/copy")
	wantContents(t, "copy", openAt(t, fsys, "/copy", lively()), want)
}

func TestACheckpointOfAnEngineThatIsOpenForReading(t *testing.T) {
	withEachIndex(t, aCheckpointOfAnEngineThatIsOpenForReading)
}

func aCheckpointOfAnEngineThatIsOpenForReading(t *testing.T, given map[string]string) {
	fsys := vfs.NewMem()
	e := openAt(t, fsys, "/db", given)
	want := map[string]string{}
	churn(t, e, rand.New(rand.NewPCG(9, 10)), 500, want)
	if err := e.Sync(); err != nil {
		t.Fatal(err)
	}
	crashed := fsys.Image(vfs.Written)
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	for name, fsys := range map[string]vfs.FS{"closed": fsys, "crashed": crashed} {
		r := openAt(t, fsys, "/db", readOnly(given))
		checkpointTo(t, r, "/copy")
		c := openAt(t, fsys, "/copy", given)
		wantContents(t, name, c, want)
	}
}

func TestACheckpointHoldsAPrefixOfEachWriter(t *testing.T) {
	withEachIndex(t, aCheckpointHoldsAPrefixOfEachWriter)
}

func aCheckpointHoldsAPrefixOfEachWriter(t *testing.T, given map[string]string) {
	fsys := vfs.NewMem()
	e := openAt(t, fsys, "/db", given)
	const writers, copies = 3, 4
	var acknowledged [writers][2]int // puts that returned, before and after a checkpoint
	var mu sync.Mutex
	var done atomic.Bool
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for i := 1; !done.Load(); i++ {
				var b engine.Batch
				for k := range 3 { // of each batch all or nothing
					b.Put(fmt.Appendf(nil, "w%d.%d.%d", w, k, i%50), fmt.Appendf(nil, "%d", i))
					b.Put(fmt.Appendf(nil, "w%d.last.%d", w, k), fmt.Appendf(nil, "%d", i))
				}
				if err := e.Apply(&b, engine.Sync); err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				acknowledged[w][0] = i
				mu.Unlock()
			}
		})
	}
	for n := range copies {
		mu.Lock()
		low := acknowledged
		mu.Unlock()
		dir := fmt.Sprintf("/copies/%d", n)
		checkpointTo(t, e, dir)
		c := openAt(t, fsys, dir, given)
		for w := range writers {
			checkPrefix(t, contents(t, c), w, low[w][0])
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	done.Store(true)
	group.Wait()
}

// checkPrefix: the copy holds the first so many batches of a writer, at least
// low, and nothing of others.
func checkPrefix(t *testing.T, got map[string]string, w, low int) {
	t.Helper()
	var last int
	fmt.Sscan(got[fmt.Sprintf("w%d.last.0", w)], &last)
	if last < low {
		t.Errorf("writer %d: the copy has %d batches, and %d had returned", w, last, low)
	}
	for k := range 3 {
		for j := range 50 {
			want := last - ((last-j)%50+50)%50 // the latest i <= last with i%50 == j
			key := fmt.Sprintf("w%d.%d.%d", w, k, j)
			value, ok := got[key]
			if ok != (want > 0) || ok && value != fmt.Sprint(want) {
				t.Fatalf("writer %d: of %d batches, %s is %q, %v", w, last, key, value, ok)
			}
		}
	}
}

// A crash at any point leaves a directory that opens with the whole state, or
// that is no engine's, and the original as it was.
func TestACrashDuringACheckpointLeavesAllOfItOrNothing(t *testing.T) {
	withEachIndex(t, aCrashDuringACheckpointLeavesAllOfItOrNothing)
}

func aCrashDuringACheckpointLeavesAllOfItOrNothing(t *testing.T, given map[string]string) {
	r := rand.New(rand.NewPCG(11, 12))
	fsys := vfs.NewMem()
	e := openAt(t, fsys, "/db", given)
	want := map[string]string{}
	churn(t, e, r, 60, want)
	settle(t, e)
	churn(t, e, r, 10, want)
	if err := e.Sync(); err != nil {
		t.Fatal(err)
	}
	var crashes []*vfs.Mem
	var mu sync.Mutex
	fsys.Watch(func(p vfs.Point) {
		mu.Lock()
		defer mu.Unlock()
		for _, i := range []vfs.Image{vfs.Synced, vfs.Written} {
			crashes = append(crashes, fsys.Image(i))
		}
		for range 2 {
			crashes = append(crashes, fsys.Crash(r.Uint64()))
		}
	})
	checkpointTo(t, e, "/copies/copy")
	fsys.Watch(nil)
	crashes = append(crashes, fsys.Image(vfs.Synced))
	whole := 0
	for i, m := range crashes {
		c, err := open("/copies/copy", readOnly(given), engine.Env{FS: m})
		switch {
		case err == nil:
			whole++
			wantContents(t, fmt.Sprintf("crash %d", i), c.(*store), want)
			if err := c.Close(); err != nil {
				t.Fatal(err)
			}
			wantContents(t, fmt.Sprintf("crash %d", i), openAt(t, m, "/copies/copy", given), want)
		case i == len(crashes)-1:
			t.Errorf("a checkpoint that was done does not survive: %v", err)
		case !errors.Is(err, engine.ErrNotEngineDir):
			t.Fatalf("crash %d: %v", i, err)
		}
		if i%16 == 0 {
			wantContents(t, fmt.Sprintf("original, crash %d", i), openAt(t, m, "/db", given), want)
		}
	}
	if whole < 2 || whole > len(crashes)/2 {
		t.Errorf("of %d crashes %d left a whole checkpoint", len(crashes), whole)
	}
}

// failing is a file system on which operations on a directory fail after some.
type failing struct {
	vfs.FS
	mu   sync.Mutex
	dir  string
	left int
}

var errDisk = errors.New("the disk fails")

func (f *failing) fails(path string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !strings.HasPrefix(path, f.dir) {
		return nil
	}
	if f.left--; f.left == 0 {
		return errDisk
	}
	return nil
}

func (f *failing) Create(path string) (vfs.File, error) {
	if err := f.fails(path); err != nil {
		return nil, err
	}
	return f.FS.Create(path)
}

func (f *failing) SyncDir(path string) error {
	if err := f.fails(path); err != nil {
		return err
	}
	return f.FS.SyncDir(path)
}

func (f *failing) MkdirAll(path string) error {
	if err := f.fails(path); err != nil {
		return err
	}
	return f.FS.MkdirAll(path)
}

func TestACheckpointThatFailsLeavesNothingAndCanBeRepeated(t *testing.T) {
	fsys := &failing{FS: vfs.NewMem(), dir: "/copy"}
	e := openAt(t, fsys, "/db", lively())
	want := map[string]string{}
	r := rand.New(rand.NewPCG(13, 14))
	failures := 0
	for n := 1; ; n++ {
		churn(t, e, r, 50, want)
		fsys.mu.Lock()
		fsys.left = n
		fsys.mu.Unlock()
		err := e.Checkpoint("/copy")
		if err == nil {
			break
		}
		failures++
		if !errors.Is(err, errDisk) {
			t.Fatalf("failure of operation %d: %v", n, err)
		}
		if names, _ := fsys.List("/copy"); len(names) > 0 {
			t.Fatalf("failure of operation %d leaves %v", n, names)
		}
	}
	if failures < 10 {
		t.Errorf("only %d operations", failures)
	}
	fsys.left = 0
	wantContents(t, "copy", openAt(t, fsys, "/copy", lively()), want)
	wantContents(t, "original", e, want)
}

func TestACheckpointNeedsAnEmptyDirectory(t *testing.T) {
	fsys := vfs.NewMem()
	e := openAt(t, fsys, "/db", nil)
	checkpointTo(t, e, "/copy")
	for _, dir := range []string{"/copy", "/db"} {
		before, err := fsys.List(dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Checkpoint(dir); !errors.Is(err, engine.ErrInvalid) {
			t.Errorf("checkpoint to %s: %v", dir, err)
		}
		if after, _ := fsys.List(dir); !slices.Equal(before, after) {
			t.Errorf("%s had %v and has %v", dir, before, after)
		}
	}
}
