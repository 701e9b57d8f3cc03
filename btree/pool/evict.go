package pool

const (
	// evictBatch frames are chosen at a time, and lookBatch looked at, before
	// others get the lock.
	evictBatch = 32
	lookBatch  = 512

	// A frame is passed by at most 5 times: for each of 3 hits, for being
	// inner, and on its way from probation. Hits that come meanwhile are
	// ignored from then on.
	patience = 5
)

// Evict frees up to n clean frames, those that the policy lets go of first. For
// each it calls unlink with the frame and its page's id, outside of all locks,
// by which the mapping must stop naming the frame, or refuse: then the frame
// stays. While it is asked, the frame is Leaving and cannot be entered.
//
// It returns how many frames are on their way to be free: fewer than n only if
// it found no more that are clean. Those that the policy would have let go of
// but for being dirty come first in DirtyVictims afterwards.
//
// Many may evict at once.
func (p *Pool) Evict(n int, unlink func(f, page uint32) bool) (evicted int) {
	var batch [evictBatch]uint32
	var l look
	for evicted < n && !l.over {
		chosen := p.choose(batch[:0:min(n-evicted, evictBatch)], &l)
		evicted += p.unlink(chosen, unlink)
	}
	p.tally.looked.Add(int64(l.n))
	return evicted
}

// A look counts the frames that one call of Evict has looked at.
type look struct {
	n, soft, hard int  // from soft on hits do not count; at hard it ends
	over          bool // nothing more to be found
}

// choose appends to dst, up to its capacity, clean frames that are Leaving from
// now on.
func (p *Pool) choose(dst []uint32, l *look) []uint32 {
	p.ordering.Lock()
	defer p.ordering.Unlock()
	if l.hard == 0 {
		n := p.order.queues[probation].n + p.order.queues[settled].n
		l.soft, l.hard = patience*n, (patience+1)*n
	}
	for range lookBatch {
		if len(dst) == cap(dst) {
			return dst
		}
		if l.over = l.n >= l.hard; l.over {
			return dst
		}
		f, leaves := p.policy.step(l.n >= l.soft)
		if l.over = f == none; l.over {
			return dst
		}
		l.n++
		if !leaves {
			continue
		}
		if p.move(f, Clean, Leaving) {
			p.frames[f].version.Add(1)
			dst = append(dst, f)
		} else if p.frames[f].State() == Dirty {
			p.order.hold(f)
		} // else its owner is taking it out of the policy
	}
	return dst
}

// unlink asks for each frame that is Leaving, and retires it or lets it stay.
func (p *Pool) unlink(chosen []uint32, ask func(f, page uint32) bool) (gone int) {
	if len(chosen) == 0 {
		return 0
	}
	var left []uint32
	stay := chosen[:0]
	for _, f := range chosen {
		if !ask(f, p.frames[f].Page.Load()) {
			stay = append(stay, f)
			continue
		}
		if left == nil {
			left = make([]uint32, 0, len(chosen))
		}
		left = append(left, f)
	}
	p.ordering.Lock()
	for _, f := range left {
		p.policy.left(f, p.frames[f].Page.Load())
		p.move(f, Leaving, Limbo)
	}
	for _, f := range stay {
		p.frames[f].version.Add(1)
		p.move(f, Leaving, Clean)
		p.order.again(f)
	}
	p.ordering.Unlock()
	p.tally.evictions.Add(int64(len(left)))
	p.tally.refusals.Add(int64(len(stay)))
	p.retire(left)
	return len(left)
}

// walkFactor bounds DirtyVictims: in each queue it looks at so many frames for
// each it was asked for, and at walkFloor at least.
const walkFactor, walkFloor = 8, 256

// DirtyVictims appends up to n dirty frames to dst, about in the order in which
// the policy would let go of them: what should be cleaned so that Evict finds
// something. First those that Evict passed by only because they were dirty,
// then the oldest without hits, then the oldest. It changes nothing and looks
// at a bounded number of frames.
func (p *Pool) DirtyVictims(dst []uint32, n int) []uint32 {
	p.ordering.Lock()
	defer p.ordering.Unlock()
	bound := max(walkFactor*n, walkFloor)
	n += len(dst)
	var hot []uint32
	for _, id := range []queueID{held, probation, settled} {
		f := p.order.queues[id].tail
		for looked := 0; f != none && looked < bound && len(dst) < n; looked++ {
			switch {
			case p.frames[f].State() != Dirty:
			case id == held || !p.order.isHot(f):
				dst = append(dst, f)
			case len(hot) < n:
				hot = append(hot, f)
			}
			f = p.order.nodes[f].newer
		}
	}
	return append(dst, hot[:min(len(hot), n-len(dst))]...)
}
