package block

import (
	"bytes"
	"encoding/binary"

	"github.com/kvbench/kvbench/lsm/ikey"
)

// linear is how many entries of the wanted head are looked at one by one.
const linear = 4

// Find returns the newest entry of key whose sequence number is <= seq, which
// is at most ikey.MaxSeq; value is a slice of data. It allocates nothing.
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
	i, hit := c.search(data, key, seq)
	if hit != same {
		if hit == damaged {
			return 0, nil, false, false, c.badPair(i)
		}
		return 0, nil, false, i == c.count, nil
	}
	p := c.pair(data, i)
	at, kind := c.seq(data, i), c.kindOf(data, i) // at <= seq
	if !kind.Valid() {
		return 0, nil, false, false, c.badTrailer(i, at, kind)
	}
	return ikey.Make(ikey.Seq(at), kind), data[c.values:][p.value:p.valueEnd:p.valueEnd], true, false, nil
}

// A hit is what a search ended at.
type hit uint8

const (
	other   hit = iota // an entry of another key, or none
	same               // one of the key
	damaged            // one whose pair is
)

// search returns the first entry that is not before (key, seq), or a damaged
// one.
func (c *columns) search(data, key []byte, seq ikey.Seq) (int, hit) {
	prefix := data[headsHeader:][:c.prefix]
	if len(key) < len(prefix) || string(key[:len(prefix)]) != string(prefix) {
		if bytes.Compare(key, prefix) < 0 {
			return 0, other
		}
		return c.count, other
	}
	rest := key[len(prefix):]
	want := head(rest)
	heads := data[headsHeader+c.prefix : c.pairs]
	i := lowerBound(heads, want)
	if c.split > 0 && len(rest) < headBytes {
		return i, other // which is higher, if it has this head
	}
	rest = rest[c.split:]
	for n := 0; i < c.count && binary.LittleEndian.Uint32(heads[4*i:]) == want; n++ {
		if n == linear {
			return c.searchRun(data, rest, want, seq, i)
		}
		p := c.pair(data, i)
		if !c.holds(p) {
			return i, damaged
		}
		suffix := data[c.suffixes:][p.suffix:p.suffixEnd]
		if string(suffix) == string(rest) {
			if c.seq(data, i) <= uint64(seq) {
				return i, same
			}
		} else if bytes.Compare(suffix, rest) > 0 {
			return i, other
		}
		i++
	}
	return i, other
}

// searchRun is search among the entries from lo on, of which the first has the
// head that is wanted.
func (c *columns) searchRun(data, rest []byte, want uint32, seq ikey.Seq, lo int) (int, hit) {
	heads := data[headsHeader+c.prefix : c.pairs]
	hi, found := c.count, other
	for lo < hi {
		mid := int(uint(lo+hi) / 2)
		if binary.LittleEndian.Uint32(heads[4*mid:]) > want {
			hi, found = mid, other // its pair was not looked at
			continue
		}
		p := c.pair(data, mid)
		if !c.holds(p) {
			return mid, damaged
		}
		order := bytes.Compare(data[c.suffixes:][p.suffix:p.suffixEnd], rest)
		switch {
		case order < 0 || order == 0 && c.seq(data, mid) > uint64(seq):
			lo = mid + 1
		case order == 0:
			hi, found = mid, same
		default:
			hi, found = mid, other
		}
	}
	return lo, found
}

// lowerBound returns the number of the first head that is not below want.
//
// It has no branches that depend on heads, which would be guessed wrong every
// other time, and of each four parts asks for the ends of three at once, so
// that a search waits for half as many loads, one after the other.
func lowerBound(heads []byte, want uint32) int {
	i, n := 0, len(heads)/headBytes
	for n >= 4 {
		q := n / 4
		p := heads[4*(i+q-1):]
		i += q&below(p, want) + q&below(p[4*q:], want) + q&below(p[8*q:], want)
		n -= 3 * q
	}
	p := heads[4*i : 4*i+4*n]
	for ; len(p) >= headBytes; p = p[headBytes:] {
		i -= below(p, want)
	}
	return i
}

// below is all ones if the head at the beginning of p is below want, else 0.
func below(p []byte, want uint32) int {
	return int((int64(binary.LittleEndian.Uint32(p)) - int64(want)) >> 63)
}
