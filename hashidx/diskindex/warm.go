package diskindex

import (
	"github.com/kvbench/kvbench/engine/cache"
)

// A warmth is which buckets of a new file should be in the cache, as a bit for
// each: those whose range of the old file is there.
type warmth []uint64

// warmth looks which buckets of a file that takes another's place deserve the
// cache.
func (x *Index) warmth(old, next *file) warmth {
	if old == nil || x.options.CacheBytes <= 0 {
		return nil
	}
	w := make(warmth, (next.buckets+63)/64)
	hits := uint64(0)
	for i := range w {
		g := x.domain.Pin()
		for b := uint64(i) * 64; b < min(uint64(i+1)*64, next.buckets); b++ {
			first, last := firstOf(b, next.buckets), firstOf(b+1, next.buckets)
			at, _ := ((first + last) / 2).bucketOf(old.buckets)
			if _, ok := x.cache.Get(cache.Key{File: old.id, Offset: at + 1}); ok {
				w[i] |= 1 << (b % 64)
				hits++
			}
		}
		g.Unpin()
	}
	// These were no lookups.
	x.probeHits.Add(hits)
	x.probeMisses.Add(next.buckets - hits)
	return w
}

// warm reads buckets into the cache, neighbours at once. It is a favor: an
// error ends it, and a lookup that meets it again tells.
func (x *Index) warm(f *file, w warmth) {
	if len(w) == 0 {
		return
	}
	r := newReader(f, chunkPages)
	for b := uint64(0); b < f.buckets; {
		first := b
		for b < min(f.buckets, first+chunkPages) && w[b/64]>>(b%64)&1 != 0 {
			b++
		}
		if b == first {
			b++
		} else if !x.insert(r, first, b) {
			return
		}
	}
}

// insert reads the buckets from first to before end into the cache.
func (x *Index) insert(r *reader, first, end uint64) bool {
	chunk := r.chunk[:(end-first)*pageBytes]
	if r.file.read(chunk, int64(first+1)*pageBytes) != nil {
		return false
	}
	for b := first; b < end; b, chunk = b+1, chunk[pageBytes:] {
		p := (*page)(chunk)
		if r.file.check(p, b+1) != nil {
			return false
		}
		k := cache.Key{File: r.file.id, Offset: b + 1}
		h, err := x.cache.Insert(k, pageBytes, admission(), func(to []byte) error {
			copy(to, p[:])
			return nil
		})
		if err != nil {
			return false
		}
		h.Release()
	}
	return true
}
