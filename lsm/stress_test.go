package lsm

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
)

// openMem opens a tree on fsys with tiny settings and more over them.
func openMem(t testing.TB, fsys vfs.FS, more map[string]string) *tree {
	t.Helper()
	return openWith(t, engine.Env{FS: fsys}, more)
}

func openWith(t testing.TB, env engine.Env, more map[string]string) *tree {
	t.Helper()
	e, err := open("/db", small(more), env)
	if err != nil {
		t.Fatalf("open with %v: %v", more, err)
	}
	t.Cleanup(func() { e.Close() })
	return e.(*tree)
}

// closed closes a tree, which must not fail.
func closed(t testing.TB, e *tree) {
	t.Helper()
	if err := e.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
}

// A stress has writers with keys of their own, which know what these have, and
// others who look at all of them. Each value says its key and its number.
// Batches give all keys of a group one number.
type stress struct {
	t    *testing.T
	e    *tree
	seed uint64
	ops  int // of each writer

	// done[w][k] is the number of the last write of a key that had returned,
	// begun that of the last one that had begun.
	done, begun [stressWriters][stressKeys]atomic.Uint64
	want        [stressWriters][stressKeys]uint64 // 0 is absent; of writers alone

	groups atomic.Uint64 // number of the last batch over the group
	over   atomic.Bool
}

const (
	stressWriters = 3
	stressKeys    = 40
	flock         = 12
)

func writersKey(w, k int) []byte { return fmt.Appendf(nil, "w%d-%03d", w, k) }

func groupKey(k int) []byte { return fmt.Appendf(nil, "group%02d", k) }

func numberedValue(key []byte, n uint64, pad int) []byte {
	v := binary.BigEndian.AppendUint64(nil, n)
	v = append(v, key...)
	return append(v, make([]byte, pad)...)
}

func numberOf(key, value []byte) (uint64, error) {
	if len(value) < 8+len(key) || !bytes.Equal(value[8:8+len(key)], key) {
		return 0, fmt.Errorf("%s has the value %.40q", key, value)
	}
	return binary.BigEndian.Uint64(value), nil
}

func (s *stress) failed(format string, args ...any) {
	if !s.over.Swap(true) {
		s.t.Errorf(format, args...)
	}
}

func (s *stress) run() {
	var writers, others sync.WaitGroup
	for w := range stressWriters {
		writers.Go(func() { s.write(w, rand.New(rand.NewPCG(s.seed, uint64(w)))) })
	}
	writers.Go(func() { s.writeGroup(rand.New(rand.NewPCG(s.seed, 20))) })
	for i, step := range []func(*rand.Rand) error{s.read, s.walk, s.walkBack, s.hold, s.readGroup, s.maintain} {
		others.Go(func() {
			r := rand.New(rand.NewPCG(s.seed, uint64(10+i)))
			for !s.over.Load() {
				if err := step(r); err != nil {
					s.failed("step %d: %v", i, err)
				}
			}
		})
	}
	writers.Wait()
	s.over.Store(true)
	others.Wait()
}

// write puts, deletes, deletes ranges and applies batches.
func (s *stress) write(w int, r *rand.Rand) {
	for i := uint64(1); i <= uint64(s.ops) && !s.over.Load(); i++ {
		k := r.IntN(stressKeys)
		key := writersKey(w, k)
		var err error
		switch r.IntN(10) {
		case 0:
			s.begins(w, k, k+1, i)
			err = s.e.Delete(key, engine.Default)
			s.ends(w, k, k+1, i, false)
		case 1:
			to := min(k+1+r.IntN(8), stressKeys)
			s.begins(w, k, to, i)
			err = s.e.DeleteRange(key, writersKey(w, to), engine.Default)
			s.ends(w, k, to, i, false)
		case 2:
			to := min(k+1+r.IntN(8), stressKeys)
			var b engine.Batch
			b.DeleteRange(key, writersKey(w, to))
			for j := k; j < to; j++ {
				b.Put(writersKey(w, j), numberedValue(writersKey(w, j), i, r.IntN(300)))
			}
			s.begins(w, k, to, i)
			err = s.e.Apply(&b, engine.Default)
			s.ends(w, k, to, i, true)
		default:
			s.begins(w, k, k+1, i)
			err = s.e.Put(key, numberedValue(key, i, r.IntN(300)), engine.Default)
			s.ends(w, k, k+1, i, true)
		}
		if err != nil {
			s.failed("writer %d, op %d: %v", w, i, err)
			return
		}
		if err := s.mine(w, r.IntN(stressKeys)); err != nil {
			s.failed("after op %d: %v", i, err)
		}
	}
}

