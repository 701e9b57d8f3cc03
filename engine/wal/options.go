package wal

import (
	"fmt"
	"math/bits"
)

// Options are fixed while a log is open and may differ at each Open. The zero
// value is what most callers want.
type Options struct {
	// SegmentBytes is the size of a full segment; 0 means 64 MiB. The first
	// segments of a log are smaller (FirstBytes, then twice the one before),
	// so that opening a log costs little. Records longer than a segment get
	// one of their own. Less: space comes back in smaller steps. More: fewer
	// files.
	SegmentBytes int64

	// FirstBytes is the size of the first segment; 0 means 1 MiB, or
	// SegmentBytes if that is less. It is made while Open waits.
	FirstBytes int64

	// Fill is what is done to segments before they are written.
	Fill Fill

	// Recycle is how many pruned segments are kept to be written again, which
	// spares the zero-fill; 0 means none. Callers that prune as fast as they
	// append (memtables) want 1 or 2.
	Recycle int

	// Commit chooses who writes and syncs.
	Commit Commit

	// BufferBytes is how much may be appended before it is handed to the
	// kernel without anybody waiting for it; 0 means 1 MiB. Append waits where
	// it is twice as much.
	BufferBytes int

	// AlignBytes, if not 0, pads each write to a multiple of it (a power of
	// two up to 4096), so that no block is written twice, but for the one in
	// which Truncate cuts or a recovered log ended. It costs space, and buys
	// safety on devices that tear a block that was durable before.
	AlignBytes int

	// Direct writes past the page cache, each write durable by itself
	// (O_DIRECT|O_DSYNC). A write without a wait for durability is then as
	// slow as one with it.
	Direct bool

	// From is where the caller's state ends and the log must go on: records
	// before it are not delivered, and segments before its segment are not
	// looked at: any of them may be missing. It must have been durable (see
	// Log.Durable) before the caller relied on it: a log that ends before From
	// is damaged.
	From LSN

	// Through is a position that the caller knows to have been durable, beyond
	// From: what it relies on lies below. A log that ends before is damaged.
	Through LSN

	// Complete says that nothing was ever pruned, so that a missing beginning
	// is damage. Without From and Complete it is taken for pruned. A directory
	// without any segment is a new log all the same: that one was there before
	// is for the caller to know.
	Complete bool

	// ReadOnly delivers the records and changes nothing. Only ReadAt, Segments
	// and Close work then.
	ReadOnly bool
}

// Fill is what is done to a segment before it is written. Syncing a write into
// blocks that have been written before needs no journal commit of the file
// system, which is a quarter to a third of the latency of an append.
type Fill uint8

const (
	// FillAuto is FillZero while callers wait for durability, else FillNone.
	FillAuto Fill = iota
	// FillZero writes zeros and syncs them, in the background.
	FillZero
	// FillReserve reserves the space, which keeps a segment in one piece.
	FillReserve
	// FillNone lets the file grow.
	FillNone
)

// Commit is who does the work that many wait for.
type Commit uint8

const (
	// CommitHandOff: the first who waits, who then tells the next.
	CommitHandOff Commit = iota
	// CommitFlusher: a goroutine of the log.
	CommitFlusher
	// CommitMixed is CommitHandOff, or CommitFlusher while many wait.
	CommitMixed
)

// crowdedWaiters is when CommitMixed turns to the flusher.
const crowdedWaiters = 32

func (c Commit) crowd() int {
	switch c {
	case CommitFlusher:
		return alwaysFlusher
	case CommitMixed:
		return crowdedWaiters
	}
	return neverFlusher
}

const (
	defaultSegmentBytes = 64 << 20
	minSegmentBytes     = 2 * headerBytes
	maxSegmentBytes     = 2 << 30
	firstSegmentBytes   = 1 << 20
	segmentGrowth       = 2
	defaultBufferBytes  = 1 << 20
)

// withDefaults returns o with zeros replaced, or says which field is wrong.
func (o Options) withDefaults() (Options, error) {
	if o.SegmentBytes == 0 {
		o.SegmentBytes = defaultSegmentBytes
	}
	if o.FirstBytes == 0 {
		o.FirstBytes = min(firstSegmentBytes, o.SegmentBytes)
	}
	if o.BufferBytes == 0 {
		o.BufferBytes = defaultBufferBytes
	}
	switch {
	case o.SegmentBytes < minSegmentBytes || o.SegmentBytes > maxSegmentBytes:
		return o, fmt.Errorf("wal: SegmentBytes is %d, must be %d to %d", o.SegmentBytes, minSegmentBytes, maxSegmentBytes)
	case o.FirstBytes < 0 || o.FirstBytes > o.SegmentBytes:
		return o, fmt.Errorf("wal: FirstBytes is %d, must be at most SegmentBytes, %d", o.FirstBytes, o.SegmentBytes)
	case o.Fill > FillNone:
		return o, fmt.Errorf("wal: Fill is %d, must be at most %d", o.Fill, FillNone)
	case o.Commit > CommitMixed:
		return o, fmt.Errorf("wal: Commit is %d, must be at most %d", o.Commit, CommitMixed)
	case o.Recycle < 0:
		return o, fmt.Errorf("wal: Recycle is %d, must not be negative", o.Recycle)
	case o.BufferBytes < 0:
		return o, fmt.Errorf("wal: BufferBytes is %d, must not be negative", o.BufferBytes)
	case o.AlignBytes < 0 || o.AlignBytes > headerBytes || bits.OnesCount(uint(o.AlignBytes)) > 1 || o.AlignBytes%recordAlign != 0:
		return o, fmt.Errorf("wal: AlignBytes is %d, must be 0 or a power of two from %d to %d", o.AlignBytes, recordAlign, headerBytes)
	}
	if o.AlignBytes == recordAlign { // records are aligned so anyway
		o.AlignBytes = 0
	}
	o.SegmentBytes &^= headerBytes - 1
	o.FirstBytes = max(minSegmentBytes, o.FirstBytes&^(headerBytes-1))
	return o, nil
}
