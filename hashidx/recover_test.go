package hashidx

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/engine/wal"
	"github.com/kvbench/kvbench/hashidx/hint"
	"github.com/kvbench/kvbench/hashidx/manifest"
	"github.com/kvbench/kvbench/hashidx/record"
)

// A holding says what a segment holds.
type holding struct{ bytes, ops, live, expiring int64 }

// holdings counts what each segment holds: from its file, and from the index.
func holdings(t *testing.T, e *store) map[owner]holding {
	t.Helper()
	all := map[owner]holding{}
	for _, s := range e.segments.list() {
		var h holding
		if err := e.log(s.log).Sync(); err != nil {
			t.Fatal(err)
		}
		end := s.end.Load()
		for _, g := range e.log(s.log).Segments() {
			if g.ID == s.id && end == 0 {
				end = g.End.Offset()
			}
		}
		err := wal.Scan(e.counting, e.segments.dir(s.log), s.id, 0, end, func(rec wal.Record) error {
			return eachOp(s, rec, func(op *record.Op, o hint.Op) error {
				h.bytes += int64(o.Length)
				h.ops++
				c := e.index.Find(e.hash(op.Key))
				for place, ok := c.Next(); ok; place, ok = c.Next() {
					if place != placeOf(s, int64(o.Offset)) {
						continue
					}
					h.live += int64(o.Length)
					if op.Kind == record.PutExpiring {
						h.expiring += int64(o.Length)
					}
				}
				return nil
			})
		})
		if err != nil {
			t.Fatal(err)
		}
		all[owner{s.log, s.id}] = h
	}
	return all
}

func wantHoldings(t *testing.T, e *store, what string) {
	t.Helper()
	for o, want := range holdings(t, e) {
		s := e.segments.get(o.log, o.id)
		got := holding{s.bytes.Load(), s.ops.Load(), s.live.Load(), s.expiring.Load()}
		if got != want {
			t.Errorf("%s: %v/%d counts %+v, holds %+v", what, o.log, o.id, got, want)
		}
	}
}

// doRandomly performs ops of one length, some of which expire, on few keys.
func doRandomly(t *testing.T, r *gcRig, random *rand.Rand, n int) {
	t.Helper()
	for range n {
		key := fmt.Sprintf("key%03d", random.IntN(300))
		value := fmt.Appendf(nil, "%0100d", random.IntN(1000))
		var err error
		switch random.IntN(10) {
		case 0:
			err = r.e.Delete([]byte(key), engine.Default)
		case 1, 2:
			err = r.e.PutTTL([]byte(key), value, r.e.now().Add(time.Hour), engine.Default)
		default:
			err = r.e.Put([]byte(key), value, engine.Default)
		}
		if err != nil {
			t.Fatal(err)
		}
		if random.IntN(100) == 0 {
			r.rotate()
		}
	}
}

func TestWhatSegmentsHoldIsCountedExactly(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	r := newGCRig(t)
	defer func() { r.e.Close() }()
	for round := range 4 {
		doRandomly(t, r, random, 500)
		r.rotate()
		list := r.victims()
		r.collect(list[random.IntN(len(list))])
		wantHoldings(t, r.e, fmt.Sprintf("round %d", round))
		r.image()
		wantHoldings(t, r.e, fmt.Sprintf("round %d, with an image", round))
		r.reopen("reopened")
		wantHoldings(t, r.e, fmt.Sprintf("round %d, reopened", round))
	}
}

func TestWhatExpiresInTheSegmentBeingWrittenIsKnownAgain(t *testing.T) {
	r := newGCRig(t)
	defer func() { r.e.Close() }()
	r.putTTL("x", time.Hour)
	r.put("y")
	r.image()
	r.reopen("reopened")
	wantHoldings(t, r.e, "reopened")
	if !r.e.expiring.Load() {
		t.Error("live keys are said to be known, though one may have expired")
	}
}

func TestAnImageThatIsGoneStillTellsHowFarTheLogWas(t *testing.T) {
	r := newGCRig(t)
	r.put("x")
	r.image()
	next := r.fsys.Image(vfs.Written)
	segments := r.e.hot.Segments()
	last := segments[len(segments)-1]
	r.ok(r.e.Close())
	r.fsys = next
	r.empty("/db/"+imageDir, 0)
	// The last record: nothing behind it claims that it was durable.
	f, err := next.OpenReadWrite(last.Path)
	r.ok(err)
	_, err = f.WriteAt(make([]byte, 8), last.End.Offset()-8)
	r.ok(errors.Join(err, f.Sync(), f.Close()))
	for range 2 {
		_, err := open("/db", smallest(), engine.Env{FS: next})
		var c *engine.CorruptionError
		if !errors.As(err, &c) || c.File != last.Path {
			t.Errorf("%v, want that %s is damaged", err, last.Path)
		}
	}
}