func (s *stress) begins(w, from, to int, n uint64) {
	for k := from; k < to; k++ {
		s.begun[w][k].Store(n)
	}
}

func (s *stress) ends(w, from, to int, n uint64, there bool) {
	for k := from; k < to; k++ {
		s.done[w][k].Store(n)
		if s.want[w][k] = 0; there {
			s.want[w][k] = n
		}
	}
}

// mine checks a key of the writer that asks.
func (s *stress) mine(w, k int) error {
	key := writersKey(w, k)
	value, err := s.e.Get(nil, key)
	return s.is(key, value, err, s.want[w][k])
}

func (s *stress) is(key, value []byte, err error, want uint64) error {
	if errors.Is(err, engine.ErrNotFound) && want == 0 {
		return nil
	}
	if err != nil {
		return fmt.Errorf("get %s: %w, want number %d", key, err, want)
	}
	n, err := numberOf(key, value)
	if err == nil && n != want {
		err = fmt.Errorf("%s has number %d, want %d", key, n, want)
	}
	return err
}

// writeGroup gives the whole group one number each time.
func (s *stress) writeGroup(r *rand.Rand) {
	for n := uint64(1); !s.over.Load() && n <= uint64(s.ops/flock*2); n++ {
		var b engine.Batch
		if r.IntN(3) == 0 {
			b.DeleteRange([]byte("group"), []byte("h"))
		}
		for _, k := range r.Perm(flock) {
			if r.IntN(4) == 0 {
				b.Delete(groupKey(k))
			}
			b.Put(groupKey(k), numberedValue(groupKey(k), n, r.IntN(400)))
		}
		if err := s.e.Apply(&b, engine.Default); err != nil {
			s.failed("batch %d: %v", n, err)
			return
		}
		s.groups.Store(n)
	}
}

// read gets a key: it is as a write that had not been overwritten when the get
// began has left it, or as a later one has.
func (s *stress) read(r *rand.Rand) error {
	w, k := r.IntN(stressWriters), r.IntN(stressKeys)
	key := writersKey(w, k)
	low := s.done[w][k].Load()
	value, err := s.e.Get(nil, key)
	high := s.begun[w][k].Load()
	if errors.Is(err, engine.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	n, err := numberOf(key, value)
	if err == nil && (n < low || n > high) {
		err = fmt.Errorf("%s has number %d, and %d had returned before, %d begun after", key, n, low, high)
	}
	return err
}

// readGroup wants all of a group to have one number, in a snapshot.
func (s *stress) readGroup(*rand.Rand) error {
	low := s.groups.Load()
	snap, err := s.e.NewSnapshot()
	if err != nil {
		return err
	}
	defer snap.Close()
	var first uint64
	for k := range flock {
		value, err := snap.Get(nil, groupKey(k))
		if errors.Is(err, engine.ErrNotFound) && first == 0 && low == 0 && k == 0 {
			return nil
		}
		if err != nil {
			return fmt.Errorf("key %d of the group, after batch %d: %w", k, low, err)
		}
		n, err := numberOf(groupKey(k), value)
		if err != nil {
			return err
		}
		if k == 0 {
			first = n
		}
		if n != first || n < low {
			return fmt.Errorf("key %d of the group is of batch %d, another of %d, and %d had returned", k, n, first, low)
		}
	}
	return nil
}

// contents reads an iterator one way or the other, always in key order.
func contents(it engine.Iterator, back bool) (rows []string, err error) {
	defer it.Close()
	next, ok := it.Next, it.First()
	if back {
		it.Last()
		next, ok = it.Prev, it.Last()
	}
	var last []byte
	for ; ok; ok = next() {
		value, err := it.Value()
		if err != nil {
			return nil, err
		}
		if c := bytes.Compare(it.Key(), last); last != nil && (c == 0 || c < 0 != back) {
			return nil, fmt.Errorf("%q comes after %q", it.Key(), last)
		}
		last = append(last[:0], it.Key()...)
		n, err := numberOf(last, value)
		if err != nil {
			return nil, err
		}
		rows = append(rows, fmt.Sprintf("%s=%d", last, n))
	}
	if back {
		for i := range len(rows) / 2 {
			rows[i], rows[len(rows)-1-i] = rows[len(rows)-1-i], rows[i]
		}
	}
	return rows, it.Err()
}

func (s *stress) walk(*rand.Rand) error     { return s.walkGroup(false) }
func (s *stress) walkBack(*rand.Rand) error { return s.walkGroup(true) }

// walkGroup wants an iterator to see a group at one number.
func (s *stress) walkGroup(back bool) error {
	low := s.groups.Load()
	it, err := s.e.NewIter(engine.IterOptions{Lower: []byte("group"), Upper: []byte("h")})
	if err != nil {
		return err
	}
	rows, err := contents(it, back)
	if err != nil || len(rows) == 0 && low == 0 {
		return err
	}
	if len(rows) != flock {
		return fmt.Errorf("%d rows of the group after batch %d, back %v: %v", len(rows), low, back, rows)
	}
	for k, row := range rows {
		if want := string(groupKey(k)) + rows[0][len(groupKey(0)):]; row != want {
			return fmt.Errorf("the group, back %v, has %s, want %s", back, row, want)
		}
	}
	return nil
}

// hold keeps a snapshot and an iterator, and wants them to stay as they are.
func (s *stress) hold(r *rand.Rand) error {
	snap, err := s.e.NewSnapshot()
	if err != nil {
		return err
	}
	defer snap.Close()
	scanner := snap.(engine.Scanner)
	var was []string
	for i := range 2 + r.IntN(6) {
		it, err := scanner.NewIter(engine.IterOptions{})
		if err != nil {
			return err
		}
		rows, err := contents(it, i%2 == 1)
		if err != nil {
			return err
		}
		if i == 0 {
			was = rows
		}
		if fmt.Sprint(rows) != fmt.Sprint(was) {
			return fmt.Errorf("a snapshot was %v\nand is %v", was, rows)
		}
	}
	return nil
}

func (s *stress) maintain(r *rand.Rand) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	switch r.IntN(6) {
	case 0:
		return s.e.Sync()
	case 1:
		return s.e.Compact(ctx, nil, nil)
	case 2:
		return s.e.Compact(ctx, writersKey(1, 0), writersKey(1, r.IntN(stressKeys)))
	case 3: // given up at some moment
		stop := time.AfterFunc(time.Duration(r.IntN(2000))*time.Microsecond, cancel)
		defer stop.Stop()
		if err := s.e.Compact(ctx, nil, nil); !errors.Is(err, context.Canceled) {
			return err
		}
		return nil
	case 4:
		var m engine.Metrics
		s.e.Metrics(&m)
		return nil
	}
	return s.e.Settle(ctx)
}

