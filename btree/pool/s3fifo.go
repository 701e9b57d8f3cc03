package pool

// s3fifo is S3-FIFO (Yang et al., "FIFO queues are all you need for cache
// eviction", SOSP 2023, algorithm 1): new pages are on probation in a small
// queue; those that were hit more than once settle in the main one, as do those
// that come back soon after they left. What a scan brings leaves through the
// small queue and displaces nothing in the main one.
//
// What the paper leaves open is here:
//   - probation gives up a frame while it holds a tenth or more of both
//     queues, else the main queue does;
//   - one step looks at one frame; where the paper evicts from the main queue
//     to make room for a promotion, the next step decides anew;
//   - an inner page settles after its first hit, and passes once more than
//     others in the main queue;
//   - the ghost remembers the pages that left probation last, as many as nine
//     tenths of the frames.
type s3fifo struct {
	*order
	ghost    ghost
	returned int64
}

const (
	s3Most       = 3  // hits count
	smallShare   = 10 // probation's share is one in so many
	promoteAbove = 1  // hits; an inner page: 0
)

func newS3FIFO(o *order, frames int) *s3fifo {
	return &s3fifo{order: o, ghost: newGhost(frames - frames/smallShare)}
}

func (s *s3fifo) admit(f, page uint32) {
	if s.ghost.take(page) {
		s.returned++
		s.push(f, settled)
		return
	}
	s.push(f, probation)
}

func (s *s3fifo) step(force bool) (f uint32, leaves bool) {
	small, main := s.queues[probation].n, s.queues[settled].n
	if small > 0 && (main == 0 || small*smallShare >= small+main) {
		f = s.pop(probation)
		if !force && s.promotes(f) {
			s.push(f, settled)
			return f, false
		}
		return f, true
	}
	f = s.pop(settled)
	if f != none && !force && s.spare(f) {
		s.push(f, settled)
		return f, false
	}
	return f, f != none
}

// promotes says whether a frame on probation settles, and makes it begin there
// as if it were not hit.
func (s *s3fifo) promotes(f uint32) bool {
	hits := s.frames[f].ref.Load()
	if hits > promoteAbove || hits > 0 && s.nodes[f].inner {
		s.frames[f].ref.Store(0)
		return true
	}
	return false
}

func (s *s3fifo) left(f, page uint32) {
	if s.nodes[f].from == probation {
		s.ghost.add(page)
	}
}

func (s *s3fifo) returns() int64 { return s.returned }
