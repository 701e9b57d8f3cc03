package blob

import (
	"cmp"
	"math"
	"slices"

	"github.com/kvbench/kvbench/lsm/version"
)

// A Use is how much of a blob file tables refer to.
type Use struct {
	Blob *version.Blob
	Live version.BlobUse
}

// Garbage is how many bytes of values no table refers to.
func (u Use) Garbage() uint64 { return u.Blob.ValueBytes - min(u.Live.Bytes, u.Blob.ValueBytes) }

// Ratio is the part of all values that is garbage, 0 to 1, in bytes.
func (u Use) Ratio() float64 {
	if u.Blob.ValueBytes == 0 {
		return 0
	}
	return float64(u.Garbage()) / float64(u.Blob.ValueBytes)
}

// Garbage returns what of its blob files a version uses: that with the highest
// ratio of garbage first, of equal ones the oldest.
func Garbage(v *version.Version) []Use {
	uses := make([]Use, len(v.Blobs))
	for i, b := range v.Blobs {
		uses[i] = Use{b, v.Live(i)}
	}
	slices.SortStableFunc(uses, func(a, b Use) int {
		return cmp.Or(cmp.Compare(b.Ratio(), a.Ratio()), cmp.Compare(a.Blob.ID, b.Blob.ID))
	})
	return uses
}

// A Choice is tables to rewrite, and the blob files whose values are to be
// written anew on the way. Values in other files stay where they are.
type Choice struct {
	Files  []uint64         // the worst first
	Tables []version.Placed // by rising level; in one, by run and key
	// Bytes is what the job reads and writes at most: the tables, and what
	// they have in Files.
	Bytes int64
}

// IDs are those of the tables.
func (c *Choice) IDs() []uint64 {
	ids := make([]uint64, len(c.Tables))
	for i, p := range c.Tables {
		ids[i] = p.Table.ID
	}
	return ids
}

// Victims chooses tables such that, once they are rewritten, nobody refers to
// the blob files in which more than ratio is garbage: the worst files first,
// as long as tables and values together are at most maxBytes; 0 is no limit.
//
// If the first alone is more, then of its tables those that have most in it,
// at least one: what was rewritten does not refer to it any more, so that
// repeated jobs come to an end. Without files above ratio the Choice is empty.
func Victims(v *version.Version, ratio float64, maxBytes int64) Choice {
	if maxBytes <= 0 {
		maxBytes = math.MaxInt64
	}
	var files []uint64
	for _, u := range Garbage(v) {
		if u.Ratio() > ratio {
			files = append(files, u.Blob.ID)
		}
	}
	if len(files) == 0 {
		return Choice{}
	}
	all := tables(v)
	var c Choice
	chosen := make(map[uint64]bool) // tables
	for _, file := range files {
		refer, n := referring(all, file, chosen)
		switch {
		case n <= maxBytes-c.Bytes:
		case len(c.Files) == 0:
			refer, n = most(refer, file, maxBytes)
		default:
			continue
		}
		c.Files = append(c.Files, file)
		c.Bytes += n
		for _, p := range refer {
			chosen[p.Table.ID] = true
		}
	}
	for _, p := range all {
		if chosen[p.Table.ID] {
			c.Tables = append(c.Tables, p)
		}
	}
	return c
}

// tables returns all tables of a version that refer to some blob file.
func tables(v *version.Version) []version.Placed {
	all := slices.Clone(v.Flushed)
	for level := 1; level < version.Levels; level++ {
		for _, r := range v.Levels[level].Runs {
			for _, t := range r.Tables {
				all = append(all, version.Placed{Level: level, Run: r.ID, Table: t})
			}
		}
	}
	return slices.DeleteFunc(all, func(p version.Placed) bool { return len(p.Table.Blobs) == 0 })
}

// useOf is how many bytes a table has in a blob file.
func useOf(t *version.Table, file uint64) (n int64, ok bool) {
	i, ok := slices.BinarySearchFunc(t.Blobs, file, func(u version.BlobUse, file uint64) int {
		return cmp.Compare(u.File, file)
	})
	if !ok {
		return 0, false
	}
	return int64(t.Blobs[i].Bytes), true
}

// referring returns which tables refer to a blob file, and what it costs to
// empty it: all that they have in it, and themselves unless they are chosen
// already.
func referring(all []version.Placed, file uint64, chosen map[uint64]bool) (refer []version.Placed, cost int64) {
	for _, p := range all {
		n, ok := useOf(p.Table, file)
		if !ok {
			continue
		}
		refer = append(refer, p)
		cost += n
		if !chosen[p.Table.ID] {
			cost += p.Table.Bytes
		}
	}
	return refer, cost
}

// most returns those that have most in a blob file, as many as maxBytes allow
// and at least one, and what they cost.
func most(refer []version.Placed, file uint64, maxBytes int64) ([]version.Placed, int64) {
	refer = slices.Clone(refer)
	slices.SortStableFunc(refer, func(a, b version.Placed) int {
		x, _ := useOf(a.Table, file)
		y, _ := useOf(b.Table, file)
		return cmp.Compare(y, x)
	})
	cost := int64(0)
	for i, p := range refer {
		n, _ := useOf(p.Table, file)
		n += p.Table.Bytes
		if i > 0 && n > maxBytes-cost {
			return refer[:i], cost
		}
		cost += n
	}
	return refer, cost
}
