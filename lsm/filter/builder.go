package filter

import (
	"math"
	"slices"
)

// A Builder collects hashes, 8 bytes for each, and makes a filter of them.
type Builder struct {
	policy Policy // effective
	probes int
	hashes []uint64

	last, lastPrefix uint64
	keyed, prefixed  bool // there is a last one

	fuse fuseBuilder
}

// NewBuilder is a builder of filters as p says. It may build one after the
// other, and keeps its memory.
func NewBuilder(p Policy) *Builder {
	p = p.effective()
	return &Builder{policy: p, probes: p.probes(), fuse: fuseBuilder{most: maxFuseKeys}}
}

// Add adds the hash of a key. Keys that follow one another and are the same
// count once.
func (b *Builder) Add(hash uint64) {
	if b.policy.Kind == None || hash == b.last && b.keyed {
		return
	}
	b.last, b.keyed = hash, true
	b.hashes = append(b.hashes, hash)
}

// AddPrefix adds the hash of a prefix of the key that was added before it. The
// same prefix of keys that follow one another counts once.
func (b *Builder) AddPrefix(hash uint64) {
	if b.policy.Kind == None || hash == b.lastPrefix && b.prefixed {
		return
	}
	b.lastPrefix, b.prefixed = hash, true
	b.hashes = append(b.hashes, hash)
}

// Len is how many hashes there are.
func (b *Builder) Len() int { return len(b.hashes) }

// Size is how long the filter will be, in bytes, nearly.
func (b *Builder) Size() int {
	switch n := float64(len(b.hashes)); b.policy.Kind {
	case Bloom:
		return b.units(8)*8 + footerBytes
	case Blocked:
		return b.units(blockBytes)*blockBytes + footerBytes
	case Fuse8, Fuse16:
		// What the library takes, but for its rounding up to segments.
		cells := max(1.125, 0.875+0.25*math.Log(1e6)/math.Log(max(n, 2))) * n
		return int(cells)*int(b.policy.Kind-Fuse8+1) + footerBytes
	}
	return 0
}

// Reset forgets what was added.
func (b *Builder) Reset() {
	b.hashes = b.hashes[:0]
	b.keyed, b.prefixed = false, false
}

// Finish appends the filter of all that was added to dst, and resets b. Of
// kind None it is no bytes. A filter without keys contains none.
func (b *Builder) Finish(dst []byte) []byte {
	defer b.Reset()
	switch b.policy.Kind {
	case Bloom:
		dst, words := extend(dst, b.units(8)*8)
		for _, h := range b.hashes {
			setBloom(words, 8*uint64(len(words)), h, b.probes)
		}
		return appendFooter(dst, Bloom, 0, 0, 0, uint8(b.probes))
	case Blocked:
		return b.blocked(dst, b.units(blockBytes), b.probes)
	case Fuse8, Fuse16:
		out, ok := b.fuse.build(dst, b.policy.Kind, b.hashes)
		if !ok {
			// No one has seen it. A filter says itself of which kind it is.
			p := Policy{Blocked, b.policy.BitsPerKey}
			return b.blocked(dst, b.units(blockBytes), p.probes())
		}
		return out
	}
	return dst
}

func (b *Builder) blocked(dst []byte, n, probes int) []byte {
	dst, blocks := extend(dst, n*blockBytes)
	for _, h := range b.hashes {
		setBlocked(blocks, uint64(n), h, probes)
	}
	return appendFooter(dst, Blocked, 0, 0, 0, uint8(probes))
}

// units is how many pieces of so many bytes the keys' bits fill; not 0.
func (b *Builder) units(bytes int) int {
	n := b.policy.BitsPerKey * float64(len(b.hashes)) / float64(8*bytes)
	return int(n) + 1
}

// extend appends n zeros, with room for a footer, and returns them too.
func extend(dst []byte, n int) (out, added []byte) {
	at := len(dst)
	dst = slices.Grow(dst, n+footerBytes)[:at+n]
	clear(dst[at:])
	return dst, dst[at:]
}
