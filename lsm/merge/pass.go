package merge

import "github.com/kvbench/kvbench/lsm/ikey"

// passVersion passes an entry of a key that is done with.
func (l *Live) passVersion() bool {
	l.stats.Obsolete++
	if l.versions++; l.versions < l.after {
		return l.it.Next()
	}
	l.versions = 0
	l.seek = append(append(l.seek[:0], l.last...), 0)
	for i := range l.it.sources {
		if l.it.behind(i, l.seek) {
			l.it.leap(i, l.seek)
			l.stats.Seeks++
		}
	}
	return l.it.play()
}

// passCovered passes an entry that is under a range delete.
func (l *Live) passCovered(key []byte) bool {
	l.stats.Covered++
	if l.covered++; l.covered < l.after {
		return l.it.Next()
	}
	l.covered = 0
	if l.leapWindow(key, l.win.upper) {
		return l.it.play()
	}
	return l.it.Next()
}

// leapWindow moves those sources out of the window, forward to its upper bound
// or back to its lower one, that have only dead entries from key on. It reports
// whether it moved any; then the caller must call play. Where it did not, the
// caller must step, or it would ask for ever.
func (l *Live) leapWindow(key, bound []byte) bool {
	if l.o.Older == nil {
		return false
	}
	lower, upper := key, bound
	if l.reverse {
		l.seek = append(append(l.seek[:0], key...), 0)
		lower, upper = bound, l.seek
	} else {
		l.seek = append(l.seek[:0], key...) // it is a key of a source
		lower = l.seek
	}
	leapt := false
	for i := range l.it.sources {
		if l.it.behind(i, bound) && l.o.Older(i, lower, upper, l.win.seq) {
			l.it.leap(i, bound)
			l.stats.Seeks++
			leapt = true
		}
	}
	return leapt
}

// backward moves to the last row from where the Iter is: on an entry if ok,
// and before the row that it was on.
//
// Of a key the oldest entry comes first, so that its newest visible one is
// only known when the key before has come: it is saved.
func (l *Live) backward(ok bool) bool {
	for ok {
		key := l.it.Key()
		if compare(key, l.o.Lower) < 0 {
			break
		}
		l.last = append(l.last[:0], key...)
		var under ikey.Seq
		if l.ranges {
			under = l.win.covering(l.last, l.o.At)
		}
		seen := l.passKey(under)
		switch {
		case l.it.err != nil:
			l.on = false
			return false
		case !seen:
		case l.trailer.Seq() < under:
			l.stats.Covered++
			if l.covered++; l.covered >= l.after {
				l.covered = 0
				if l.leapWindow(l.last, l.win.lower) {
					l.it.play()
				}
			}
		case l.trailer.Kind() == ikey.Delete:
			l.stats.Tombstones++
			l.covered = 0
		case l.unexpired(l.trailer.Kind(), l.last, l.value):
			l.covered = 0
			l.on = true
			return true
		case l.err != nil:
			l.on = false
			return false
		}
		ok = l.it.on
	}
	l.on = false
	return false
}

// passKey passes the entries of key last, backward, and saves the newest that
// can be seen, if there is one. under is the newest range delete over the key.
func (l *Live) passKey(under ikey.Seq) (seen bool) {
	for n := 1; ; n++ {
		t := l.it.Trailer()
		switch {
		case t.Seq() > l.o.At:
			l.stats.Newer++
		default:
			if seen {
				l.stats.Obsolete++
			}
			seen = true
			l.save(t, under)
		}
		if !l.it.Prev() || !same(l.it.Key(), l.last) {
			return seen
		}
		if n >= l.after {
			return l.seekKey(under, seen)
		}
	}
}

// seekKey is passKey where a key has many entries.
func (l *Live) seekKey(under ikey.Seq, seen bool) bool {
	l.stats.Seeks += 2 * uint64(len(l.it.sources))
	ok := l.it.SeekGE(l.last)
	for ok && l.it.Trailer().Seq() > l.o.At && same(l.it.Key(), l.last) {
		l.stats.Newer++
		ok = l.it.Next()
	}
	if ok && same(l.it.Key(), l.last) {
		t := l.it.Trailer()
		if seen && t != l.trailer {
			l.stats.Obsolete++
		}
		seen = true
		l.save(t, under)
	}
	if l.it.err == nil {
		l.it.SeekLT(l.last)
	}
	return seen
}

// save makes the entry that the Iter is on the row, or what is dead instead.
func (l *Live) save(t ikey.Trailer, under ikey.Seq) {
	l.trailer = t
	if t.Seq() >= under && t.Kind() != ikey.Delete {
		l.value = append(l.value[:0], l.it.Value()...)
	}
}