// check wants all keys of writers to be as these left them.
func (s *stress) check() {
	s.t.Helper()
	for w := range s.want {
		for k := range s.want[w] {
			if err := s.mine(w, k); err != nil {
				s.t.Fatal(err)
			}
		}
	}
	if err := s.walkGroup(false); err != nil {
		s.t.Fatal(err)
	}
}

// families are settings that make trees of all kinds.
func families() map[string]map[string]string {
	return map[string]map[string]string{
		"leveled":     {},
		"tiered":      {"layout": "tiered"},
		"lazy":        {"layout": "lazy", "scheduler": "fifo"},
		"one-leveled": {"layout": "one-leveled", "movement": "oldest"},
		"fluid":       {"layout": "fluid", "granularity": "level"},
		"blobs":       {"separate_bytes": "100", "blob_garbage": "5", "compactions": "3"},
		"blocks": {
			"block_layout": "restarts", "compression": "zstd", "filter": "bloom",
			"filter_allocation": "monkey", "restart_interval": "3", "filter_prefix": "3",
		},
		"mapped": {"io": "mmap", "memtable_order": "eager", "filter": "fuse", "compression": "lz4"},
		"direct": {
			"io": "direct", "pipeline": "false", "cache_policy": "lru", "filter": "none",
			"compression": "snappy", "granularity": "file",
		},
		"no log": {"durability": "none", "movement": "most-tombstones", "separate_bytes": "16"},
	}
}

func TestWritersReadersSnapshotsAndMaintenanceDoNotDisturbEachOther(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	ops := 800
	if testing.Short() {
		ops = 200
	}
	for name, more := range families() {
		t.Run(name, func(t *testing.T) {
			fsys := vfs.NewMem()
			given := map[string]string{"memtable_bytes": "64k", "memory_bytes": "128k"}
			for k, v := range more {
				given[k] = v
			}
			s := &stress{t: t, e: openMem(t, fsys, given), seed: seed, ops: ops}
			s.run()
			s.check()
			flushes := s.e.work.flushes.Load()
			if t.Logf("%d flushes", flushes); flushes < 3 {
				t.Errorf("%d flushes: the tree hardly flushed", flushes)
			}
			closed(t, s.e)
			s.e = openMem(t, fsys, given)
			s.check()
		})
	}
}
