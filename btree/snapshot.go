package btree

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/kvbench/kvbench/btree/moment"
	"github.com/kvbench/kvbench/btree/page"
	"github.com/kvbench/kvbench/btree/version"
	"github.com/kvbench/kvbench/engine"
)

// snapshots is what reading at a moment shares. The zero value is ready.
type snapshots struct {
	walks  sync.Pool // of *walk
	spares sync.Pool // of *[]byte, of a page each

	// due: versions may be there that nobody needs any more.
	due     atomic.Bool
	pruning sync.Mutex // guards what follows
	live    []uint64
	gone    []version.Version
	frames  []uint32
	slots   []uint64
}

// spare returns memory for a page.
func (s *snapshots) spare(pageBytes int) *[]byte {
	if p, ok := s.spares.Get().(*[]byte); ok {
		return p
	}
	p := make([]byte, pageBytes)
	return &p
}

// A hold keeps a moment live for those who use it; it ends with the last.
type hold struct {
	tree   *tree
	moment moment.Snapshot
	users  atomic.Int64
}

// begin makes what is published now live, for one user.
func (h *hold) begin(t *tree) {
	h.tree, h.moment = t, t.enter()
	h.users.Store(1)
}

// join adds a user, unless the last one has gone.
func (h *hold) join() bool {
	for {
		n := h.users.Load()
		if n == 0 {
			return false
		}
		if h.users.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// quit takes a user away. With the last one go the versions of pages that only
// this moment needed.
func (h *hold) quit() {
	if h.users.Add(-1) == 0 {
		h.moment.Leave()
		h.tree.pruneVersions()
	}
}

// enterTries is how often enter tries without the writer's lock. A group of a
// few ops is over by then.
const enterTries = 8

// enter makes what is published now live. The caller does not hold mu.
func (t *tree) enter() moment.Snapshot {
	for range enterTries {
		if s, ok := t.clock.Enter(); ok {
			return s
		}
		runtime.Gosched()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.clock.EnterHeld()
}

// pruneVersions lets the versions go that nobody needs any more: their frames
// to the pool and their slots to the writer. It waits for nobody: if another
// goroutine is at it, that one looks again. Any goroutine may call it, pinned
// or not, mu held or not.
func (t *tree) pruneVersions() {
	if t.old.Len() == 0 {
		return
	}
	s := &t.snapshots
	s.due.Store(true)
	for s.due.Load() && s.pruning.TryLock() {
		if t.scans.TryRLock() { // only Close locks it; then all goes anyway
			s.due.Store(false)
			t.prune()
			t.scans.RUnlock()
		} else {
			s.due.Store(false)
		}
		s.pruning.Unlock()
	}
}

// prune is pruneVersions for who has the lock.
func (t *tree) prune() {
	s := &t.snapshots
	s.live = t.clock.Live(s.live[:0])
	s.gone = t.old.Prune(s.live, s.gone[:0])
	s.frames, s.slots = s.frames[:0], s.slots[:0]
	for i := range s.gone {
		v := &s.gone[i]
		if v.Frame != version.NoFrame {
			s.frames = append(s.frames, v.Frame)
		}
		if v.Home != 0 {
			s.slots = append(s.slots, v.Home.Slot())
		}
	}
	if len(s.frames) > 0 {
		t.pool.Retire(s.frames)
	}
	t.dropSlots(s.slots)
}

// A snapshot reads at one moment.
type snapshot struct {
	hold   hold
	closed atomic.Bool
}

// NewSnapshot implements engine.Snapshotter.
func (t *tree) NewSnapshot() (engine.Snapshot, error) {
	if t.closed.Load() {
		return nil, engine.ErrClosed
	}
	s := new(snapshot)
	s.hold.begin(t)
	return s, nil
}

// join is hold's, for calls of the user: none begins after Close.
func (s *snapshot) join() bool { return !s.closed.Load() && s.hold.join() }

// Get implements engine.Snapshot.
func (s *snapshot) Get(dst, key []byte) ([]byte, error) {
	t := s.hold.tree
	if t.closed.Load() || !s.join() {
		return dst, engine.ErrClosed
	}
	defer s.hold.quit()
	if err := t.caps.CheckKey(key); err != nil {
		return dst, err
	}
	out, err := t.getAt(s.hold.moment.At(), dst, key)
	c := t.counts.stripe()
	c.gets.Add(1)
	if n := len(out) - len(dst); n > 0 {
		c.bytesOut.Add(uint64(n))
	}
	return out, err
}

// getAt appends the value that a key has for the snapshot at n, which is live.
// With an error it returns dst.
func (t *tree) getAt(n uint64, dst, key []byte) ([]byte, error) {
	v := view{tree: t, at: n}
	out, err := v.get(dst, key)
	v.end()
	if err != nil {
		return dst, err
	}
	return out, nil
}

// get appends the value of a key to dst. With an error, what it returns is not
// to be used.
func (v *view) get(dst, key []byte) ([]byte, error) {
	id, p, err := v.descend(key, toKey)
	if err != nil {
		return nil, err
	}
	flags, payload, found, ok := page.Get(p, key)
	if !ok {
		return nil, v.senseless(id)
	}
	if !found {
		return nil, engine.ErrNotFound
	}
	if flags == 0 {
		return append(dst, payload...), nil
	}
	r, ok := parseRow(flags, payload)
	switch {
	case !ok:
		return nil, v.senseless(id)
	case r.over(v.tree.now().UnixNano()):
		return nil, engine.ErrNotFound
	case r.chained:
		return v.appendChain(dst, r.first, r.length)
	}
	return append(dst, r.value...), nil
}

// NewIter implements engine.Scanner.
func (s *snapshot) NewIter(o engine.IterOptions) (engine.Iterator, error) {
	t := s.hold.tree
	if t.closed.Load() || !s.join() {
		return nil, engine.ErrClosed
	}
	return t.newIter(o, &s.hold), nil
}

// Scan implements engine.UnorderedScanner.
func (s *snapshot) Scan(ctx context.Context, f func(key, value []byte) error) error {
	t := s.hold.tree
	if t.closed.Load() || !s.join() {
		return engine.ErrClosed
	}
	return t.scan(ctx, t.newIter(engine.IterOptions{}, &s.hold), f)
}

// Close implements engine.Snapshot. Calls that run at the same time and
// iterators that are open go on: the moment ends with the last of them.
func (s *snapshot) Close() error {
	if !s.closed.Swap(true) {
		s.hold.quit()
	}
	return nil
}
