package snapshot

import (
	"slices"

	"github.com/kvbench/kvbench/hashidx/index"
)

// partsPerWorker lets a worker that is quick take over some of another's.
const partsPerWorker = 4

// A part is blocks, and the buckets that no other part has.
type part struct {
	block, blocks int64  // from, up to and without
	from, to      uint64 // buckets, likewise
}

// Buckets is how many buckets an index for Fill should have: as many as the one
// that was written had, or 0, for any number, if that was much too large for
// the entries that were left in it, or the order is not known.
func (r *Reader) Buckets() uint64 {
	if b := r.head.buckets(); b <= max(minBuckets, r.foot.count()) {
		return b
	}
	return 0
}

// minBuckets is how many buckets an index may have without any entries.
const minBuckets = 1 << 16

// parts cuts the snapshot up for some workers; there are none if the entries
// are not in the order of x's buckets.
//
// A part fills the buckets between the first one of its first block and that
// of the next part's: in a file that is in order, nearly all of its entries.
// These bounds ascend, so no two parts have the same bucket, whatever the
// blocks may hold.
func (r *Reader) parts(workers int, x *index.Index) ([]part, error) {
	buckets := x.Buckets()
	if buckets != r.head.buckets() {
		return nil, nil
	}
	n := min(r.blocks(), int64(max(1, workers))*partsPerWorker)
	parts := make([]part, n)
	starts := make([]uint64, n+1)
	starts[n] = buckets
	for i := range n {
		parts[i].block, parts[i].blocks = r.blocks()*i/n, r.blocks()*(i+1)/n
		var p [entryBytes]byte
		if err := r.read(p[:], headerBytes+parts[i].block*blockBytes+blockHeader); err != nil {
			return nil, err
		}
		e, _ := decodeEntry(&p) // which block checks
		starts[i] = x.Bucket(e.Hash)
	}
	if !slices.IsSorted(starts) {
		return nil, nil
	}
	for i := range parts {
		parts[i].from, parts[i].to = starts[i]+1, starts[i+1]
	}
	if n > 0 {
		parts[0].from = 0
	}
	return parts, nil
}

// fill enters the entries of a part that are alive into its buckets, and
// returns those of others.
func (r *Reader) fill(p *part, x *index.Index, b *block, known *numbers, out *result) (rest []index.Entry, err error) {
	f := x.Filler(p.from, p.to)
	defer f.Close()
	for n := p.block; n < p.blocks && out.goesOn(); n++ {
		gone, err := r.block(b, n, known)
		if err != nil {
			return nil, err
		}
		out.dropped.Add(gone)
		some, err := f.Fill(b.entries)
		if err != nil {
			return nil, err
		}
		rest = append(rest, some...)
	}
	return rest, nil
}
