package enginetest

import (
	"slices"
	"sort"
	"strings"
)

// oracle is a map in key order: a sorted slice, so plain that its answers need
// no proof. Its tests are the clauses themselves, which do not use it.
type oracle struct{ pairs []pair }

// find returns the position of the first key >= key.
func (o *oracle) find(key string) int {
	return sort.Search(len(o.pairs), func(i int) bool { return o.pairs[i].key >= key })
}

func (o *oracle) get(key string) (value string, ok bool) {
	if i := o.find(key); i < len(o.pairs) && o.pairs[i].key == key {
		return o.pairs[i].value, true
	}
	return "", false
}

func (o *oracle) put(key, value string) {
	o.remove(key)
	o.pairs = slices.Insert(o.pairs, o.find(key), pair{key, value})
}

func (o *oracle) remove(key string) {
	o.pairs = slices.DeleteFunc(o.pairs, func(p pair) bool { return p.key == key })
}

// removeRange deletes the keys in [lower, upper); an empty upper is no bound.
func (o *oracle) removeRange(lower, upper string) {
	o.pairs = slices.DeleteFunc(o.pairs, func(p pair) bool {
		return p.key >= lower && (upper == "" || p.key < upper)
	})
}

func (o *oracle) clone() *oracle { return &oracle{slices.Clone(o.pairs)} }

// bound is an end of an iterator's range, or none.
type bound struct {
	key string
	set bool
}

func (x bound) bytes() []byte {
	if !x.set {
		return nil
	}
	return []byte(x.key)
}

func (x bound) String() string {
	if !x.set {
		return "none"
	}
	return show([]byte(x.key))
}

// iter returns the iterator that an engine with these contents must have.
func (o *oracle) iter(lower, upper bound) *oracleIter {
	it := &oracleIter{born: true}
	for _, p := range o.pairs {
		if (!lower.set || p.key >= lower.key) && (!upper.set || p.key < upper.key) {
			it.pairs = append(it.pairs, p)
		}
	}
	return it
}

// oracleIter is the contract of engine.Iterator, executed.
type oracleIter struct {
	pairs []pair
	at    int  // -1 is off the front, len(pairs) off the end
	born  bool // not positioned yet; at says nothing
}

// Moves of an iterator. seekGE and seekLT have a key.
type move struct {
	name string
	key  string
}

func (m move) String() string {
	if strings.HasPrefix(m.name, "Seek") {
		return m.name + "(" + show([]byte(m.key)) + ")"
	}
	return m.name
}

// move does m and returns whether it now stands on a key.
func (it *oracleIter) move(m move) bool {
	n := len(it.pairs)
	firstGE := sort.Search(n, func(i int) bool { return it.pairs[i].key >= m.key })
	switch m.name {
	case "First":
		it.at = 0
	case "Last":
		it.at = n - 1
	case "SeekGE":
		it.at = firstGE
	case "SeekLT":
		it.at = firstGE - 1
	case "Next":
		if it.born {
			it.at = -1
		}
		it.at = min(it.at+1, n)
	case "Prev":
		if it.born {
			it.at = n
		}
		it.at = max(it.at-1, -1)
	}
	it.born = false
	return it.at >= 0 && it.at < n
}

func (it *oracleIter) current() pair { return it.pairs[it.at] }
