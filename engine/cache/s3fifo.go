package cache

// s3fifo is S3-FIFO (Yang et al., "FIFO queues are all you need for cache
// eviction", SOSP 2023, algorithm 1): a small queue on probation, a main queue
// and a ghost of what probation let go, all first in, first out. Most blocks
// are touched once; they leave through the small queue without having
// displaced anything in the main one.
//
// What the paper leaves open, or counts in objects, is here:
//   - sizes are bytes as charged, and a share is one of the bytes that both
//     queues hold, which is the capacity whenever something has to leave;
//   - the small queue gives up a block while it holds a tenth or more, else
//     the main queue does;
//   - a block passes to the main queue if it was hit more than once since it
//     entered, and starts there with a frequency of zero;
//   - one block leaves per call. Where the paper evicts from the main queue to
//     make room for a promotion and then goes on in the small one, the owner
//     asks again if it needs more;
//   - the ghost remembers as many bytes as the main queue's share is, however
//     few that holds yet, and forgets a key that comes back.
type s3fifo struct {
	slab        *slab
	small, main queue
	ghost       ghost
	returned    uint64 // found in the ghost
}

const (
	smallShare   = 10 // the small queue's share is one in so many
	promoteAbove = 1  // hits
)

func newS3FIFO(s *slab) *s3fifo {
	return &s3fifo{
		slab:  s,
		small: queue{slab: s, id: queueSmall},
		main:  queue{slab: s, id: queueMain},
		ghost: ghost{mem: s.mem},
	}
}

func (p *s3fifo) admit(id uint32, hash uint64) {
	total := p.small.bytes + p.main.bytes
	if p.ghost.take(hash, total-total/smallShare) {
		p.returned++
		p.main.push(id)
		return
	}
	p.small.push(id)
}

func (p *s3fifo) expect(n int) (missing int64) { return p.ghost.reserve(n) }

func (p *s3fifo) touch(uint32) {}

func (p *s3fifo) remove(id uint32) {
	if p.slab.at(id).queue == queueSmall {
		p.small.remove(id)
	} else {
		p.main.remove(id)
	}
}

func (p *s3fifo) victim() uint32 {
	// A block is passed by at most four times: promoted once and then once per
	// hit. Readers may add hits meanwhile, so there is an end to patience.
	for patience := 4 * (p.small.n + p.main.n); ; patience-- {
		total := p.small.bytes + p.main.bytes
		fromSmall := p.main.n == 0 || p.small.bytes*smallShare >= total
		if p.small.n > 0 && fromSmall {
			if id := p.leaveSmall(patience <= 0); id != 0 {
				return id
			}
			continue
		}
		if p.main.n == 0 {
			return 0
		}
		if id := p.leaveMain(patience <= 0); id != 0 {
			return id
		}
	}
}

// leaveSmall lets go of the oldest block on probation, or promotes it and
// returns 0.
func (p *s3fifo) leaveSmall(force bool) uint32 {
	id := p.small.tail
	e := p.slab.at(id)
	p.small.remove(id)
	if e.freq.Load() > promoteAbove && !force {
		e.freq.Store(0)
		p.main.push(id)
		return 0
	}
	p.ghost.add(e.key.hash(), e.charge())
	return id
}

// leaveMain lets go of the oldest block of the main queue, or gives it another
// round for one of its hits and returns 0.
func (p *s3fifo) leaveMain(force bool) uint32 {
	id := p.main.tail
	e := p.slab.at(id)
	p.main.remove(id)
	if f := e.freq.Load(); f > 0 && !force {
		e.freq.Store(f - 1)
		p.main.push(id)
		return 0
	}
	return id
}

func (p *s3fifo) ghosts() (bytes int64, hits uint64) {
	return int64(cap(p.ghost.buf)), p.returned
}

func (p *s3fifo) release() { p.ghost.release() }
