package diskindex

import (
	"cmp"
	"math/bits"

	"github.com/kvbench/kvbench/hashidx/index"
)

// An ordinal is the code of a hash, the index.HashBits that are kept, as a
// number by which buckets and their entries are in order: bits 0 to 9, which
// tell the stripe, on top; below them bits 48 to 63, then bits 10 to 25.
type ordinal uint64

const (
	stripeShift  = 32
	stripeCount  = 1 << 10
	ordinalBits  = index.HashBits
	endOfOrdinal = ordinal(1) << ordinalBits
)

func ordinalOf(hash uint64) ordinal {
	return ordinal(hash%stripeCount<<stripeShift | hash>>placeBits<<16 | hash>>10&0xffff)
}

// hash is a hash with this ordinal: the bits that are not kept are 0.
func (o ordinal) hash() uint64 {
	return uint64(o>>stripeShift | o&0xffff<<10 | o>>16&0xffff<<placeBits)
}

func (o ordinal) stripe() int { return int(o >> stripeShift) }

// bucketOf is the bucket of an ordinal where there are n of them: they divide
// the ordinals into n ranges of the same size. within is where in the range it
// is, as a fraction of 2^64.
func (o ordinal) bucketOf(n uint64) (bucket, within uint64) {
	return bits.Mul64(uint64(o)<<(64-ordinalBits), n)
}

// firstOf is the lowest ordinal of a bucket among n; that of bucket n is
// endOfOrdinal.
func firstOf(bucket, n uint64) ordinal {
	hi, lo := bits.Mul64(bucket, uint64(endOfOrdinal))
	first, rest := bits.Div64(hi, lo, n)
	if rest != 0 {
		first++
	}
	return ordinal(first)
}

// An entry is an index.Entry with the hash in order.
type entry struct {
	ordinal ordinal
	place   uint64
}

func entryOf(e index.Entry) entry { return entry{ordinalOf(e.Hash), e.Place} }

func (e entry) index() index.Entry { return index.Entry{Hash: e.ordinal.hash(), Place: e.place} }

func compare(a, b entry) int {
	if c := cmp.Compare(a.ordinal, b.ordinal); c != 0 {
		return c
	}
	return cmp.Compare(a.place, b.place)
}

// search is the number of entries of a page that come before an ordinal. They
// are spread evenly over the bucket's range, so within is where to look first.
func (p *page) search(o ordinal, within uint64) int {
	n := p.count()
	guess, _ := bits.Mul64(within, uint64(n))
	i := int(guess)
	if i < n && p.ordinal(i) < o {
		for i++; i < n && p.ordinal(i) < o; i++ {
		}
		return i
	}
	for i > 0 && p.ordinal(i-1) >= o {
		i--
	}
	return i
}

// numbers is a set of segment numbers.
type numbers [1 << 16 / 64]uint64

func (s *numbers) add(place uint64) {
	n := place >> segmentBits
	s[n/64] |= 1 << (n % 64)
}

func (s *numbers) has(place uint64) bool {
	n := place >> segmentBits
	return s[n/64]>>(n%64)&1 != 0
}

func (s *numbers) list() []uint16 {
	var all []uint16
	for i, w := range s {
		for ; w != 0; w &= w - 1 {
			all = append(all, uint16(i*64+bits.TrailingZeros64(w)))
		}
	}
	return all
}
