package btree

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/kvbench/kvbench/engine"
)

// scatter puts n rows of which a leaf has few, in a random order, so that the
// next leaf is anywhere in the file.
func (l *ledger) scatter(n int) {
	l.t.Helper()
	r := seeded(l.t, seedOf(l.t))
	all := rows(0, n, 1, strings.Repeat("v", 500))
	keys := slices.Sorted(maps.Keys(all))
	r.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
	for _, key := range keys {
		l.ok(l.e.Put([]byte(key), []byte(all[key]), engine.Default))
	}
	maps.Copy(l.want, all)
	l.ok(l.e.checkpointNow(context.Background()))
}

// follow is the share of leaves in a range that the next one follows in the
// file.
func (l *ledger) follow(lower, upper []byte) float64 {
	l.t.Helper()
	o := &ordering{tree: l.e, next: slices.Clone(lower), upper: upper}
	leaves, follow, err := o.survey(context.Background())
	l.ok(err)
	return float64(follow) / float64(leaves-1)
}

// inspected is what inspect says of that share in the last checkpoint.
func (l *ledger) inspected() float64 {
	l.t.Helper()
	layout, err := inspect(context.Background(), "/db", engine.Env{FS: l.fsys})
	l.ok(err)
	for _, f := range layout.Facts {
		if f.Name != "leaves with the next one behind them in the file" {
			continue
		}
		share, err := strconv.ParseFloat(strings.TrimSuffix(f.Value, "%"), 64)
		l.ok(err)
		return share / 100
	}
	l.t.Fatal("inspect tells nothing of the order of leaves")
	return 0
}

func TestCompactPutsLeavesInTheOrderOfTheirKeys(t *testing.T) {
	for _, more := range []map[string]string{
		{"durability": "none"},
		{"io": "mmap", "durability": "none"},
		{"mode": "cow", "durability": "none", "cache_bytes": "64m"},
	} {
		t.Run(fmt.Sprint(more), func(t *testing.T) {
			l := newLedger(t, more)
			l.scatter(24000) // more than a few stretches
			_, leaves := l.fullness()
			if before := l.follow(nil, nil); leaves < 4*leastStretch || before > 0.3 {
				t.Fatalf("%d leaves, a share of %.3f follows: that tests nothing", leaves, before)
			}
			l.compact()
			_, leaves = l.fullness()
			for range 3 { // what the cleaner was writing may have been at its end
				if l.e.file.Slots() > uint64(leaves)*11/10 {
					l.compact()
					_, leaves = l.fullness()
				}
			}
			if short := l.e.file.Slots(); short > uint64(leaves)*11/10 {
				t.Errorf("the file has %d slots for %d leaves", short, leaves)
			}
			share := l.follow(nil, nil)
			if share < 0.9 {
				t.Errorf("a share of %.3f of the leaves is followed by the next one", share)
			}
			moves := l.e.work.moves.Load()
			l.ok(l.e.order(context.Background(), nil, nil))
			if again := l.e.work.moves.Load() - moves; share >= orderedShare && again > 0 {
				t.Errorf("%d pages were moved that were in order", again)
			}
			l.check("compacted")
			l.sound()
			l.ok(l.e.Close())
			if share := l.inspected(); share < 0.9 {
				t.Errorf("inspect finds a share of %.3f", share)
			}
			l.open("/db")
			l.check("opened")
		})
	}
}

// The room that the ordering takes is that of a stretch.
func TestTheFileGrowsLittleWhileLeavesAreOrdered(t *testing.T) {
	l := newLedger(t, map[string]string{"durability": "none"})
	l.scatter(24000)
	l.ok(l.e.Settle(context.Background()))
	before := l.e.file.Slots()
	var most uint64
	ctx := watched{context.Background(), func() error {
		most = max(most, l.e.file.Slots())
		return nil
	}}
	l.ok(l.e.order(ctx, nil, nil))
	if share := l.follow(nil, nil); share < 0.9 {
		t.Errorf("a share of %.3f of the leaves is followed by the next one", share)
	}
	if most > before*4/3 {
		t.Errorf("the file had %d slots, before %d", most, before)
	}
	l.sound()
}

// watched is a context that has somebody look at each check.
type watched struct {
	context.Context
	look func() error
}

func (w watched) Err() error { return w.look() }

func TestAnOrderingThatEndsEarlyHoldsNothing(t *testing.T) {
	for _, checks := range []int{1, 200, 500, 800} {
		l := newLedger(t, map[string]string{"durability": "none"})
		l.scatter(6000)
		gone := errors.New("gone")
		n := 0
		err := l.e.order(watched{context.Background(), func() error {
			if n++; n > checks {
				return gone
			}
			return nil
		}}, nil, nil)
		if err != nil && err != gone {
			t.Errorf("after %d checks: %v", checks, err)
		}
		if l.e.work.shrink.paused != 0 {
			t.Errorf("after %d checks: no page moves any more", checks)
		}
		l.check("ended early")
		l.sound()
	}
}

func TestRangesThatAreOrderedOneByOneFollowEachOther(t *testing.T) {
	l := newLedger(t, map[string]string{"durability": "none"})
	l.scatter(6000)
	bounds := [][]byte{nil, []byte("key001000"), []byte("key002500"), []byte("key004000"), nil}
	for i, lower := range bounds[:4] {
		l.ok(l.e.Compact(context.Background(), lower, bounds[i+1]))
		if share := l.follow(lower, bounds[i+1]); share < 0.85 {
			t.Errorf("a share of %.3f of the leaves is followed by the next one from %q to %q", share, lower, bounds[i+1])
		}
	}
	if share := l.follow(nil, nil); share < 0.8 {
		t.Errorf("a share of %.3f of all leaves is followed by the next one", share)
	}
	l.check("compacted")
	l.sound()
}

func TestLeavesAreOrderedWhileTheyAreWritten(t *testing.T) {
	for _, more := range []map[string]string{{}, {"io": "mmap"}} {
		more["durability"] = "none"
		l := newLedger(t, more)
		l.scatter(4000)
		s, err := l.e.NewSnapshot()
		l.ok(err)
		before := maps.Clone(l.want)
		var group sync.WaitGroup
		var stop atomic.Bool
		group.Go(func() {
			for !stop.Load() {
				if err := l.e.order(context.Background(), nil, nil); err != nil {
					t.Error(err)
					return
				}
			}
		})
		r := seeded(t, seedOf(t))
		for round := range 4 {
			l.put(rows(r.IntN(2000), 300, 3, fmt.Sprint(round)))
			at := r.IntN(3900)
			l.remove(fmt.Sprintf("key%06d", at), fmt.Sprintf("key%06d", at+100))
			l.ok(l.e.checkpointNow(context.Background()))
		}
		if d := differs(contentsOf(t, s.(engine.Scanner)), before); d != "" {
			t.Errorf("a snapshot has changed: %s", d)
		}
		stop.Store(true)
		group.Wait()
		l.ok(s.Close())
		l.check("in the end")
		l.sound()
	}
}
