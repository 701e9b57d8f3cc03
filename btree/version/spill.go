package version

// Spillable appends up to n versions that have frames to dst: the oldest ones
// that earlier calls did not return. A call that comes to the end appends
// fewer, perhaps none, and the next one begins anew. What has no Home is to be written
// (Written), and the frame of what has one can be taken (Dropped).
func (s *Set) Spillable(dst []Version, n int) []Version {
	if s.frames.Load() == 0 {
		return dst
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for ; n > 0 && s.framesNext != none; n-- {
		e := s.slab.at(s.framesNext)
		dst = append(dst, e.version())
		s.framesNext = e.after
	}
	if n > 0 {
		s.framesNext = s.framesFirst
	}
	return dst
}

// appendFrame puts an entry behind all others that have frames.
func (s *Set) appendFrame(i int32) {
	e := s.slab.at(i)
	e.before, e.after = s.framesLast, none
	if s.framesLast == none {
		s.framesFirst = i
	} else {
		s.slab.at(s.framesLast).after = i
	}
	s.framesLast = i
	if s.framesNext == none {
		s.framesNext = i
	}
	s.frames.Add(1)
}

func (s *Set) removeFrame(i int32) {
	e := s.slab.at(i)
	if s.framesNext == i {
		s.framesNext = e.after
	}
	if e.before == none {
		s.framesFirst = e.after
	} else {
		s.slab.at(e.before).after = e.after
	}
	if e.after == none {
		s.framesLast = e.before
	} else {
		s.slab.at(e.after).before = e.before
	}
	s.frames.Add(-1)
}
