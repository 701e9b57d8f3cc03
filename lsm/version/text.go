package version

import (
	"fmt"
	"strconv"
	"strings"
)

// A version as text has a line for each table and each blob file. Parse reads
// it back. In the order of All:
//
//	L0 run 9: 21 [a,m] 16MiB seq 10-20 entries 100 tombstones 5
//	L1 run 3: 17 ["a b",m) 4096 seq 1-9 blob 5:10:4000
//	blob 5: 64MiB values 60MiB
//
// A bound is quoted as in Go unless it consists of letters, digits and _-./:
// only. [a,) has no upper bound. Sizes are in bytes, or in KiB, MiB, GiB, TiB.
// What follows the size may be left out where it is 0:
//
//	seq A-B        MinSeq, MaxSeq
//	entries N      tombstones N, ranges N (RangeDeletes)
//	keys S         KeyBytes; values S: ValueBytes; expiring S: ExpiringBytes
//	created N      oldest N (OldestTombstone), expiry N (LastExpiry): times
//	blob F:N:S     a BlobUse: file, values, bytes; any number of them
//
// Empty lines, and what comes after a # before which there is a blank or
// nothing, mean nothing.

// String returns v as text.
func (v *Version) String() string {
	var b strings.Builder
	for _, p := range v.All() {
		fmt.Fprintln(&b, p)
	}
	for _, x := range v.Blobs {
		fmt.Fprintln(&b, x)
	}
	return b.String()
}

// String returns the line of a placed table.
func (p Placed) String() string {
	return fmt.Sprintf("L%d run %d: %v", p.Level, p.Run, p.Table)
}

// String returns what a line of the text says of a table.
func (t *Table) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d %v %s", t.ID, t.Bounds(), size(uint64(t.Bytes)))
	if t.MaxSeq != 0 {
		fmt.Fprintf(&b, " seq %d-%d", t.MinSeq, t.MaxSeq)
	}
	for _, f := range t.fields() {
		switch at := f.at.(type) {
		case *uint64:
			if *at != 0 && f.bytes {
				fmt.Fprintf(&b, " %s %s", f.name, size(*at))
			} else if *at != 0 {
				fmt.Fprintf(&b, " %s %d", f.name, *at)
			}
		case *int64:
			if *at != 0 {
				fmt.Fprintf(&b, " %s %d", f.name, *at)
			}
		}
	}
	for _, use := range t.Blobs {
		fmt.Fprintf(&b, " blob %d:%d:%s", use.File, use.Values, size(use.Bytes))
	}
	return b.String()
}

// A field is a number of a table that has a name in the text.
type field struct {
	name  string
	at    any // *uint64 or *int64
	bytes bool
}

func (t *Table) fields() []field {
	return []field{
		{"entries", &t.Entries, false},
		{"tombstones", &t.Tombstones, false},
		{"ranges", &t.RangeDeletes, false},
		{"keys", &t.KeyBytes, true},
		{"values", &t.ValueBytes, true},
		{"expiring", &t.ExpiringBytes, true},
		{"created", &t.Created, false},
		{"oldest", &t.OldestTombstone, false},
		{"expiry", &t.LastExpiry, false},
	}
}

// String returns the line of a blob file.
func (b *Blob) String() string {
	s := fmt.Sprintf("blob %d: %s", b.ID, size(uint64(b.Bytes)))
	if b.ValueBytes != 0 {
		s += " values " + size(b.ValueBytes)
	}
	return s
}

// String returns bounds as [a,b], [a,b) or [a,).
func (b Bounds) String() string {
	end := "]"
	if b.Exclusive || len(b.Upper) == 0 {
		end = ")"
	}
	return "[" + keyText(b.Lower) + "," + keyText(b.Upper) + end
}

func keyText(key []byte) string {
	for _, c := range key {
		if !bare(c) {
			return strconv.Quote(string(key))
		}
	}
	return string(key)
}

// bare reports whether a byte needs no quotes.
func bare(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || strings.IndexByte("_-./:", c) >= 0
}

var units = [...]string{"TiB", "GiB", "MiB", "KiB"}

// size is n in the largest unit in which it is whole.
func size(n uint64) string {
	for i, u := range units {
		if one := uint64(1) << (10 * (len(units) - i)); n >= one && n%one == 0 {
			return strconv.FormatUint(n/one, 10) + u
		}
	}
	return strconv.FormatUint(n, 10)
}
