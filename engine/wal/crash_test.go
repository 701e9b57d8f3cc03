package wal

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/kvbench/kvbench/engine/vfs"
)

// A history is one writer's life with a log, crashed at every point that the
// file system knows. What a crash leaves must be what the writer appended, up
// to somewhere behind the last record that was durable.
type history struct {
	t    *testing.T
	seed uint64
	o    Options
	m    *vfs.Mem
	r    *rand.Rand
	l    *Log

	drops bool // moves From and drops what is before it

	mu      sync.Mutex
	account // what a crash may leave
	points  int
	states  int
	doubles int
}

// An account says what may be left of a log.
type account struct {
	from    LSN   // to open it with
	content []rec // of the log; lsn 0 while Append has not returned
	low     int   // how many of content must survive
	pruned  int   // how many may be missing at the front
}

// seedOf returns KVBENCH_SEED, or one that differs from run to run.
func seedOf(t *testing.T) uint64 {
	s, err := strconv.ParseUint(os.Getenv("KVBENCH_SEED"), 10, 64)
	if err != nil {
		s = uint64(time.Now().UnixNano())
	}
	return s
}

// during runs f with one seed after the other until the time is over.
func during(t *testing.T, short time.Duration, f func(seed uint64)) {
	budget := short
	if d, err := time.ParseDuration(os.Getenv("KVBENCH_SOAK")); err == nil {
		budget = max(short, d/4)
	}
	deadline := time.Now().Add(budget)
	for seed := seedOf(t); !t.Failed(); seed++ {
		f(seed)
		if time.Now().After(deadline) {
			return
		}
	}
}

func randomOptions(r *rand.Rand) Options {
	o := Options{
		SegmentBytes: int64(2+r.IntN(4)) * headerBytes,
		Fill:         Fill(r.IntN(4)),
		Recycle:      r.IntN(3),
		Commit:       Commit(r.IntN(3)),
		BufferBytes:  []int{100, 1000, 0}[r.IntN(3)],
		AlignBytes:   []int{0, 0, 512, 4096}[r.IntN(4)],
		Direct:       r.IntN(5) == 0,
	}
	if r.IntN(6) == 0 { // large enough for the fill to go on in steps
		o.SegmentBytes, o.FirstBytes, o.Fill = 3*fillBytes, 2*fillBytes, FillZero
	}
	return o
}

func TestACrashAtEveryPointLeavesAPrefixWithAllThatWasDurable(t *testing.T) {
	var points, states, doubles, histories int
	during(t, 2*time.Second, func(seed uint64) {
		r := rand.New(rand.NewPCG(seed, 0))
		h := &history{t: t, seed: seed, o: randomOptions(r), m: newDir(t), r: r, drops: r.IntN(2) == 0}
		h.live(60)
		points += h.points
		states += h.states
		doubles += h.doubles
		histories++
	})
	t.Logf("%d histories, %d crash points, %d states, %d of them crashed again", histories, points, states, doubles)
}

func (h *history) failf(format string, args ...any) {
	h.t.Helper()
	h.t.Errorf("KVBENCH_SEED=%d, %+v: %s", h.seed, h.o, fmt.Sprintf(format, args...))
}

func (h *history) live(steps int) {
	h.m.Watch(h.crash)
	defer h.m.Watch(nil)
	for range steps {
		if h.t.Failed() {
			return
		}
		if err := h.step(); err != nil {
			h.failf("%v", err)
			return
		}
	}
	if h.l == nil { // the last step has closed it
		return
	}
	if err := h.l.Close(); err != nil {
		h.failf("close: %v", err)
	}
}

func (h *history) step() error {
	if h.l == nil {
		l, got, err := h.open(h.m, h.from)
		if err != nil {
			return err
		}
		h.l = l
		h.pruned = len(h.content) - len(got)
		return nil
	}
	switch n := h.r.IntN(24); {
	case n < 12:
		return h.append()
	case n < 15:
		return h.sync(h.l.Sync)
	case n < 16:
		return h.l.Flush()
	case n < 17:
		return h.truncate()
	case n < 18:
		return h.prune()
	case n < 19:
		return h.l.makeSpare(nil)
	case n < 20:
		return h.l.Rotate(context.Background())
	case n < 23:
		return h.drop()
	}
	err := h.sync(h.l.Close)
	h.l = nil
	return err
}

func (h *history) open(m *vfs.Mem, from LSN) (*Log, []rec, error) {
	o := h.o
	o.From = from
	return open(m, o)
}

func (h *history) append() error {
	p := payload(h.r.IntN(1e7), []int{0, 7, 100, 600, 3000}[h.r.IntN(5)])
	kind := uint8(1 + h.r.IntN(MaxKind))
	h.mu.Lock()
	h.content = append(h.content, rec{0, kind, p})
	i := len(h.content) - 1
	h.mu.Unlock()
	lsn, err := h.l.Append(kind, []byte(p))
	if err != nil {
		return err
	}
	h.mu.Lock()
	h.content[i].lsn = lsn
	h.mu.Unlock()
	switch h.r.IntN(4) {
	case 0:
		return h.sync(func() error { return h.l.Wait(context.Background(), lsn, Durable) })
	case 1:
		return h.l.Wait(context.Background(), lsn, Written)
	}
	return nil
}

// sync runs what makes all of content durable.
func (h *history) sync(f func() error) error {
	n := len(h.content)
	err := f()
	h.mu.Lock()
	h.low = n
	h.mu.Unlock()
	return err
}

