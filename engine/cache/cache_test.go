package cache

import (
	"bytes"
	"errors"
	"testing"

	"github.com/kvbench/kvbench/engine/epoch"
	"github.com/kvbench/kvbench/engine/offheap"
)

func eachPolicy(t *testing.T, f func(t *testing.T, policy string)) {
	for _, p := range Policies() {
		t.Run(p, func(t *testing.T) { f(t, p) })
	}
}

func TestABlockThatWasInsertedIsFound(t *testing.T) {
	eachPolicy(t, func(t *testing.T, policy string) {
		c := newCache(t, Options{Bytes: 1 << 20, Policy: policy})
		for i, n := range []int{1, 63, 64, 65, 4096, 5000, 100000} {
			k := Key{7, uint64(i)}
			insert(t, c, k, n, Normal)
			g := c.Domain().Pin()
			b, ok := c.Get(k)
			want := make([]byte, n)
			fillBlock(want, k, 0)
			if !ok || !bytes.Equal(b, want) {
				t.Errorf("block of %d bytes: found %v, %d bytes", n, ok, len(b))
			}
			g.Unpin()
			if has(t, c, Key{8, uint64(i)}) || has(t, c, Key{7, uint64(i) + 100}) {
				t.Error("another key was found")
			}
		}
	})
}

func TestAPresentBlockIsNotReadAgain(t *testing.T) {
	c := newCache(t, Options{Bytes: 1 << 20})
	k := Key{1, 2}
	insert(t, c, k, 100, Normal)
	h, err := c.Insert(k, 100, Normal, func([]byte) error {
		t.Error("read again")
		return nil
	})
	if err != nil || checkBlock(h.Bytes(), k) != nil {
		t.Error(err, h.Bytes())
	}
	h.Release()
}

func TestAFailedFillLeavesNoTrace(t *testing.T) {
	for _, bytes := range []int64{0, 1 << 20} {
		c := newCache(t, Options{Bytes: bytes})
		k := Key{1, 2}
		_, err := c.Insert(k, 4096, Normal, func([]byte) error { return errFill })
		if !errors.Is(err, errFill) {
			t.Errorf("error %v", err)
		}
		if has(t, c, k) {
			t.Error("found")
		}
		if used := c.Stats().UsedBytes; used != 0 {
			t.Errorf("%d bytes are still charged", used)
		}
		insert(t, c, k, 4096, Normal)
	}
}

func TestAFillThatPanicsLeavesNoTrace(t *testing.T) {
	c := newCache(t, Options{Bytes: 1 << 20, Coalesce: true})
	k := Key{1, 2}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("no panic arrived")
			}
		}()
		h, err := c.Insert(k, 4096, Normal, func([]byte) error { panic("fill") })
		t.Error(h, err)
	}()
	insert(t, c, k, 4096, Normal)
	if !has(t, c, k) {
		t.Error("the next Insert failed")
	}
}

func TestACacheOfZeroBytesOnlyReads(t *testing.T) {
	eachPolicy(t, func(t *testing.T, policy string) {
		c := newCache(t, Options{Policy: policy})
		for i := range uint64(10) {
			insert(t, c, Key{1, i}, 4096, Admission(i%3))
			if has(t, c, Key{1, i}) {
				t.Error("found")
			}
		}
		if st := c.Stats(); st.UsedBytes != 0 || st.Bypassed+st.ScansRejected != 10 {
			t.Errorf("%+v", st)
		}
	})
}

func TestABlockLargerThanTheCacheIsServedAndNotKept(t *testing.T) {
	c := newCache(t, Options{Bytes: 64 << 10, Shards: 1})
	small := Key{1, 1}
	insert(t, c, small, 1000, Normal)
	big := Key{1, 2}
	insert(t, c, big, 65<<10, Normal)
	insert(t, c, big, 65<<10, High.For(Index))
	insert(t, c, big, 65<<10, Scan)
	if has(t, c, big) {
		t.Error("the large block is there")
	}
	if !has(t, c, small) {
		t.Error("the large block displaced another")
	}
}

