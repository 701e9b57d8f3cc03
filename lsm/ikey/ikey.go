// Package ikey is what the LSM tree stores for an op: the user's key, a
// sequence number and a kind; and how such entries are walked.
//
// # Order
//
// Entries are in the order of their user keys, bytewise, and of one key the
// newest first: by falling trailer. Sequence numbers are unique among ops, so
// that no two entries of a tree are equal; only those whose number was zeroed,
// because nothing older is left, share one, and they have different keys.
package ikey

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/bits"
)

// A Seq is the number of an op: later ones have higher ones. 0 is that of
// entries that are older than all that anybody may ask for.
type Seq uint64

// MaxSeq is the highest; to read at it is to read the newest.
const MaxSeq Seq = 1<<56 - 1

// A Kind says what an entry is. The numbers are on disk.
type Kind uint8

const (
	Delete      Kind = 0
	Put         Kind = 1
	PutTTL      Kind = 2  // the value begins with ExpiryBytes of expiry
	PutBlob     Kind = 3  // the value is the place of the value in a blob file
	PutBlobTTL  Kind = 4  // expiry, then place
	RangeDelete Kind = 15 // key and value are the bounds; only in range-delete blocks
)

// String returns the kind's name.
func (k Kind) String() string {
	switch k {
	case Delete:
		return "delete"
	case Put:
		return "put"
	case PutTTL:
		return "put-ttl"
	case PutBlob:
		return "put-blob"
	case PutBlobTTL:
		return "put-blob-ttl"
	case RangeDelete:
		return "range-delete"
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// Valid reports whether k may be the kind of a point entry.
func (k Kind) Valid() bool { return k <= PutBlobTTL }

// Expires reports whether values of this kind begin with an expiry.
func (k Kind) Expires() bool { return k == PutTTL || k == PutBlobTTL }

// Separate reports whether the value is in a blob file.
func (k Kind) Separate() bool { return k == PutBlob || k == PutBlobTTL }

// ExpiryBytes is the length of an expiry: nanoseconds of Unix time, signed,
// little-endian.
const ExpiryBytes = 8

// Expiry splits the value of an entry whose kind Expires. ok is false where it
// is too short, which is damage.
func Expiry(value []byte) (unixNano int64, rest []byte, ok bool) {
	if len(value) < ExpiryBytes {
		return 0, nil, false
	}
	return int64(binary.LittleEndian.Uint64(value)), value[ExpiryBytes:], true
}

// AppendExpiry appends an expiry.
func AppendExpiry(dst []byte, unixNano int64) []byte {
	return binary.LittleEndian.AppendUint64(dst, uint64(unixNano))
}

// A Trailer is a sequence number and a kind: seq<<8 | kind. Newer ops have
// higher ones.
type Trailer uint64

// Make returns the trailer of an op.
func Make(seq Seq, kind Kind) Trailer { return Trailer(seq)<<8 | Trailer(kind) }

// Seq returns the sequence number.
func (t Trailer) Seq() Seq { return Seq(t >> 8) }

// Kind returns the kind.
func (t Trailer) Kind() Kind { return Kind(t) }

// String is seq:kind.
func (t Trailer) String() string { return fmt.Sprintf("%d:%v", uint64(t.Seq()), t.Kind()) }

// Head returns the first 8 bytes of a key as a number that has their order:
// big-endian, a shorter key filled with zeros. Where heads differ, keys have
// their order; where they are equal the keys must be compared.
func Head(key []byte) uint64 {
	if len(key) >= 8 {
		return binary.BigEndian.Uint64(key)
	}
	var h uint64
	for _, b := range key {
		h = h<<8 | uint64(b)
	}
	return h << (8 * (8 - uint(len(key))) & 63) & mask(len(key))
}

// mask is all ones, but zero for an empty key, whose shift would be by 64.
func mask(n int) uint64 {
	if n == 0 {
		return 0
	}
	return ^uint64(0)
}

// Compare orders entries.
func Compare(a []byte, at Trailer, b []byte, bt Trailer) int {
	if c := bytes.Compare(a, b); c != 0 {
		return c
	}
	switch {
	case at > bt:
		return -1
	case at < bt:
		return 1
	}
	return 0
}

// CommonPrefix returns how many bytes a and b share at their beginnings.
func CommonPrefix(a, b []byte) int {
	n := min(len(a), len(b))
	i := 0
	for ; i+8 <= n; i += 8 {
		if x := binary.LittleEndian.Uint64(a[i:]) ^ binary.LittleEndian.Uint64(b[i:]); x != 0 {
			return i + bits.TrailingZeros64(x)/8
		}
	}
	for i < n && a[i] == b[i] {
		i++
	}
	return i
}

// An Iterator walks the point entries of a memtable, a table, a run, or of
// several of these. It is unpositioned at birth, belongs to one goroutine, and
// must be closed.
//
// First, SeekGE, Next move forward, to an entry that comes later in the order;
// Last, SeekLT, Prev backward. Both kinds may alternate. They report whether
// the iterator is on an entry; after the end, and after an error, it is not,
// and Next and Prev then stay where they are: false.
//
// Key, Trailer and Value may only be called on an entry. Their slices are
// valid until the next move, and must not be written to.
type Iterator interface {
	First() bool
	Last() bool
	// SeekGE moves to the first entry whose user key is >= key: of that key
	// the newest.
	SeekGE(key []byte) bool
	// SeekLT moves to the last entry whose user key is < key: of that key the
	// oldest.
	SeekLT(key []byte) bool
	Next() bool
	Prev() bool

	Key() []byte
	Trailer() Trailer
	Value() []byte

	// Err is what ended the walk early, or nil.
	Err() error
	// Close releases what the iterator holds, and returns Err. It is
	// idempotent.
	Close() error
}
