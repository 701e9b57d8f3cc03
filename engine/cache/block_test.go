package cache

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"testing"

	"github.com/kvbench/kvbench/engine/offheap"
)

// Blocks in tests describe themselves: key, length and version, then bytes
// drawn from these, then a checksum of all. Blocks too small for that hold the
// first bytes of it.
const blockHead = 32

func fillBlock(b []byte, k Key, version uint64) {
	var head [blockHead]byte
	binary.LittleEndian.PutUint64(head[0:], k.File)
	binary.LittleEndian.PutUint64(head[8:], k.Offset)
	binary.LittleEndian.PutUint64(head[16:], version)
	binary.LittleEndian.PutUint64(head[24:], uint64(len(b)))
	n := copy(b, head[:])
	if n < blockHead || len(b) < blockHead+4 {
		return
	}
	r := rand.NewPCG(k.hash(), version)
	body := b[blockHead : len(b)-4]
	for i := 0; i < len(body); i += 64 {
		body[i] = byte(r.Uint64())
	}
	for i := range body {
		if i%64 != 0 {
			body[i] = byte(i)
		}
	}
	binary.LittleEndian.PutUint32(b[len(b)-4:], crc32.ChecksumIEEE(b[:len(b)-4]))
}

// checkBlock reports whether b is what fillBlock made for the key.
func checkBlock(b []byte, k Key) error {
	if len(b) < blockHead+4 {
		return nil
	}
	file, offset := binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])
	if file != k.File || offset != k.Offset {
		return fmt.Errorf("block of %d/%d instead of %d/%d", file, offset, k.File, k.Offset)
	}
	if n := binary.LittleEndian.Uint64(b[24:]); n != uint64(len(b)) {
		return fmt.Errorf("block %d/%d has %d bytes instead of %d", file, offset, len(b), n)
	}
	if crc32.ChecksumIEEE(b[:len(b)-4]) != binary.LittleEndian.Uint32(b[len(b)-4:]) {
		return fmt.Errorf("block %d/%d was overwritten", file, offset)
	}
	return nil
}

func version(b []byte) uint64 { return binary.LittleEndian.Uint64(b[16:]) }

// newCache returns a cache that is closed, and checked for leaks, at the end
// of the test.
func newCache(t testing.TB, o Options) *Cache {
	t.Helper()
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		offheap.CheckLeaks(t, c.mem.Allocator)
		if used := c.budget.Used(); used != 0 {
			t.Errorf("the budget still counts %d bytes", used)
		}
	})
	return c
}

// insert inserts a block that describes itself and releases it.
func insert(t testing.TB, c *Cache, k Key, n int, a Admission) {
	t.Helper()
	h, err := c.Insert(k, n, a, func(b []byte) error {
		fillBlock(b, k, 0)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := checkBlock(h.Bytes(), k); err != nil {
		t.Fatal(err)
	}
	h.Release()
}

// has reports whether the block is there, and that it is the right one.
func has(t testing.TB, c *Cache, k Key) bool {
	t.Helper()
	g := c.Domain().Pin()
	defer g.Unpin()
	b, ok := c.Get(k)
	if ok {
		if err := checkBlock(b, k); err != nil {
			t.Fatal(err)
		}
	}
	return ok
}

var errFill = errors.New("disk on fire")

// newPureSlab returns a slab without a cache.
func newPureSlab() *slab {
	return &slab{mem: memory{offheap.NewAllocator(offheap.Options{})}}
}

func offheapClosed(t testing.TB, s *slab) {
	t.Helper()
	s.release()
	if err := s.mem.Close(); err != nil {
		t.Error(err)
	}
}