func TestHandlesOutliveEvictionEraseAndClose(t *testing.T) {
	c, err := New(Options{Bytes: 256 << 10, Shards: 1})
	if err != nil {
		t.Fatal(err)
	}
	held := []Key{{1, 1}, {1, 2}}
	var handles []Handle
	for _, k := range held {
		insert(t, c, k, 4096, Normal)
		h, ok := c.Acquire(k)
		if !ok {
			t.Fatal("not there")
		}
		handles = append(handles, h)
	}
	if st := c.Stats(); st.PinnedBytes != 2*4096 || st.HeldBytes != 0 {
		t.Errorf("%+v", st)
	}
	c.Erase(held[0])
	for i := range uint64(500) {
		insert(t, c, Key{2, i}, 4096, Normal)
	}
	if has(t, c, held[0]) || has(t, c, held[1]) {
		t.Fatal("the blocks are still there")
	}
	if st := c.Stats(); st.PinnedBytes != 2*4096 || st.HeldBytes != 2*4096 {
		t.Errorf("%+v", st)
	}
	if err := c.Close(); !errors.Is(err, ErrHeld) {
		t.Errorf("Close with handles: %v", err)
	}
	for i, k := range held {
		if err := checkBlock(handles[i].Bytes(), k); err != nil {
			t.Error(err)
		}
		handles[i].Release()
		handles[i].Release() // a second one does nothing
	}
	if err := c.Close(); err != nil {
		t.Errorf("Close without handles: %v", err)
	}
	if err := c.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

func TestAClosedCacheFindsAndKeepsNothing(t *testing.T) {
	d := epoch.NewDomain()
	c := newCache(t, Options{Bytes: 1 << 20, Domain: d})
	insert(t, c, Key{1, 1}, 100, Normal)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if has(t, c, Key{1, 1}) {
		t.Error("found")
	}
	if _, ok := c.Acquire(Key{1, 1}); ok {
		t.Error("acquired")
	}
	if _, err := c.Insert(Key{1, 1}, 100, Normal, nil); !errors.Is(err, ErrClosed) {
		t.Errorf("Insert: %v", err)
	}
	if err := c.Resize(1); !errors.Is(err, ErrClosed) {
		t.Errorf("Resize: %v", err)
	}
	c.Erase(Key{1, 1})
	c.EraseFile(1)
	_ = c.Stats()
}

func TestAnInsertUnderWayAtCloseKeepsItsBlock(t *testing.T) {
	c, err := New(Options{Bytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	k := Key{1, 1}
	h, err := c.Insert(k, 5000, Normal, func(b []byte) error {
		if err := c.Close(); !errors.Is(err, ErrHeld) {
			t.Errorf("Close during Insert: %v", err)
		}
		fillBlock(b, k, 0)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); !errors.Is(err, ErrHeld) {
		t.Errorf("Close with a handle: %v", err)
	}
	if err := checkBlock(h.Bytes(), k); err != nil {
		t.Error(err)
	}
	if has(t, c, k) {
		t.Error("a closed cache found it")
	}
	h.Release()
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

func TestADyingBlockIsNotAcquired(t *testing.T) {
	var e entry
	if first, ok := e.acquire(); first || ok || e.refs.Load() != 0 {
		t.Errorf("acquired: %v, %v, %d references", first, ok, e.refs.Load())
	}
}

func TestAScannedBlockLargerThanTheRingIsServedAndNotKept(t *testing.T) {
	c := newCache(t, Options{Bytes: 1 << 20, Shards: 1})
	insert(t, c, Key{1, 1}, 1000, Scan)
	insert(t, c, Key{1, 2}, 1<<20/scanShare+1, Scan)
	if !has(t, c, Key{1, 1}) || has(t, c, Key{1, 2}) {
		t.Error("the large block displaced the other")
	}
	if st := c.Stats(); st.ScansRejected != 1 {
		t.Errorf("%+v", st)
	}
}

func TestAGhostGetsItsMemoryFromAFullCache(t *testing.T) {
	c := newCache(t, Options{Bytes: 4 << 20, Shards: 1})
	s := &c.shards[0]
	for n := 16 << 10; n >= 64; n /= 4 {
		for i := range 2 * (4 << 20) / (n + 76) {
			insert(t, c, Key{uint64(n), uint64(i)}, n, Normal)
		}
		slots := len(s.policy.(*s3fifo).ghost.slots)
		if s.missing != 0 || slots < s.blocks {
			t.Errorf("blocks of %d bytes: %d of them, %d slots, %d bytes missing", n, s.blocks, slots, s.missing)
		}
	}
}

func TestErasedBlocksAreGoneAndOthersStay(t *testing.T) {
	c := newCache(t, Options{Bytes: 8 << 20, Shards: 4})
	for _, a := range []Admission{Normal, Scan, High.For(Filter)} {
		for i := range uint64(20) {
			insert(t, c, Key{uint64(a), i}, 300, a)
		}
	}
	c.Erase(Key{0, 3})
	c.Erase(Key{0, 3333})
	for file := range uint64(64) {
		if file != 0 {
			c.EraseFile(file)
		}
	}
	for _, a := range []Admission{Normal, Scan, High.For(Filter)} {
		for i := range uint64(20) {
			want := a == 0 && i != 3
			if got := has(t, c, Key{uint64(a), i}); got != want {
				t.Errorf("admission %d block %d: found %v", a, i, got)
			}
		}
	}
	if st := c.Stats(); st.Blocks != 19 {
		t.Errorf("%+v", st)
	}
}

func TestAnEraseStopsInsertsUnderWay(t *testing.T) {
	c := newCache(t, Options{Bytes: 1 << 20})
	for i, erase := range []func(){
		func() { c.Erase(Key{1, 0}) },
		func() { c.EraseFile(1) },
		func() { c.Erase(Key{2, 2}); c.EraseFile(2) }, // others
	} {
		k := Key{1, uint64(i)}
		h, err := c.Insert(k, 200, Normal, func(b []byte) error {
			erase()
			fillBlock(b, k, 0)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := checkBlock(h.Bytes(), k); err != nil {
			t.Error(err)
		}
		h.Release()
		if got, want := has(t, c, k), i == 2; got != want {
			t.Errorf("erasure %d: found %v", i, got)
		}
	}
}

func TestOfTwoInsertsOneBlockStays(t *testing.T) {
	c := newCache(t, Options{Bytes: 1 << 20})
	k := Key{1, 1}
	var inner Handle
	outer, err := c.Insert(k, 200, Normal, func(b []byte) error {
		var err error
		inner, err = c.Insert(k, 200, Normal, func(b []byte) error {
			fillBlock(b, k, 1)
			return nil
		})
		fillBlock(b, k, 2)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if version(outer.Bytes()) != 1 || &outer.Bytes()[0] != &inner.Bytes()[0] {
		t.Errorf("two blocks: versions %d and %d", version(outer.Bytes()), version(inner.Bytes()))
	}
	outer.Release()
	inner.Release()
	if st := c.Stats(); st.Blocks != 1 || st.PinnedBytes != 0 {
		t.Errorf("%+v", st)
	}
}

func TestScansDisplaceOnlyOneAnother(t *testing.T) {
	eachPolicy(t, func(t *testing.T, policy string) {
		c := newCache(t, Options{Bytes: 4 << 20, Shards: 1, Policy: policy, BlockBytes: 4096})
		hot := c.fillUp(t)
		for i := range uint64(5000) {
			insert(t, c, Key{2, i}, 4096, Scan)
		}
		// The ring itself takes its share once, and so do its entries.
		gone := 0
		for _, k := range hot {
			if !has(t, c, k) {
				gone++
			}
		}
		if most := (4<<20)/scanShare/4096 + 8; gone > most {
			t.Errorf("%d of %d blocks are gone, more than %d", gone, len(hot), most)
		}
		if !has(t, c, Key{2, 4999}) {
			t.Error("the last scanned block is not there")
		}
	})
}

// fillUp inserts blocks of 4 KiB until just before one has to leave.
func (c *Cache) fillUp(t testing.TB) (keys []Key) {
	for i := uint64(0); ; i++ {
		s := &c.shards[0]
		if s.fixed()+s.resident+s.reserve+4096 > s.limit {
			return keys
		}
		k := Key{1, i}
		insert(t, c, k, 4096, Normal)
		keys = append(keys, k)
	}
}

func TestAScannedBlockThatIsTouchedAgainStays(t *testing.T) {
	c := newCache(t, Options{Bytes: 4 << 20, Shards: 1})
	k := Key{1, 1}
	insert(t, c, k, 4096, Scan)
	if !has(t, c, k) {
		t.Fatal("not there")
	}
	for i := range uint64(100) {
		insert(t, c, Key{2, i}, 4096, Scan)
	}
	if !has(t, c, k) {
		t.Error("it went with the others")
	}
	if has(t, c, Key{2, 0}) {
		t.Error("one that was not touched stayed")
	}
}

func TestBlocksOfHighPriorityStayWithinTheirQuota(t *testing.T) {
	eachPolicy(t, func(t *testing.T, policy string) {
		o := Options{Bytes: 4 << 20, Shards: 1, Policy: policy}
		o.Quotas[Filter] = -1
		o.Quotas[Index] = 512 << 10
		c := newCache(t, o)
		for i := range uint64(100) {
			insert(t, c, Key{1, i}, 4096, High.For(Index))  // within
			insert(t, c, Key{2, i}, 4096, High.For(Filter)) // without any
		}
		for i := range uint64(5000) {
			insert(t, c, Key{3, i}, 4096, Normal)
		}
		index, filter := 0, 0
		for i := range uint64(100) {
			if has(t, c, Key{1, i}) {
				index++
			}
			if has(t, c, Key{2, i}) {
				filter++
			}
		}
		if index != 100 || filter != 0 {
			t.Errorf("%d blocks of 100 within the quota stayed, %d without", index, filter)
		}
		for i := range uint64(1000) {
			insert(t, c, Key{4, i}, 4096, High.For(Index))
		}
		if b := c.shards[0].high[Index].bytes; b > 512<<10 {
			t.Errorf("%d bytes of high priority", b)
		}
		if !has(t, c, Key{4, 999}) || has(t, c, Key{1, 0}) {
			t.Error("an idle block stayed, or the newest did not")
		}
	})
}

func TestResizeEvictsAndGrows(t *testing.T) {
	eachPolicy(t, func(t *testing.T, policy string) {
		c := newCache(t, Options{Bytes: 4 << 20, Shards: 2, Policy: policy})
		for round, bytes := range []int64{4 << 20, 1 << 20, 8 << 20, 0, 64 << 10, 1 << 20} {
			if err := c.Resize(bytes); err != nil {
				t.Fatal(err)
			}
			if used := c.Stats().UsedBytes; used > bytes {
				t.Errorf("round %d: %d bytes used after Resize to %d", round, used, bytes)
			}
			for i := range uint64(2000) {
				insert(t, c, Key{uint64(round), i}, 1000+2*int(i), Normal)
				if used := c.Stats().UsedBytes; used > bytes {
					t.Fatalf("round %d: %d of %d bytes used", round, used, bytes)
				}
			}
			st := c.Stats()
			var in int64
			for _, n := range st.BlockBytes {
				in += n
			}
			if in < bytes/2 {
				t.Errorf("round %d: %d of %d bytes are blocks: %+v", round, in, bytes, st)
			}
		}
	})
}

func TestACacheGivesWayWhereABudgetAboveRefuses(t *testing.T) {
	all := offheap.NewBudget(2 << 20)
	c := newCache(t, Options{Bytes: 2 << 20, Shards: 1, Budget: all})
	for i := range uint64(1000) {
		insert(t, c, Key{1, i}, 4096, Normal)
	}
	room := all.Limit() - all.Used()
	if !all.Reserve(room) {
		t.Fatal("no room for the rest")
	}
	before := c.Stats()
	for i := range uint64(100) {
		insert(t, c, Key{2, i}, 4096, Normal)
		insert(t, c, Key{2, i}, 4096, Normal)
	}
	after := c.Stats()
	if after.Inserts[Data] == before.Inserts[Data] {
		t.Errorf("nothing entered any more: %+v", after)
	}
	if all.Used() > all.Limit() {
		t.Errorf("%d of %d bytes used", all.Used(), all.Limit())
	}
	all.Release(room)
}

func TestBlocksOfManySizesAndManySmallOnesFit(t *testing.T) {
	// From large blocks to ever smaller ones: tables grow while memory is
	// full.
	for _, bytes := range []int64{256 << 10, 2 << 20} {
		c := newCache(t, Options{Bytes: bytes, Shards: 1})
		for n := 16 << 10; n >= 64; n /= 4 {
			count := 2 * int(bytes) / (n + 76)
			for i := range count {
				insert(t, c, Key{uint64(n), uint64(i)}, n, Normal)
				if used := c.Stats().UsedBytes; used > bytes {
					t.Fatalf("%d bytes used", used)
				}
			}
			found := 0
			for i := range count {
				if has(t, c, Key{uint64(n), uint64(i)}) {
					found++
				}
			}
			if found < count/4 { // a table may just have grown
				t.Errorf("%d bytes of blocks of %d: %d of %d are there: %+v", bytes, n, found, count, c.Stats())
			}
		}
	}
}

func TestWrongOptionsAndArgumentsAreErrors(t *testing.T) {
	for _, o := range []Options{
		{Policy: "random"},
		{Shards: 3},
		{Shards: -1},
		{SampleRate: 2},
		{SampleRate: -1},
		{SampleKeys: -1},
		{BlockBytes: -1},
	} {
		if _, err := New(o); err == nil {
			t.Errorf("no error for %+v", o)
		}
	}
	c := newCache(t, Options{Bytes: 1 << 20})
	for _, n := range []int{0, -1, MaxBlock + 1} {
		if _, err := c.Insert(Key{}, n, Normal, nil); err == nil {
			t.Errorf("no error for %d bytes", n)
		}
	}
	for _, a := range []Admission{3, Normal.For(Class(Classes))} {
		if _, err := c.Insert(Key{}, 1, a, nil); err == nil {
			t.Errorf("no error for admission %d", a)
		}
	}
}

func TestAHitAllocatesNothing(t *testing.T) {
	eachPolicy(t, func(t *testing.T, policy string) {
		c := newCache(t, Options{Bytes: 1 << 20, Policy: policy, SampleRate: 1})
		k := Key{1, 1}
		insert(t, c, k, 4096, Normal)
		d := c.Domain()
		if n := testing.AllocsPerRun(100, func() {
			g := d.Pin()
			if _, ok := c.Get(k); !ok {
				t.Error("not there")
			}
			g.Unpin()
			h, _ := c.Acquire(k)
			h.Release()
		}); n != 0 {
			t.Errorf("%v allocations", n)
		}
	})
}

func TestWhatABlockCostsIsWhatTheAllocatorCharges(t *testing.T) {
	b := offheap.NewBudget(0)
	m := memory{offheap.NewAllocator(offheap.Options{Budget: b})}
	for n := 1; n < 3<<20; n += 1 + n/33 {
		mem := m.alloc(n)
		if got, want := chargeOf(n), b.Used(); got != want || int64(cap(mem)) != want {
			t.Fatalf("%d bytes: charge %d, capacity %d, the budget says %d", n, got, cap(mem), want)
		}
		m.free(mem)
	}
	if entryBytes != 48 || bucketBytes != 64 {
		t.Errorf("an entry takes %d bytes and a bucket %d", entryBytes, bucketBytes)
	}
}

func TestStatsCountEachThingOnce(t *testing.T) {
	c := newCache(t, Options{Bytes: 1 << 20})
	has(t, c, Key{1, 1})
	insert(t, c, Key{1, 1}, 100, Normal)
	insert(t, c, Key{1, 2}, 100, High.For(Index))
	has(t, c, Key{1, 1})
	has(t, c, Key{1, 2})
	has(t, c, Key{1, 2})
	st := c.Stats()
	if st.Misses != 1 || st.Hits != [Classes]uint64{Data: 1, Index: 2} ||
		st.Inserts != [Classes]uint64{Data: 1, Index: 1} || st.Evictions != [Classes]uint64{} ||
		st.Blocks != 2 || st.BlockBytes != [Classes]int64{Data: 128, Index: 128} ||
		st.UsedBytes != 256+st.MetaBytes || st.LimitBytes != 1<<20 {
		t.Errorf("%+v", st)
	}
}
