package workloads

import (
	"encoding/binary"
	"fmt"
	"strconv"

	"github.com/kvbench/kvbench/workloads/dist"
)

// maxDigits is the number of digits of the largest hash.
const maxDigits = 20

// Keys turns key numbers into keys. It is safe for concurrent use.
//
//	format   ordered                          hashed
//	ycsb     prefix, number in decimal        prefix, |FNV-1a 64 of the number| in decimal
//	decimal  prefix, number in Size digits    prefix, mixed number in Size >= 20 digits
//	binary   prefix, number<<8 big-endian     prefix, mixed number big-endian, 8 bytes;
//	         in 8 bytes, then '0' to Size     then '0' to Size
//
// YCSB's hash may give two numbers one key (1 in 10^7 for a million records);
// the other formats never do.
type Keys struct {
	prefix  []byte
	format  uint8
	ordered bool
	size    int
	padding int
	hash    func(uint64) uint64
}

const (
	formatYCSB = iota
	formatBinary
	formatDecimal
)

// NewKeys returns the keys of the workload.
func (s *Spec) NewKeys() (*Keys, error) {
	k := &Keys{
		prefix: []byte(s.Keys.Prefix), ordered: s.Keys.Ordered,
		size: s.Keys.Size, padding: s.Keys.ZeroPadding, hash: dist.YCSBHash,
	}
	if s.Compat == GoYCSB {
		k.hash = dist.GoYCSBHash
	}
	switch s.Keys.Format {
	case "ycsb":
	case "binary":
		k.format = formatBinary
	case "decimal":
		k.format, k.padding, k.hash = formatDecimal, k.size, dist.Mix64
	default:
		return nil, fmt.Errorf("new keys: unknown key format %q", s.Keys.Format)
	}
	return k, nil
}

// MaxLen returns the length of the longest key, absent keys included.
func (k *Keys) MaxLen() int {
	if k.format == formatBinary {
		return len(k.prefix) + k.size
	}
	return len(k.prefix) + max(maxDigits, k.padding)
}

// Append appends the key of number to dst. It does not allocate when dst has
// room for MaxLen bytes.
func (k *Keys) Append(dst []byte, number uint64) []byte {
	dst = append(dst, k.prefix...)
	if k.format == formatBinary {
		return k.appendBinary(dst, number, 0)
	}
	if !k.ordered {
		number = k.hash(number)
	}
	return appendDecimal(dst, number, k.padding)
}

// AppendAbsent appends a key that Append yields for no number, among the keys
// that it yields. Different numbers have different absent keys as far as they
// have different keys.
func (k *Keys) AppendAbsent(dst []byte, number uint64) []byte {
	if k.format == formatBinary {
		return k.appendBinary(append(dst, k.prefix...), number, 0x80)
	}
	dst = k.Append(dst, number)
	// The last digit becomes a letter, so no decimal number is spelled so.
	dst[len(dst)-1] += 'a' - '0'
	return dst
}

// appendBinary appends a binary key; absent is 0 or, for an absent key, 0x80.
func (k *Keys) appendBinary(dst []byte, number, absent uint64) []byte {
	if k.ordered {
		number = number<<8 | absent
	} else {
		number = dist.Mix64(number | absent<<56)
	}
	dst = binary.BigEndian.AppendUint64(dst, number)
	for range k.size - 8 {
		dst = append(dst, '0')
	}
	return dst
}

// zeros is as long as the largest padding.
const zeros = "0000000000000000000000000000000000000000000000000000000000000000"

// appendDecimal appends n with at least padding digits.
func appendDecimal(dst []byte, n uint64, padding int) []byte {
	if padding > 1 {
		if d := digits(n); d < padding {
			dst = append(dst, zeros[:padding-d]...)
		}
	}
	return strconv.AppendUint(dst, n, 10)
}

// digits returns the number of decimal digits of n.
func digits(n uint64) int {
	d := 1
	for n >= 10 {
		n /= 10
		d++
	}
	return d
}
