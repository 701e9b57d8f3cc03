package btree

import (
	"context"
	"fmt"
	"maps"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kvbench/kvbench/btree/page"
	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
)

// fullness is how full leaves are on average, and how many there are.
func (l *ledger) fullness() (share float64, leaves int) {
	l.t.Helper()
	t := l.e
	t.mu.Lock()
	defer t.mu.Unlock()
	v := view{tree: t, at: t.clock.Published()}
	defer v.end()
	used := 0
	for id := page.ID(1); id <= t.pages.Len(); id++ {
		if t.pages.Load(id) == 0 {
			continue
		}
		p, err := v.page(id)
		l.ok(err)
		if page.KindOf(p) == page.Leaf {
			used, leaves = used+page.Used(p), leaves+1
		}
	}
	return float64(used) / float64(leaves*t.settings.PageBytes), leaves
}

func (l *ledger) compact() {
	l.t.Helper()
	l.ok(l.e.Compact(context.Background(), nil, nil))
}

func TestCompactMakesLeavesFullAndTheFileShort(t *testing.T) {
	for _, fill := range []float64{0.6, 0.9, 1} {
		l := newLedger(t, map[string]string{"fill": fmt.Sprint(fill), "merge_below": "0"})
		l.put(rows(0, 6000, 1, strings.Repeat("v", 40)))
		for i := range 6000 {
			if i%3 > 0 {
				l.remove(fmt.Sprintf("key%06d", i), fmt.Sprintf("key%06d", i+1))
			}
		}
		before, n := l.fullness()
		l.ok(l.e.Sync())
		long := l.e.file.Slots()
		l.compact()
		l.check("compacted")
		after, m := l.fullness()
		// What the cleaner had under way holds slots at the end of the file.
		for range 20 {
			if l.e.file.Slots() <= uint64(m)*5/4+16 {
				break
			}
			runtime.Gosched()
			l.compact()
		}
		if before > 0.5 || after > fill || after < fill-0.06 {
			t.Errorf("fill %v: %d leaves are full to %.3f, before %d to %.3f", fill, m, after, n, before)
		}
		if short := l.e.file.Slots(); short > long/2 || short > uint64(m)*5/4+16 {
			t.Errorf("fill %v: the file has %d slots, before %d; there are %d leaves", fill, short, long, m)
		}
		l.sound()
	}
}

func TestCompactLeavesAloneWhatIsOutsideItsBounds(t *testing.T) {
	l := newLedger(t, map[string]string{"merge_below": "0"})
	l.put(rows(0, 3000, 1, strings.Repeat("v", 40)))
	for i := range 3000 {
		if i%3 > 0 {
			l.remove(fmt.Sprintf("key%06d", i), fmt.Sprintf("key%06d", i+1))
		}
	}
	_, all := l.fullness()
	bounds := func(lower, upper string) (leaves int) {
		l.ok(l.e.Compact(context.Background(), []byte(lower), []byte(upper)))
		l.check("compacted")
		_, leaves = l.fullness()
		return leaves
	}
	if n := bounds("key001000", "key001000"); n != all {
		t.Errorf("%d leaves after an empty range, before %d", n, all)
	}
	if n := bounds("key001000", "key002000"); n > all-all/10 || n < all/2 {
		t.Errorf("%d leaves after a third, before %d", n, all)
	}
	l.compact()
	if _, n := l.fullness(); n > all/2 {
		t.Errorf("%d leaves after all, before %d", n, all)
	}
	l.sound()
}

func TestCompactDropsWhatHasExpired(t *testing.T) {
	now := atomic.Int64{}
	now.Store(start.UnixNano())
	env := engine.Env{FS: vfs.NewMem(), Now: func() time.Time { return time.Unix(0, now.Load()) }}
	e, err := open("/db", small(nil), env)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	l := &ledger{t: t, fsys: env.FS, given: small(nil), e: e.(*tree), want: map[string]string{}}
	l.put(rows(1, 300, 2, "stays"))
	for key, value := range rows(0, 300, 2, strings.Repeat("goes", 20)) {
		if value[len(value)-1] == '7' {
			value = strings.Repeat(value, 200) // a chain
		}
		l.ok(l.e.PutTTL([]byte(key), []byte(value), start.Add(time.Minute), engine.Default))
	}
	for key, value := range rows(2000, 800, 1, "all of these go") {
		l.ok(l.e.PutTTL([]byte(key), []byte(value), start.Add(time.Minute), engine.Default))
	}
	l.compact()
	if n := l.e.keys.Load(); n != 1400 {
		t.Fatalf("%d keys before their time, want 1400", n)
	}
	now.Store(start.Add(time.Minute).UnixNano())
	l.compact()
	l.check("expired")
	if _, n := l.fullness(); n > 5 {
		t.Errorf("%d leaves", n)
	}
	l.e.endWork()
	l.ok(l.e.checkSpace())
}

func TestCompactEndsWithItsContext(t *testing.T) {
	l := newLedger(t, nil)
	l.put(rows(0, 1000, 1, "v"))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := l.e.Compact(ctx, nil, nil); err != context.Canceled {
		t.Errorf("Compact: %v", err)
	}
	l.check("canceled")
}

// Writers, snapshots and loads go on while a tree is compacted again and again.
func TestATreeIsCompactedWhileItIsWritten(t *testing.T) {
	for _, more := range []map[string]string{{}, {"io": "mmap", "durability": "none"}} {
		l := newLedger(t, more)
		r := seeded(t, seedOf(t))
		var group sync.WaitGroup
		var stop atomic.Bool
		group.Go(func() {
			for !stop.Load() {
				if err := l.e.Compact(context.Background(), nil, nil); err != nil {
					t.Error(err)
					return
				}
			}
		})
		for round := range 12 {
			before := maps.Clone(l.want)
			s, err := l.e.NewSnapshot()
			l.ok(err)
			l.put(drawRows(r, 200))
			from := r.IntN(8000)
			l.remove(fmt.Sprintf("%04d", from), fmt.Sprintf("%04d", from+r.IntN(3000)))
			l.load(drawRows(r, 300))
			if d := differs(contentsOf(t, s.(engine.Scanner)), before); d != "" {
				t.Errorf("round %d: a snapshot has changed: %s", round, d)
			}
			l.ok(s.Close())
			if d := differs(contentsOf(t, l.e), l.want); d != "" {
				t.Errorf("round %d: %s", round, d)
			}
		}
		stop.Store(true)
		group.Wait()
		l.check("in the end")
		l.sound()
	}
}
