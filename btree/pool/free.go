package pool

import (
	"context"
	"fmt"
	"runtime"
	"time"
)

// Take takes a free frame for a page that is to be loaded or made. Its memory
// holds anything. False: none is free now; evict some.
func (p *Pool) Take() (f uint32, ok bool) {
	if f, ok = p.take(p.reserve); ok || p.count[Limbo].Load() == 0 {
		return f, ok
	}
	p.domain.Reclaim()
	return p.take(p.reserve)
}

// TakeReserve is Take for the writer, who must be able to end what it began: it
// takes from the frames kept in reserve, too.
func (p *Pool) TakeReserve() (f uint32, ok bool) {
	if f, ok = p.take(0); !ok && p.count[Limbo].Load() > 0 {
		p.domain.Reclaim()
		f, ok = p.take(0)
	}
	if ok {
		p.tally.reserveTakes.Add(1)
	}
	return f, ok
}

// Limit has Take give out no more than n frames at once from now on, besides
// those in reserve, fewer than there are.
func (p *Pool) Limit(n int) {
	p.freeing.Lock()
	p.limit = n
	p.freeing.Unlock()
}

// take takes a frame if more than keep are left.
func (p *Pool) take(keep int) (f uint32, ok bool) {
	p.freeing.Lock()
	defer p.freeing.Unlock()
	if !p.available(keep) || keep > 0 && p.limit > 0 && p.used >= p.limit {
		return 0, false
	}
	// Frames that were used before, so that no more memory is touched than
	// needed.
	if n := len(p.free); n > 0 {
		f = p.free[n-1]
		p.free = p.free[:n-1]
	} else {
		f = uint32(p.fresh)
		p.fresh++
	}
	p.used++
	return f, p.move(f, Free, Private)
}

// available says whether more than keep frames are free and have memory, which
// it maps if need be. So while that fails, those in reserve still have theirs.
// The caller holds freeing.
func (p *Pool) available(keep int) bool {
	if p.closed {
		return false
	}
	for p.mapped-p.used <= keep {
		if !p.grow() {
			return false
		}
	}
	return true
}

// Give frees a private frame that nobody else has seen, at once. False: it is
// not private.
func (p *Pool) Give(f uint32) bool {
	if p.frames[f].State() != Private {
		return false
	}
	p.frames[f].forget()
	p.freeing.Lock()
	defer p.freeing.Unlock()
	if !p.move(f, Private, Free) {
		return false
	}
	p.put(f)
	p.announce()
	return true
}

// Retire frees frames that are dirty or frozen and that nobody can find any
// more, as soon as all who may be in them have left. It copies fs. Frames in
// other states are refused; it returns how many were not.
//
// A dirty frame must not be locked. Its page was unlinked after MarkDirty, or
// whoever evicts it would find it unlinked and keep the frame for ever.
func (p *Pool) Retire(fs []uint32) (retired int) {
	if len(fs) == 0 {
		return 0
	}
	gone := make([]uint32, 0, len(fs))
	for _, f := range fs {
		switch {
		case p.move(f, Frozen, Limbo):
		case p.move(f, Dirty, Limbo):
			p.forsake(f)
		default:
			continue
		}
		p.frames[f].version.Add(1) // odd until it is free
		gone = append(gone, f)
	}
	p.retire(gone)
	return len(gone)
}

// retire hands frames in limbo to the domain. It keeps fs.
func (p *Pool) retire(fs []uint32) {
	if len(fs) > 0 {
		p.domain.Retire(len(fs)<<p.pageBits, func() { p.release(fs) })
	}
}

// release frees frames that nobody is in any more.
func (p *Pool) release(fs []uint32) {
	p.freeing.Lock()
	defer p.freeing.Unlock()
	if p.closed {
		return
	}
	for _, f := range fs {
		p.spoil(f)
		p.frames[f].forget()
		p.frames[f].version.Add(1)
		p.move(f, Limbo, Free)
		p.put(f)
	}
	p.announce()
}

// put adds to the free list. The caller holds freeing.
func (p *Pool) put(f uint32) {
	p.free = append(p.free, f)
	p.used--
}

// announce wakes who waits for a free frame. The caller holds freeing.
func (p *Pool) announce() {
	if p.freed != nil {
		close(p.freed)
		p.freed = nil
	}
}

const (
	// A waiter yields at first, then it sleeps for twice as long each time.
	// Frames that come free wake it; the sleep is for pins that end without
	// a word.
	waitYields = 8
	waitFirst  = 20 * time.Microsecond
	waitMost   = time.Millisecond
)

// AwaitFree waits until Take would succeed, or until ctx ends: then its error
// says where the frames are. It evicts nothing itself. The caller must not be pinned, nor hold what
// others need to evict, clean or retire; whether others take the frame first is
// for Take to say.
func (p *Pool) AwaitFree(ctx context.Context) error {
	p.tally.waits.Add(1)
	pause := waitFirst
	for try := 0; ; try++ {
		p.domain.Reclaim()
		freed := p.watch()
		if freed == nil {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return p.noneFree(err)
		}
		if try < waitYields {
			runtime.Gosched()
			continue
		}
		timer := time.NewTimer(pause)
		select {
		case <-freed:
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
		pause = min(2*pause, waitMost)
	}
}

// watch returns a channel that is closed when a frame comes free, or nil if
// one is.
func (p *Pool) watch() <-chan struct{} {
	p.freeing.Lock()
	defer p.freeing.Unlock()
	if p.available(p.reserve) {
		return nil
	}
	if p.freed == nil {
		p.freed = make(chan struct{})
	}
	return p.freed
}

func (p *Pool) noneFree(cause error) error {
	p.freeing.Lock()
	defer p.freeing.Unlock()
	err := fmt.Errorf("btree/pool: wait for a free frame: %+v: %w", p.Counts(), cause)
	if p.mapError != nil {
		err = fmt.Errorf("%w; and %w", err, p.mapError)
	}
	return err
}