func TestWhoWaitsForHisTurnLearnsThatTheEngineIsClosed(t *testing.T) {
	var k keeper
	k.init()
	ctx, cancel := k.within(context.Background())
	defer cancel()
	k.end()
	<-ctx.Done()
	for range 100 {
		if err := k.take(ctx); !errors.Is(err, engine.ErrClosed) {
			t.Fatal(err)
		}
	}
}

func TestAnIndexMayChangeItsPlaceBetweenOpenings(t *testing.T) {
	fsys := vfs.NewMem()
	want := map[string]string{}
	for i := range 6 {
		given := smallest()
		given["index"] = []string{indexMemory, indexDisk}[i%2]
		given["image_ops"] = "50"
		given["read_only"] = fmt.Sprint(i == 4)
		e := openIn(t, fsys, given)
		for key, value := range want {
			wantValue(t, e, key, value)
		}
		if n := e.index.Len(); n != len(want) {
			t.Fatalf("opening %d: %d keys, want %d", i, n, len(want))
		}
		for n := range 100 * (1 - i/4%2) {
			key := fmt.Sprintf("key%d", (n+i*31)%150)
			if n%7 == 0 {
				delete(want, key)
				if err := e.Delete([]byte(key), engine.Default); err != nil {
					t.Fatal(err)
				}
				continue
			}
			put(t, e, key, fmt.Sprint(i, n))
			want[key] = fmt.Sprint(i, n)
		}
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestEveryStateOfTheFirstOpeningOpens(t *testing.T) {
	fsys := vfs.NewMem()
	var states []*vfs.Mem
	fsys.Watch(func(p vfs.Point) {
		states = append(states, fsys.Image(vfs.Synced), fsys.Image(vfs.Written), fsys.Crash(uint64(p.N)))
	})
	e := openIn(t, fsys, smallest())
	fsys.Watch(nil)
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	for i, state := range states {
		for _, readOnly := range []string{"true", "false"} {
			given := smallest()
			given["read_only"] = readOnly
			e, err := open("/db", given, engine.Env{FS: state})
			if err != nil {
				if readOnly == "true" {
					continue // there may be no engine yet
				}
				t.Fatalf("state %d: %v", i, err)
			}
			if _, err := e.Get(nil, []byte("k")); !errors.Is(err, engine.ErrNotFound) {
				t.Errorf("state %d: %v", i, err)
			}
			if err := e.Close(); err != nil {
				t.Errorf("state %d: %v", i, err)
			}
		}
	}
	if len(states) == 0 {
		t.Error("no state")
	}
}

// Files that recovery writes when the memory of the index is full replace the
// one that the manifest names only later.
func TestRecoveryThatMergesKeepsTheImageThatIsNamed(t *testing.T) {
	fsys := vfs.NewMem()
	given := map[string]string{"index": indexDisk, "segment_bytes": "4m", "durability": "buffered"}
	e := openIn(t, fsys, given)
	put(t, e, "first", "v")
	e.maintenance.Lock()
	err := e.writeImage(context.Background())
	e.maintenance.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	const keys = 3 * mergeEvery
	for i := range keys {
		put(t, e, fmt.Sprintf("key%d", i), "v")
	}
	if err := e.Sync(); err != nil {
		t.Fatal(err)
	}
	fsys = fsys.Image(vfs.Written)
	given["index_front_bytes"] = "64k"
	var mu sync.Mutex // the keeper works too
	var named, after *vfs.Mem
	fsys.Watch(func(p vfs.Point) {
		mu.Lock()
		defer mu.Unlock()
		if p.Op == "rename" && strings.Contains(p.Path, "recovery-") && !p.Before {
			named = fsys.Image(vfs.Synced)
		}
		if p.Op == "remove" && named != nil && after == nil {
			after = fsys.Image(vfs.Written)
		}
	})
	e = openIn(t, fsys, given)
	fsys.Watch(nil)
	mu.Lock()
	defer mu.Unlock()
	if named == nil {
		t.Fatal("recovery merged nothing")
	}
	for _, state := range []*vfs.Mem{named, after} {
		if state == nil {
			continue
		}
		m, err := manifest.Read(state, "/db")
		if err == nil && m.Snapshot.Name != "" {
			_, err = state.Stat("/db/" + imageDir + "/" + m.Snapshot.Name)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	wantValue(t, e, "first", "v")
	if n := e.index.Len(); n != keys+1 {
		t.Fatalf("%d keys, want %d", n, keys+1)
	}
}

// Its numbers are given again: it must not be used if its file comes back.
func TestAnImageThatIsGoneIsNamedNoMore(t *testing.T) {
	r := newGCRig(t)
	defer func() { r.e.Close() }()
	r.put("x")
	r.image()
	r.reopen("without image")
	if s := r.e.manifest.State().Snapshot; s != (manifest.Snapshot{}) {
		t.Errorf("the manifest names %+v", s)
	}
}
