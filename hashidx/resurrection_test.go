package hashidx

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
)

// Histories after which a key is absent, or has a young value, though older
// ops of it are in other segments.
func resurrections() []string {
	return []string{
		"+k | -k |",
		"+k | ~k | wait",
		"+k | -k | +k | -k |",
		"+k | *x*k | +y |",
		"+k | +x -k | -x |",
		// The older op is a copy that is not sealed yet.
		"+k ! gc -k ! +x |",
		"~k ! gc wait +x ! -k !",
		"+k ! gc -k ! gc +k ! gc -k !",
		"+a ! gc +b ! gc -a ! +x !",
		// Twins: an op of one must not end the other.
		"+a | +b | -a |",
		"+a | +b | -b |",
		"+a +b | -a | +a | -b |",
		"+a | -a | +b | +a |",
		"+a | -a | +b | -b |",
		"+a | ~b | wait +x |",
		"+a | *b*a | +a |",
		"~a | wait +b | -b |",
		// An image has a part of that.
		"+a | image +b | -a |",
		"+a | +b | image -a |",
		"+a image | +b image | -b |",
		"+k | image -k | image +x |",
		"+a +c | -a +d image | -c +b |",
	}
}

// permutations calls f with all orders.
func permutations(list []owner, f func([]owner)) {
	var grow func(done, left []owner)
	grow = func(done, left []owner) {
		if len(left) == 0 {
			f(done)
		}
		for i, o := range left {
			grow(append(slices.Clone(done), o), slices.Delete(slices.Clone(left), i, i+1))
		}
	}
	grow(nil, list)
}

func TestNothingIsBackAfterGCInAnyOrder(t *testing.T) {
	orders := 0
	turn := rand.Int()
	t.Logf("turn %d", turn)
	for _, script := range resurrections() {
		for _, how := range reopenings() {
			if turn++; turn%4 != 0 && os.Getenv("KVBENCH_SOAK") == "" {
				continue // not all ways each time
			}
			first := newGCRig(t)
			first.run(script)
			list := first.victims()
			if err := first.e.Close(); err != nil {
				t.Fatal(err)
			}
			permutations(list, func(order []owner) {
				orders++
				r := newGCRig(t)
				r.run(script)
				name := fmt.Sprintf("%s, %v, %s", script, order, how)
				r.check(name)
				for _, o := range order {
					r.collect(o)
					r.check(name)
					r.reopen(how)
					r.check(name + " again")
				}
				r.collectCold(name, how)
				if err := r.e.Close(); err != nil {
					t.Fatal(name, err)
				}
			})
		}
	}
	t.Logf("%d orders", orders)
}

// collectCold collects what was copied, until that is in new segments.
func (r *gcRig) collectCold(name, how string) {
	r.t.Helper()
	r.rotate()
	for _, o := range r.victims() {
		r.collect(o)
		r.check(name + ", cold")
		r.reopen(how)
		r.check(name + ", cold again")
	}
}

// What makes an op dead may be in the log's buffer only.
func TestWhatGCDropsIsVoidByWhatIsDurable(t *testing.T) {
	for _, script := range []string{"+k | +k", "+k | *k*x", "+k | ~k"} {
		r := newGCRig(t)
		r.run(script)
		r.collect(r.victims()[0])
		left := &gcRig{t: t, fsys: r.fsys.Image(vfs.Synced), want: r.want, index: r.index}
		left.clock.Store(r.clock.Load())
		left.open()
		left.check(script + ", power lost")
		for _, x := range []*gcRig{r, left} {
			if err := x.e.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// A log that is cut short where GC relied on it is damaged, not torn.
func TestDamageToWhatGCReliesOnIsNoTornTail(t *testing.T) {
	for _, c := range []struct{ script, log string }{
		{"+k | +k", "hot"},  // which makes the first one void
		{"+k +x |", "cold"}, // to where both are copied
	} {
		r := newGCRig(t)
		r.run(c.script)
		r.collect(r.victims()[0])
		left := r.fsys.Image(vfs.Written)
		if err := r.e.Close(); err != nil {
			t.Fatal(err)
		}
		names, err := left.List("/db/" + c.log)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names { // one has records, the other none
			f, err := left.OpenReadWrite("/db/" + c.log + "/" + name)
			if err != nil {
				t.Fatal(err)
			}
			for off := int64(4096 + 32); off < 4096+64; off++ {
				var p [1]byte
				if _, err := f.ReadAt(p[:], off); err != nil {
					break
				}
				p[0] ^= 0x55
				if _, err := f.WriteAt(p[:], off); err != nil {
					t.Fatal(err)
				}
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
		}
		e, err := open("/db", map[string]string{"segment_bytes": "8k"}, engine.Env{FS: left})
		if err == nil {
			e.Close()
		}
		if !errors.Is(err, engine.ErrCorrupt) {
			t.Errorf("%s: %v, want damage of %s", c.script, err, c.log)
		}
	}
}
