package cache

import "math/bits"

// A Key names a block: which file it is of and where it begins there. The
// bytes of a key must not change while it is cached; erase it first. The cache
// gives no meaning to either number.
type Key struct{ File, Offset uint64 }

// hash mixes both numbers into all bits: low ones choose the shard, the lower
// half is the tag in the table and high ones choose the bucket. Offsets are
// often multiples of a power of two, hence the second round.
func (k Key) hash() uint64 {
	const a, b, c = 0xA0761D6478BD642F, 0xE7037ED1A0B428DB, 0x8EBC6AF09C88C6E3
	hi, lo := bits.Mul64(k.File^a, k.Offset^b)
	hi, lo = bits.Mul64(hi^lo^c, b)
	return hi ^ lo
}

// A Class says what a block is for: statistics and quotas are kept by class.
type Class uint8

// The classes.
const (
	Data Class = iota
	Index
	Filter
	Record

	Classes int = iota
)

func (c Class) String() string {
	switch c {
	case Data:
		return "data"
	case Index:
		return "index"
	case Filter:
		return "filter"
	case Record:
		return "record"
	}
	return "unknown"
}

// An Admission says how a block enters the cache: one of Normal, Scan and
// High, for a class.
type Admission uint8

const (
	// Normal leaves it to the policy.
	Normal Admission = iota

	// Scan is for what is read once, in passing: the block may stay in a small
	// ring of such blocks, where it displaces only others like it. Touched
	// there again, it passes to the policy.
	Scan

	// High is for what every read needs, such as indexes and filters: the
	// block stays until its class's quota is used up; then the one of them
	// that was not touched for longest, roughly, passes to the policy.
	High
)

const admissionBits = 2

// For returns the admission for blocks of a class; without it they are Data.
func (a Admission) For(c Class) Admission {
	return a.way() | Admission(c)<<admissionBits
}

func (a Admission) way() Admission { return a & (1<<admissionBits - 1) }
func (a Admission) class() Class   { return Class(a >> admissionBits) }

func (a Admission) valid() bool { return a.way() <= High && int(a.class()) < Classes }
