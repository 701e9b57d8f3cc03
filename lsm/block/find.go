package block

import (
	"bytes"
	"encoding/binary"

	"github.com/kvbench/kvbench/lsm/ikey"
)

// linear is how many entries of the wanted head are looked at one by one.
const linear = 4

// Find returns the newest entry of key whose sequence number is <= seq; value
// is a slice of data. It allocates nothing.
//
// If there is none, more reports that all entries of the block come before it:
// key is then higher than the last key, or it is the last key and all its
// versions here are newer, and those it asks for may be in the next block.
//
// err is a *DamageError, for which it need not look at the whole block.
func Find(data, key []byte, seq ikey.Seq) (t ikey.Trailer, value []byte, found, more bool, err error) {
	if len(data) > 0 && Layout(data[0]) == Restarts {
		return findRestarts(data, key, seq)
	}
	var c columns
	if !c.parse(data) {
		return 0, nil, false, false, fault(data)
	}
	i, same, bad := c.search(data, key, seq)
	if bad >= 0 {
		return 0, nil, false, false, c.badRow(bad)
	}
	if !same {
		return 0, nil, false, i == c.count, nil
	}
	_, _, v, end, ok := c.row(data, i)
	if !ok {
		return 0, nil, false, false, c.badRow(i)
	}
	s, kind := c.seq(data, i), c.kindOf(data, i)
	if s > uint64(ikey.MaxSeq) || !kind.Valid() {
		return 0, nil, false, false, c.badTrailer(i, s, kind)
	}
	return ikey.Make(ikey.Seq(s), kind), data[v:end:end], true, false, nil
}

// search returns the first entry that is not before (key, seq), and whether it
// is one of key. bad is an entry that is damaged, or -1.
func (c *columns) search(data, key []byte, seq ikey.Seq) (i int, same bool, bad int) {
	prefix := data[headsHeader:][:c.prefix]
	if len(key) < len(prefix) || string(key[:len(prefix)]) != string(prefix) {
		if bytes.Compare(key, prefix) < 0 {
			return 0, false, -1
		}
		return c.count, false, -1
	}
	rest := key[len(prefix):]
	want := head(rest)
	heads := data[headsHeader+c.prefix : c.pairs]
	i = lowerBound(heads, want)
	if c.split > 0 && len(rest) < headBytes {
		return i, false, -1 // and less than all of this head
	}
	rest = rest[c.split:]
	for n := 0; i < c.count && binary.LittleEndian.Uint32(heads[4*i:]) == want; n++ {
		if n == linear {
			return c.searchRun(data, rest, want, seq, i)
		}
		s, end, _, _, ok := c.row(data, i)
		if !ok {
			return i, false, i
		}
		switch order := bytes.Compare(data[s:end], rest); {
		case order > 0:
			return i, false, -1
		case order == 0 && c.seq(data, i) <= uint64(seq):
			return i, true, -1
		}
		i++
	}
	return i, false, -1
}

// searchRun is search among the entries from lo on, of which the first has the
// head that is wanted.
func (c *columns) searchRun(data, rest []byte, want uint32, seq ikey.Seq, lo int) (i int, same bool, bad int) {
	heads := data[headsHeader+c.prefix : c.pairs]
	hi := c.count
	for lo < hi {
		mid := int(uint(lo+hi) / 2)
		if binary.LittleEndian.Uint32(heads[4*mid:]) > want {
			hi, same = mid, false
			continue
		}
		s, end, _, _, ok := c.row(data, mid)
		if !ok {
			return mid, false, mid
		}
		order := bytes.Compare(data[s:end], rest)
		if order < 0 || order == 0 && c.seq(data, mid) > uint64(seq) {
			lo = mid + 1
		} else {
			hi, same = mid, order == 0
		}
	}
	return lo, same, -1
}

// lowerBound returns the number of the first head that is not below want.
func lowerBound(heads []byte, want uint32) int {
	i, n := 0, len(heads)/headBytes
	for n > 1 {
		half := n / 2
		// No branch, that would be guessed wrong every other time.
		i += half & -less(binary.LittleEndian.Uint32(heads[4*(i+half-1):]), want)
		n -= half
	}
	return i + less(binary.LittleEndian.Uint32(heads[4*i:]), want)
}

// less is 1 if a < b, and 0 else.
func less(a, b uint32) int { return int((uint64(a) - uint64(b)) >> 63) }
