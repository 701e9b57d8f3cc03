package wal

import (
	"context"
	"errors"
	"time"
)

// startBackground starts the log's goroutines. They end with stop; Close waits
// for them.
func (l *Log) startBackground() {
	l.done.Go(l.keepSpare)
	l.done.Go(l.drainBuffer)
	if l.o.Commit != CommitHandOff {
		l.done.Go(func() { l.writes.flush(l.stop) })
		l.done.Go(func() { l.syncs.flush(l.stop) })
	}
}

func (l *Log) endBackground() {
	if l.stop != nil {
		close(l.stop)
		l.writes.end(ErrClosed) // drainBuffer may be waiting
		l.syncs.end(ErrClosed)
		l.done.Wait()
	}
}

// drainBuffer writes what was appended and nobody waits for, once it is much.
func (l *Log) drainBuffer() {
	for {
		select {
		case <-l.stop:
			return
		case <-l.drain:
			l.writes.Wait(context.Background(), l.End()-1) // poisons by itself
		}
	}
}

// keepSpare makes a spare segment whenever one is wanted.
func (l *Log) keepSpare() {
	for {
		select {
		case <-l.stop:
			return
		case <-l.prepare:
			l.makeSpare(l.pace) // counted; the next append past retryAt asks again
		}
	}
}

// wantsSpare reports whether it is time to make a spare, once. mu is held.
func (l *Log) wantsSpare() bool {
	if l.spare != nil || l.making || l.off < l.retryAt || float64(l.off) < paceFrom*float64(l.current().size) {
		return false
	}
	l.making = true
	return true
}

// makeSpare makes the segment that is written next, unless there is one. An
// error of the disk does not fail the log: it goes on in the current segment,
// and asks again after a while.
func (l *Log) makeSpare(pace func(done, size int64) error) error {
	if pace == nil { // then somebody waits, also for one that is being made
		l.hurried.Add(1)
		defer l.hurried.Add(-1)
		signal(l.advance)
	}
	l.makingOne.Lock()
	defer l.makingOne.Unlock()
	l.mu.Lock()
	if l.spare != nil || l.closed || l.poisoned() != nil {
		l.making = false
		l.mu.Unlock()
		return nil
	}
	l.making = true
	id, size, fill := l.nextID, l.nextSize, l.chooseFill()
	l.nextID++
	l.mu.Unlock()

	s, err := l.makeSegment(id, size, fill, pace)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.making = false
	if err != nil {
		if !errors.Is(err, errStopped) {
			l.stats.PrepareErrors++
		}
		l.retryAt = l.off + l.o.SegmentBytes/8
		return err
	}
	l.spare = s
	l.grow(s.size)
	l.stats.Prepared++
	return nil
}

// grow makes the segment after one of size bytes larger. mu is held.
func (l *Log) grow(size int64) { l.nextSize = min(l.o.SegmentBytes, size*segmentGrowth) }

// chooseFill resolves FillAuto by what the current segment saw. mu is held.
func (l *Log) chooseFill() Fill {
	if l.o.Fill != FillAuto {
		return l.o.Fill
	}
	const bytesPerSync = 1 << 20 // zeros are not worth it for rarer syncs
	syncs := int64(l.stats.Syncs - l.syncsAt)
	if l.o.Direct || syncs > 0 && l.off/syncs <= bytesPerSync {
		return FillZero
	}
	return FillNone
}

var errStopped = errors.New("log is being closed")

// The fill of the spare goes on while the log goes from one to the other of
// these parts of the current segment.
const (
	paceFrom = 0.125
	paceTo   = 0.875
)

// pace lets the fill of the spare advance with the log, so that what it writes
// is spread among what the log writes. Where somebody waits for the spare, the
// log may not advance until it is there.
func (l *Log) pace(done, size int64) error {
	l.paced.Store(true)
	defer l.paced.Store(false)
	for {
		l.mu.Lock()
		c := l.current().size
		early := l.hurried.Load() == 0 && float64(l.off) < float64(c)*(paceFrom+(paceTo-paceFrom)*float64(done)/float64(size))
		l.mu.Unlock()
		select {
		case <-l.stop:
			return errStopped
		default:
		}
		if !early {
			return nil
		}
		select {
		case <-l.stop:
			return errStopped
		case <-l.advance:
		}
	}
}

// Stats are counts since Open, but where they say otherwise.
type Stats struct {
	Records      uint64 // of the caller
	BytesIn      uint64 // payload
	BytesWritten uint64 // with framing and padding, without zeros ahead
	BytesZeroed  uint64 // written ahead of the log

	Writes      uint64        // groups handed to the kernel
	Syncs       uint64        // of segments
	SyncTime    time.Duration // spent in them
	SyncWaits   uint64        // calls that waited for durability
	SyncsShared uint64        // of those, how many needed no sync of their own

	Rotations     uint64 // segments begun
	Prepared      uint64 // segments made in the background
	Recycled      uint64 // of all made, how many had been pruned before
	PrepareErrors uint64
	Stretched     uint64 // records put behind a segment's end, the next not being ready

	Segments  int   // now
	BytesLive int64 // now: in all segments, but those before Options.From
	Buffered  int   // now: bytes appended that no write has taken yet
}

// Stats returns the log's counts. It does not allocate.
func (l *Log) Stats() Stats {
	waits, works := l.syncs.counts()
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.stats
	s.BytesZeroed = l.zeroed.Load()
	s.SyncWaits = waits
	s.SyncsShared = waits - min(waits, works)
	s.Segments = len(l.segments)
	s.Buffered = l.buffered
	for _, seg := range l.segments {
		s.BytesLive += seg.end - headerBytes
	}
	if len(l.segments) > 0 {
		s.BytesLive += l.off - l.current().end
	}
	return s
}
