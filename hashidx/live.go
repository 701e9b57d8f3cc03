package hashidx

import "sync/atomic"

// gain accounts for a frame that the index has come to name; expire is when it
// expires, if it does.
func (s *segment) gain(bytes int, expires bool, expire int64) {
	s.live.Add(int64(bytes))
	if !expires {
		return
	}
	s.expiring.Add(int64(bytes))
	s.expiresBy(expire)
}

// lose accounts for a frame that the index names no more.
func (s *segment) lose(bytes int, expires bool) {
	s.live.Add(-int64(bytes))
	if expires {
		s.expiring.Add(-int64(bytes))
	}
}

// expiresBy notes when an op of the segment expires.
func (s *segment) expiresBy(expire int64) {
	for {
		was := s.expires.Load()
		if was >= expire || s.expires.CompareAndSwap(was, expire) {
			return
		}
	}
}

// raise makes x at least n.
func raise(x *atomic.Uint64, n uint64) {
	for {
		was := x.Load()
		if was >= n || x.CompareAndSwap(was, n) {
			return
		}
	}
}
