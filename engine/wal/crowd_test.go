package wal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/kvbench/kvbench/engine/vfs"
)

// A crowd writes to one log from many goroutines, while another prunes it.
func TestACrashAmongManyWritersLeavesAPrefixWithAllThatWasDurable(t *testing.T) {
	var crashes, histories int
	during(t, time.Second, func(seed uint64) {
		c := &crowd{t: t, seed: seed, m: newDir(t), o: randomOptions(rand.New(rand.NewPCG(seed, 1))), all: map[LSN]rec{}}
		c.live()
		crashes += len(c.after)
		histories++
	})
	t.Logf("%d histories, %d crashes", histories, crashes)
}

type crowd struct {
	t    *testing.T
	seed uint64
	o    Options
	m    *vfs.Mem
	l    *Log

	mu      sync.Mutex
	all     map[LSN]rec
	durable []LSN
	pruned  LSN // below whose segment records may be missing
	after   []aftermath
}

// An aftermath is what a crash left, to be judged when all is known.
type aftermath struct {
	where   string
	durable []LSN // when it crashed
	pruned  LSN
	got     []rec
}

func (c *crowd) failf(format string, args ...any) {
	c.t.Helper()
	c.t.Errorf("KVBENCH_SEED=%d, %+v: %s", c.seed, c.o, fmt.Sprintf(format, args...))
}

func (c *crowd) live() {
	var err error
	if c.l, _, err = open(c.m, c.o); err != nil {
		c.t.Fatal(err)
	}
	c.m.Watch(c.crash)
	var writers sync.WaitGroup
	for w := range 6 {
		writers.Go(func() { c.write(w) })
	}
	stop := make(chan struct{})
	var pruner sync.WaitGroup
	pruner.Go(func() { c.prune(stop) })
	writers.Wait()
	close(stop)
	pruner.Wait()
	c.m.Watch(nil)
	if err := c.l.Close(); err != nil {
		c.failf("close: %v", err)
	}
	for _, a := range c.after {
		c.judge(a)
	}
}

func (c *crowd) write(w int) {
	for i := range 12 {
		p := payload(w*100+i, 40*w+i)
		lsn, err := c.l.Append(uint8(w+1), []byte(p))
		c.mu.Lock()
		c.all[lsn] = rec{lsn, uint8(w + 1), p}
		c.mu.Unlock()
		level := Level((i + w) % 3 % 2)
		if err == nil {
			err = c.l.Wait(context.Background(), lsn, level)
		}
		if err != nil {
			c.failf("write: %v", err)
		}
		if level == Durable {
			c.mu.Lock()
			c.durable = append(c.durable, lsn)
			c.mu.Unlock()
		}
	}
}

// prune removes what lies some durable records back, again and again.
func (c *crowd) prune(stop chan struct{}) {
	for {
		select {
		case <-stop:
			return
		default:
		}
		c.mu.Lock()
		n := len(c.durable)
		if n > 5 {
			c.pruned = max(c.pruned, c.durable[n-5])
		}
		before := c.pruned
		c.mu.Unlock()
		if err := c.l.Prune(before); err != nil {
			c.failf("prune: %v", err)
			return
		}
		runtime.Gosched()
	}
}

func (c *crowd) crash(p vfs.Point) {
	if !p.Sync {
		return
	}
	c.mu.Lock()
	a := aftermath{where: fmt.Sprintf("%+v", p), durable: slices.Clone(c.durable)}
	seed := c.seed + uint64(len(c.after))
	c.mu.Unlock()
	m := c.m.Crash(seed)
	c.mu.Lock()
	a.pruned = c.pruned
	c.mu.Unlock()
	l, got, err := open(m, c.o)
	if err != nil {
		c.failf("%s: %v", a.where, err)
		return
	}
	l.poison(errors.New("killed"))
	l.Close()
	a.got = got
	c.mu.Lock()
	c.after = append(c.after, a)
	c.mu.Unlock()
}

// judge compares what a crash left with all that was ever appended, in order.
func (c *crowd) judge(a aftermath) {
	order := slices.SortedFunc(maps.Values(c.all), func(x, y rec) int { return cmp.Compare(x.lsn, y.lsn) })
	for len(order) > 0 && order[0].lsn.Segment() < a.pruned.Segment() && (len(a.got) == 0 || order[0].lsn < a.got[0].lsn) {
		order = order[1:]
	}
	lost := slices.ContainsFunc(a.durable, func(lsn LSN) bool {
		return lsn.Segment() >= a.pruned.Segment() &&
			!slices.ContainsFunc(a.got, func(x rec) bool { return x.lsn == lsn })
	})
	if lost || !prefix(a.got, order) {
		c.failf("%s: durable %v, pruned below %v, left %v of %v", a.where, a.durable, a.pruned, a.got, order)
	}
}
