package hashidx

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/hashidx/manifest"
	"github.com/kvbench/kvbench/hashidx/record"
)

// Writers go on while images are written and named: an image must not claim
// what it does not have, nor the manifest segments that may be lost.
func TestAnImageWrittenBesideWritersLosesNothing(t *testing.T) {
	r := newGCRig(t)
	defer func() { r.e.Close() }()
	const keys, images = 300, 12
	var count [keys]atomic.Int64 // of writes that have returned
	var stop atomic.Bool
	var done sync.WaitGroup
	for w := range 2 {
		done.Go(func() {
			for i := 0; !stop.Load(); i++ {
				k := (i*7)%(keys/2)*2 + w
				n := count[k].Load() + 1
				if err := r.e.Put([]byte(modelKey(k)), fmt.Append(nil, n), engine.Default); err != nil {
					t.Error(err)
					return
				}
				count[k].Store(n)
			}
		})
	}
	type left struct {
		fsys *vfs.Mem
		want [keys]int64
	}
	var all []left
	for range images {
		var l left
		for k := range keys {
			l.want[k] = count[k].Load()
		}
		r.image() // and syncs
		l.fsys = r.fsys.Image(vfs.Synced)
		all = append(all, l)
	}
	stop.Store(true)
	done.Wait()
	for i, l := range all {
		e := openIn(t, l.fsys, smallest())
		for k, want := range l.want {
			got, err := e.Get(nil, []byte(modelKey(k)))
			if errors.Is(err, engine.ErrNotFound) && want == 0 {
				continue
			}
			if n, bad := strconv.ParseInt(string(got), 10, 64); err != nil || bad != nil || n < want {
				t.Fatalf("image %d: key %d is %s, %v, want at least %d", i, k, got, err, want)
			}
		}
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// A writer that has appended but not changed the index yet holds up who needs
// all below some position to be in the index, or noted.
func TestSealsAndImagesWaitForWhoHasAppended(t *testing.T) {
	for _, what := range []string{"seal", "image"} {
		r := newGCRig(t)
		r.put("x")
		op := record.Op{Kind: record.Put, Key: []byte("late"), Value: []byte("v")}
		hash := r.e.hash(op.Key)
		l := r.e.index.Lock(hash)
		frame := record.Append(nil, &op)
		_, seg, off, err := r.e.append(oneOp, frame)
		r.ok(err)
		r.ok(r.e.hot.Rotate(context.Background()))
		done := make(chan struct{})
		go func() {
			defer close(done)
			if what == "seal" {
				r.rotate()
				return
			}
			r.e.maintenance.Lock()
			defer r.e.maintenance.Unlock()
			r.ok(r.e.writeImage(context.Background()))
		}()
		for range 20000 {
			runtime.Gosched()
		}
		select {
		case <-done:
			t.Fatalf("%s did not wait", what)
		default:
		}
		seg.hold(hash, off, frame)
		r.ok(r.e.move(l, present{}, &op, seg, off, len(frame)))
		l.Unlock()
		<-done
		r.want["late"] = pledge{value: "v"}
		r.check(what)
		r.reopen("killed")
		r.check(what + " again")
		r.ok(r.e.Close())
	}
}

func TestWhatIsLiveIsKnownAgainAfterASealBehindAnImage(t *testing.T) {
	for _, how := range []string{"reopened", "without image", "without both"} {
		r := newGCRig(t)
		r.put("a1")
		r.put("a2")
		r.put("a3")
		r.put("a1")
		r.image()
		r.rotate()
		r.put("a2")
		r.reopen(how)
		wantHoldings(t, r.e, how)
		r.rotate()
		r.reopen(how)
		wantHoldings(t, r.e, how+" again")
		r.ok(r.e.Close())
	}
}

// copied has all that is live in the oldest victim copied, which stays.
func (r *gcRig) copied() {
	r.t.Helper()
	o := r.victims()[0]
	s := r.e.segments.get(o.log, o.id)
	r.upkeep(func(ctx context.Context) error {
		r.e.maintenance.Lock()
		v, err := r.e.survey(ctx, s)
		r.e.maintenance.Unlock()
		return errors.Join(err, r.e.copyVictim(ctx, v, 0))
	})
}

func TestCopiesThatAnImageNamesAreDurable(t *testing.T) {
	r := newGCRig(t)
	r.run("+k | +x")
	r.copied()
	r.image()
	synced, written := r.fsys.Image(vfs.Synced), r.fsys.Image(vfs.Written)
	cold := r.e.cold.Load().Segments()[0]
	r.ok(r.e.Close())

	cutTail(t, written, cold.Path, cold.End.Offset())
	_, err := open("/db", smallest(), engine.Env{FS: written})
	var c *engine.CorruptionError
	if !errors.As(err, &c) || c.File != cold.Path {
		t.Errorf("%v, want that %s is damaged", err, cold.Path)
	}
	r.fsys = synced
	r.open()
	r.check("with copies")
	r.ok(r.e.Close())
}

func TestAMissingSealedSegmentIsDamage(t *testing.T) {
	r := newGCRig(t)
	r.run("+k | +x | +y")
	r.image()
	path := r.e.segments.get(manifest.Hot, r.victims()[0].id).path
	r.ok(r.e.Close())
	r.ok(r.fsys.Remove(path))
	_, err := open("/db", smallest(), engine.Env{FS: r.fsys})
	var c *engine.CorruptionError
	if !errors.As(err, &c) || c.File != path {
		t.Errorf("%v, want that %s is missing", err, path)
	}
}

// A segment that is begun while an image is being named may be lost with its
// link: the manifest must not say that it is there.
func TestASegmentBegunWhileAnImageIsNamedMayBeLost(t *testing.T) {
	r := newGCRig(t)
	r.put("x")
	current := r.e.hot.Segments()[0].Path
	var begun atomic.Bool
	r.fsys.Watch(func(p vfs.Point) {
		if p.Op != "sync" || p.Before || p.Path != current || begun.Swap(true) {
			return
		}
		done := make(chan error)
		go func() {
			err := r.e.hot.Rotate(context.Background())
			done <- errors.Join(err, r.e.Put([]byte("y"), []byte("v"), engine.Default))
		}()
		r.ok(<-done)
	})
	r.put("z")
	r.image()
	r.fsys.Watch(nil)
	if n := len(r.e.segments.list()); n != 2 {
		t.Fatalf("%d segments, want that a second one was begun", n)
	}
	next := r.fsys.Image(vfs.Synced)
	r.ok(r.e.Close())
	r.fsys = next
	r.open()
	r.check("after a crash")
	r.ok(r.e.Close())
}

func TestANewerCopyWinsAgainstOlderOps(t *testing.T) {
	r := newGCRig(t)
	defer func() { r.e.Close() }()
	r.run("+x +k | +k | +k |")
	list := r.victims()
	r.collect(list[0])
	r.collect(list[2])
	r.rotate()
	r.image()
	for _, how := range reopenings() {
		r.reopen(how)
		r.check(how)
	}
}

func TestAnOldImageThatCannotBeRemovedHarmsNobody(t *testing.T) {
	rules, err := vfs.ParseRules("remove path=*.index error=EIO")
	if err != nil {
		t.Fatal(err)
	}
	disk := vfs.NewMem()
	fault := vfs.NewFault(disk)
	for _, where := range []string{indexMemory, indexDisk} {
		given := smallest()
		given["index"] = where
		e := openIn(t, fault, given)
		fault.Set(rules...)
		for range 3 {
			put(t, e, "x", where)
			e.maintenance.Lock()
			err := e.writeImage(context.Background())
			e.maintenance.Unlock()
			if err != nil {
				t.Fatal(err)
			}
		}
		if fault.Fired() == 0 {
			t.Fatal("no removal failed")
		}
		put(t, e, "x", where)
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
		fault.Set()
		e = openIn(t, fault, given)
		wantValue(t, e, "x", where)
		if names, err := disk.List("/db/" + imageDir); err != nil || len(names) != 1 {
			t.Errorf("%v, %v, want one image", names, err)
		}
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
