package hashidx

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/hashidx/manifest"
)

// A crashRig is a gcRig of which crashes are kept: what a power loss could
// leave at moments at which something becomes durable.
type crashRig struct {
	*gcRig
	mu      sync.Mutex
	history []map[string]string // the state after so many ops
	durable int                 // ops that were waited for
	crashes []crash
}

// A crash is to leave the state after some number of ops.
type crash struct {
	fsys        *vfs.Mem
	at          string
	least, most int // ops
}

func newCrashRig(t fataler, where string) *crashRig {
	r := &crashRig{gcRig: newGCRigOn(t, where), history: []map[string]string{{}}}
	r.fsys.Watch(func(p vfs.Point) {
		if !p.Sync && p.Op != "rename" {
			return
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		next := r.fsys.Image(vfs.Synced)
		if p.N%3 == 0 {
			next = r.fsys.Crash(uint64(p.N))
		}
		at := fmt.Sprintf("point %d: %s %s, before: %v", p.N, p.Op, p.Path, p.Before)
		r.crashes = append(r.crashes, crash{next, at, r.durable, len(r.history) - 1})
	})
	return r
}

// do performs an op: the value of a key, or that it has none.
func (r *crashRig) do(key, value string) {
	r.t.Helper()
	r.mu.Lock() // it may be there from now on
	now := maps.Clone(r.history[len(r.history)-1])
	now[key] = value
	if value == "" {
		delete(now, key)
	}
	r.history = append(r.history, now)
	r.mu.Unlock()
	if value == "" {
		r.ok(r.e.Delete([]byte(key), engine.Default))
		return
	}
	r.ok(r.e.Put([]byte(key), []byte(value), engine.Default))
}

func (r *crashRig) sync() {
	r.t.Helper()
	r.ok(r.e.Sync())
	r.mu.Lock()
	r.durable = len(r.history) - 1
	r.mu.Unlock()
}

// check opens what each crash left, and closes and opens it again.
func (r *crashRig) check() {
	r.t.Helper()
	r.fsys.Watch(nil)
	for _, c := range r.crashes {
		for range 2 {
			given := smallest()
			given["index"] = r.index
			e, err := open("/db", given, engine.Env{FS: c.fsys})
			if err != nil {
				r.t.Fatalf("%s: %v", c.at, err)
			}
			found := map[string]string{}
			r.ok(e.(*store).Scan(context.Background(), func(key, value []byte) error {
				found[string(key)] = string(value)
				return nil
			}))
			n := c.most
			for n >= c.least && !maps.Equal(found, r.history[n]) {
				n--
			}
			if n < c.least {
				r.t.Fatalf("%s: there is %v, want what %d to %d ops leave: %v to %v",
					c.at, found, c.least, c.most, r.history[c.least], r.history[c.most])
			}
			r.ok(e.Close())
			c.least, c.most = n, n
		}
	}
}

func TestACrashAnywhereInUpkeepLeavesAPrefix(t *testing.T) {
	for _, where := range []string{indexMemory, indexDisk} {
		t.Run(where, func(t *testing.T) { crashAnywhere(t, where) })
	}
}

func crashAnywhere(t *testing.T, where string) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	r := newCrashRig(t, where)
	defer func() { r.e.Close() }()
	keys := append(twinKeys(), "x", "y", "z")
	for i := range 70 {
		switch random.IntN(12) {
		case 0, 1:
			r.rotate()
		case 2:
			r.image()
		case 3, 4:
			if list := r.victims(); len(list) > 0 {
				r.collect(list[random.IntN(len(list))])
			}
		case 5:
			r.sync()
		default:
			for range 3 {
				value := fmt.Sprint("v", i)
				if random.IntN(3) == 0 {
					value = ""
				}
				r.do(keys[random.IntN(len(keys))], value)
			}
		}
	}
	r.ok(r.e.Close())
	r.check()
	t.Logf("%d crashes", len(r.crashes))
	if len(r.crashes) < 50 {
		t.Error("that is too few")
	}
}

// rotateHot ends and seals the segment of hot/ that is being written.
func (r *gcRig) rotateHot() {
	r.t.Helper()
	r.upkeep(func(ctx context.Context) error {
		return errors.Join(r.e.hot.Rotate(ctx), r.e.tidy(ctx))
	})
}

func TestACopyThatAnImageCoversIsNotAppliedAgain(t *testing.T) {
	r := newGCRig(t)
	defer func() { r.e.Close() }()
	r.run("+k +x |")
	r.collect(owner{manifest.Hot, r.victims()[0].id}) // to cold/, which is not sealed
	r.remove("k")
	r.put("x")
	r.rotateHot()
	r.image()
	r.reopen("reopened")
	r.check("reopened")
}

func TestANumberThatAnImageNamesIsNotGivenAgain(t *testing.T) {
	r := newGCRig(t)
	defer func() { r.e.Close() }()
	r.run("+k | +x")
	r.image()
	first := r.victims()[0]
	n := r.e.segments.get(first.log, first.id).number
	r.remove("k")
	r.collect(first)
	for _, how := range []string{"on", "reopened", "killed"} {
		r.reopen(how)
		r.e.segments.next = n - 1
		r.rotate()
		r.put("x")
		r.put("y")
		for _, s := range r.e.segments.list() {
			if s.number == n {
				t.Fatalf("%s: number %d is given again, which an image names", how, n)
			}
		}
		r.check(how)
	}
	// Another image does not name it.
	r.rotate()
	r.image()
	r.e.segments.next = n - 1
	r.put("z")
	if got := r.e.segments.all[n].Load(); got == nil {
		t.Errorf("number %d is not given again", n)
	}
}

func TestALogThatEndsBeforeAnImageIsDamaged(t *testing.T) {
	for _, log := range []manifest.Log{manifest.Hot, manifest.Cold} {
		r := newGCRig(t)
		r.run("+k | +x")
		r.collect(r.victims()[0])
		r.image()
		next := r.fsys.Image(vfs.Written)
		segments := r.e.log(log).Segments()
		last := segments[len(segments)-1]
		r.ok(r.e.Close())
		cutTail(t, next, last.Path, last.End.Offset())
		_, err := open("/db", smallest(), engine.Env{FS: next})
		var c *engine.CorruptionError
		if !errors.As(err, &c) || c.File != last.Path {
			t.Errorf("%v: %v, want that %s is damaged", log, err, last.Path)
		}
	}
}

// cutTail destroys the last record of a segment: nothing behind it claims that
// it was durable.
func cutTail(t *testing.T, fsys vfs.FS, path string, end int64) {
	t.Helper()
	f, err := fsys.OpenReadWrite(path)
	if err == nil {
		_, err = f.WriteAt(make([]byte, 8), end-8)
		err = errors.Join(err, f.Sync(), f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}
