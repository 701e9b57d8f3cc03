package hashidx

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"sync"
	"syscall"
	"testing"

	"github.com/kvbench/kvbench/engine/vfs"
)

// untidy are histories that leave GC all it has to do: dead and live ops,
// tombstones that may go and that may not, expiry, twins, an image between.
func untidy() []string {
	return []string{
		"+x +y +k | -x +y ~z | +a +b -k | -a +x | wait",
		"+a +b +c | *a*b*d | image +k | -a -c +b | +y -k | wait",
		"~a ~b +c | wait +b -c | +x +x +x | image -b | +a",
	}
}

// compactTwice collects everything, and then what that has copied, with an
// image between.
func (r *gcRig) compactTwice() error {
	ctx := context.Background()
	err := r.e.Compact(ctx, nil, nil)
	if err == nil {
		err = r.e.workNow(ctx, func(ctx context.Context) error {
			r.e.maintenance.Lock()
			defer r.e.maintenance.Unlock()
			return r.e.writeImage(ctx)
		})
	}
	for _, s := range r.e.segments.list() {
		s.kept.Store(-1) // all of them are worth it
	}
	return errors.Join(err, r.e.Compact(ctx, nil, nil))
}

// photograph is what may be left of a file system at some point.
type photograph struct {
	what string
	left *vfs.Mem
}

func TestAPowerLossAtAnySyncPointOfGCLosesNothing(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	for _, script := range untidy() {
		for _, index := range []string{indexMemory, indexDisk} {
			r := newGCRigOn(t, index)
			r.run(script)
			r.ok(r.e.Sync())
			var mu sync.Mutex
			var all []photograph
			r.fsys.Watch(func(p vfs.Point) {
				if !p.Sync && p.Op != "remove" && p.Op != "rename" {
					return
				}
				mu.Lock()
				defer mu.Unlock()
				for how, left := range r.fsys.Crashes(seed+uint64(p.N), 1) {
					all = append(all, photograph{fmt.Sprintf("%s, %s, point %+v, %s", script, index, p, how), left})
				}
			})
			r.ok(r.compactTwice())
			r.fsys.Watch(nil)
			if r.e.gc.dropped.Load() < 2 || r.e.gc.copies.Load() == 0 {
				t.Errorf("%s: %d dropped, %d copied", script, r.e.gc.dropped.Load(), r.e.gc.copies.Load())
			}
			r.check("at the end")
			r.ok(r.e.Close())
			t.Logf("%s, %s: %d photographs", script, index, len(all))
			for i, p := range all {
				if os.Getenv("KVBENCH_SOAK") == "" && i%4 != int(seed%4) {
					continue
				}
				r.look(p)
			}
		}
	}
}

// look opens what is left, and goes on collecting there.
func (r *gcRig) look(p photograph) {
	r.t.Helper()
	x := &gcRig{t: r.t, fsys: p.left, want: maps.Clone(r.want), index: r.index, count: 1000}
	x.clock.Store(r.clock.Load())
	x.open()
	x.check(p.what)
	x.put("x")
	x.rotate()
	x.ok(x.compactTwice())
	x.check(p.what + ", collected")
	x.reopen("without both")
	x.check(p.what + ", collected, again")
	x.ok(x.e.Close())
}

func TestAFailureOfAnyFileOperationOfGCLosesNothing(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	for i, script := range untidy() {
		n := uint64(1)
		for fired := true; fired; {
			r := newGCRigOn(t, []string{indexMemory, indexDisk}[(uint64(i)+n)%2])
			r.ok(r.e.Close())
			r.faults = vfs.NewFault(r.fsys)
			r.open()
			r.run(script)
			r.ok(r.e.Sync())
			r.faults.Set(vfs.Rule{Kind: vfs.KindAny, Nth: n, Err: syscall.EIO})
			_ = r.compactTwice() // may fail, and says so
			fired = r.faults.Fired() > 0
			r.faults.Set()
			what := fmt.Sprintf("%s, failure %d", script, n)
			r.check(what)
			_ = r.e.Close() // likewise
			r.open()
			r.check(what + ", reopened")
			r.ok(r.compactTwice())
			r.reopen("without both")
			r.check(what + ", collected")
			r.ok(r.e.Close())
			if n += 1; os.Getenv("KVBENCH_SOAK") == "" {
				n += (seed + n) % 7
			}
		}
		t.Logf("%s: %d operations", script, n)
	}
}
