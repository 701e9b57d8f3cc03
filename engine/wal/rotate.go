package wal

import (
	"context"
	"encoding/binary"
	"fmt"
)

// Rotate ends the segment that is being written: what is appended later goes
// to the next one. It does nothing where that segment has no record of a
// caller. The end is to be seen in Segments at once, and becomes durable with
// what is appended next, or by Sync.
//
// Appends go on meanwhile; those that come before Rotate returns are in either
// segment. Where the next one is not ready Rotate makes a small one, which it
// finishes also when ctx ends meanwhile. After an error the log goes on in the
// segment in which it was.
func (l *Log) Rotate(ctx context.Context) error {
	l.maintenance.Lock()
	defer l.maintenance.Unlock()
	if err := l.rotateNow(ctx); err != nil {
		return fmt.Errorf("rotate log: %w", err)
	}
	return nil
}

func (l *Log) rotateNow(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.usable(); err != nil {
		return err
	}
	for cur := l.current(); l.current() == cur && cur.filled; {
		if l.spare != nil {
			l.seal()
			return nil
		}
		l.nextSize = l.o.FirstBytes // one that is soon made: the caller waits
		l.mu.Unlock()
		err := ctx.Err()
		if err == nil {
			err = l.makeSpare(nil)
		}
		l.mu.Lock()
		if err == nil {
			err = l.usable()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// seal ends the current segment and goes on in the spare. mu is held.
func (l *Log) seal() {
	cur, next := l.current(), l.spare
	l.spare = nil
	l.retryAt = 0
	l.syncsAt = l.stats.Syncs
	l.addSystem(kindSeal, binary.LittleEndian.AppendUint32(nil, next.id))
	from := link{prev: cur.id, end: l.off}
	if h := l.syncs.Horizon(); h.Segment() == cur.id {
		from.durable = h.Offset()
	}
	l.begin(next, from)
}