func (h *history) truncate() error {
	if len(h.content) == h.pruned {
		return nil
	}
	k := h.pruned + h.r.IntN(len(h.content)-h.pruned)
	h.mu.Lock()
	h.low = min(h.low, k)
	h.mu.Unlock()
	if err := h.l.Truncate(h.content[k].lsn); err != nil {
		return err
	}
	h.mu.Lock()
	h.content = slices.Clone(h.content[:k])
	h.low = k
	h.mu.Unlock()
	return nil
}

func (h *history) prune() error {
	if len(h.content) == h.pruned {
		return nil
	}
	before := h.content[h.pruned+h.r.IntN(len(h.content)-h.pruned)].lsn
	if h.drops { // what From says must stay true
		before = h.from
	}
	h.mu.Lock()
	for h.pruned < len(h.content) && h.content[h.pruned].lsn.Segment() < before.Segment() {
		h.pruned++
	}
	h.mu.Unlock()
	return h.l.Prune(before)
}

// drop moves From to a record that is durable, or to the begin of its segment,
// and drops some of the segments before it.
func (h *history) drop() error {
	if !h.drops {
		return nil
	}
	if h.low > h.pruned {
		from := h.content[h.pruned+h.r.IntN(h.low-h.pruned)].lsn
		if h.r.IntN(2) == 0 {
			from = max(h.from, lsnOf(from.Segment(), headerBytes))
		}
		h.mu.Lock()
		h.from = from
		for h.content[h.pruned].lsn < from {
			h.pruned++
		}
		h.mu.Unlock()
	}
	for _, s := range h.l.Segments() {
		if s.ID < h.from.Segment() && h.r.IntN(2) == 0 {
			if err := h.l.Drop(s.ID); err != nil {
				return err
			}
		}
	}
	return nil
}

// crash forks the file system and looks at some of what may be left.
func (h *history) crash(p vfs.Point) {
	// Under mu, so that nothing is dropped that only a later From leaves out.
	h.mu.Lock()
	h.points++
	seed := h.seed + uint64(h.points)*16
	forks := []*vfs.Mem{h.m.Crash(seed), h.m.Crash(seed + 1)}
	if p.Sync {
		forks = append(forks, h.m.Image(vfs.Synced), h.m.Image(vfs.Written), h.m.Crash(seed+2))
	}
	a := h.account
	a.content = slices.Clone(a.content)
	h.mu.Unlock()
	for i, m := range forks {
		where := fmt.Sprintf("crash %d at %+v, of %d records %d durable and %d pruned, from %v", i, p, len(a.content), a.low, a.pruned, a.from)
		if i == 0 {
			h.crashOpening(m.Image(vfs.Written), where, a)
		}
		got := h.check(m, where, a)
		h.check(m.Image(vfs.Synced), where+"; opened, and crashed", account{a.from, got, len(got), 0})
		h.mu.Lock()
		h.states++
		h.mu.Unlock()
		if h.t.Failed() {
			return
		}
		if i == 0 && p.Sync {
			h.again(m, where+"; lived on", a.from, a.content[min(len(got), len(a.content)):])
		}
	}
}

// crashOpening crashes what a crash left while it is being opened.
func (h *history) crashOpening(m *vfs.Mem, where string, a account) {
	m.Watch(func(p vfs.Point) {
		if !p.Sync || h.t.Failed() {
			return
		}
		h.check(m.Crash(h.seed), where+"; and at "+fmt.Sprintf("%+v", p), a)
		h.mu.Lock()
		h.doubles++
		h.mu.Unlock()
	})
	h.check(m, where, a)
	m.Watch(nil)
}

// check opens m and compares what it delivers.
func (h *history) check(m *vfs.Mem, where string, a account) []rec {
	l, got, err := h.open(m, a.from)
	if err != nil {
		h.failf("%s: %v", where, err)
		return nil
	}
	// Leave it as kill -9 would: nothing of it may reach the disk any more.
	defer func() { l.poison(errors.New("killed")); l.Close() }()
	for skip := 0; skip <= a.pruned; skip++ {
		if prefix(got, a.content[skip:]) && len(got)+skip >= a.low {
			return got
		}
	}
	h.failf("%s: %d records are left:\n got %v\nwant %v", where, len(got), got, a.content)
	return got
}

// prefix reports whether got is a prefix of want; an lsn of 0 is any.
func prefix(got, want []rec) bool {
	if len(got) > len(want) {
		return false
	}
	for i, w := range want[:len(got)] {
		if w.lsn == 0 {
			w.lsn = got[i].lsn
		}
		if got[i] != w {
			return false
		}
	}
	return true
}

// again goes on writing where a crash left a log, and crashes that. It writes
// records of the lengths of those that were lost, so that what is behind them
// would fit.
func (h *history) again(m *vfs.Mem, where string, from LSN, lost []rec) {
	l, got, err := h.open(m, from)
	if err != nil {
		h.failf("%s: %v", where, err)
		return
	}
	content := slices.Clone(got)
	for i, r := range append(slices.Clone(lost[:min(len(lost), 3)]), rec{payload: "more"}) {
		content = append(content, mustAppend(h.t, l, 1, payload(i, len(r.payload))))
	}
	for i := range content[len(got):] {
		if err := l.Wait(context.Background(), content[len(got)+i].lsn, Level(i%2)); err != nil {
			h.failf("%s: %v", where, err)
		}
		h.check(m.Crash(h.seed+uint64(i)), where+", flushed", account{from, content, len(got), 0})
	}
	if err := l.Sync(); err != nil {
		h.failf("%s: %v", where, err)
	}
	h.check(m.Image(vfs.Synced), where+", synced", account{from, content, len(content), 0})
	if err := l.Close(); err != nil {
		h.failf("%s: close: %v", where, err)
	}
	h.check(m, where+", closed", account{from, content, len(content), 0})
}
