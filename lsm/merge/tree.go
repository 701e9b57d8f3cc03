package merge

import (
	"bytes"

	"github.com/kvbench/kvbench/lsm/ikey"
)

// The tree is one of losers (Knuth, TAOCP 3, 5.4.1). Source i of k is the leaf
// k+i, node n has the children 2n and 2n+1, and at nodes 1..k-1 stands who
// lost there: so the way of the winner's leaf to the top passes those that the
// winner beat, of which the best is the second.
//
// A source that has moved on is compared with the second first. In a tree of
// levels most entries are in one source, so that this mostly is all. The
// second is looked for when a source wins for the second time in a row: where
// sources alternate it would be of no use.

// patience is how many comparisons heads may leave undecided at first, before
// they are taken anew. It doubles where that did not help, as where sources
// have the same keys, up to maxPatience.
const (
	minPatience = 16
	maxPatience = 1 << 14
)

func compare(a, b []byte) int { return bytes.Compare(a, b) }

// play finds the first source, wherever all are.
func (m *Iter) play() bool {
	k := len(m.sources)
	m.on = false
	if k == 0 || m.err != nil {
		return false
	}
	if k == 1 {
		m.first, m.second = 0, none
		m.on = m.sources[0].on
		return m.on
	}
	m.flip = 0
	if m.reverse {
		m.flip = ^uint64(0)
	}
	m.patience = minPatience
	m.anchor(true)
	w := m.round
	for i := range k {
		w[k+i] = int32(i)
	}
	for n := k - 1; n > 0; n-- {
		a, b := w[2*n], w[2*n+1]
		if m.less(b, a) {
			a, b = b, a
		}
		w[n], m.tree[n] = a, b
	}
	m.first, m.second = w[1], unknown
	m.on = m.sources[m.first].on
	return m.on
}

// replay finds the first source after the one that was it has changed.
func (m *Iter) replay() bool {
	if m.second == none {
		m.on = m.sources[m.first].on
		return m.on
	}
	if m.ties > m.patience {
		m.anchor(false)
	}
	k := int32(len(m.sources))
	w := m.first
	for n := (k + w) >> 1; n > 0; n >>= 1 {
		if l := m.tree[n]; m.less(l, w) {
			m.tree[n], w = w, l
		}
	}
	if w != m.first {
		m.first, m.second = w, unknown
		m.on = m.sources[w].on
		return m.on
	}
	n := (k + w) >> 1
	second := m.tree[n]
	for n >>= 1; n > 0; n >>= 1 {
		if l := m.tree[n]; m.less(l, second) {
			second = l
		}
	}
	if !m.sources[second].on {
		second = none
	}
	m.second = second
	m.on = m.sources[w].on
	return m.on
}

// less reports whether source a comes before source b.
func (m *Iter) less(a, b int32) bool {
	x, y := m.sources[a].head, m.sources[b].head
	if x != y {
		return x < y
	}
	return m.tied(a, b)
}

// tied is less where heads are equal.
func (m *Iter) tied(a, b int32) bool {
	x, y := &m.sources[a], &m.sources[b]
	if !x.on || !y.on {
		return x.on
	}
	m.ties++
	return m.before(a, b)
}

// before reports whether the entry of a comes before that of b in the walk.
// Both have one.
func (m *Iter) before(a, b int32) bool {
	x, y := &m.sources[a], &m.sources[b]
	c := bytes.Compare(x.key, y.key)
	if c == 0 {
		xt, yt := x.it.Trailer(), y.it.Trailer()
		if xt != yt {
			return (xt > yt) != m.reverse
		}
		return (a < b) != m.reverse
	}
	return (c < 0) != m.reverse
}

// head returns the head of a key: of what follows the prefix. A key that does
// not begin with the prefix comes after all that do, since the walk began
// among these.
func (m *Iter) head(key []byte) uint64 {
	p := len(m.prefix)
	if len(key) < p || string(key[:p]) != string(m.prefix) {
		return ^uint64(0)
	}
	return ikey.Head(key[p:]) ^ m.flip
}

// anchor chooses the prefix anew, and takes all heads behind it: 8 bytes of
// keys that share their beginnings tell little.
//
// A walk begins with the prefix that all sources' keys share. When it comes
// out of that the prefix is cut, and so covers more and more of what is
// walked; when too many heads tie within it, it is made as long as it can be.
func (m *Iter) anchor(fresh bool) {
	var lead []byte // the key of some source
	n := -1
	left := false
	for i := range m.sources {
		s := &m.sources[i]
		if !s.on {
			continue
		}
		if n < 0 {
			lead, n = s.key, len(s.key)
		} else {
			n = min(n, ikey.CommonPrefix(lead, s.key))
		}
		left = left || !bytes.HasPrefix(s.key, m.prefix)
	}
	n = max(n, 0)
	if !fresh {
		was := len(m.prefix)
		switch {
		case left:
			n = min(n, ikey.CommonPrefix(lead, m.prefix))
			m.patience = minPatience
		case n == was:
			m.patience = min(2*m.patience, maxPatience)
		}
	}
	m.ties = 0
	m.prefix = append(m.prefix[:0], lead[:n]...)
	for i := range m.sources {
		s := &m.sources[i]
		s.head = ^uint64(0)
		if s.on {
			s.head = m.head(s.key)
		}
	}
}
