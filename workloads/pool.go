package workloads

import (
	"encoding/binary"

	"github.com/kvbench/kvbench/workloads/dist"
)

const (
	// poolBytes is the part of a pool in which values begin.
	poolBytes = 1 << 20
	// piece is the unit of compressibility: the first part of each piece is
	// random and the rest is a run of one byte. Unlike a repetition of the
	// random part, a run compresses in a value that holds only some of it.
	piece = 256
	// pieceCost is what a compressor needs to describe a piece, about.
	pieceCost = 4
)

// newPool returns size bytes that a compressor makes about compress times as
// large; with 1 all are random. The stamps of small values shift the ratio of a
// store by up to a sixth. Equal arguments give equal bytes.
func newPool(seed uint64, size int, compress float64) []byte {
	r := dist.NewRand(dist.Derive(seed, streamPool))
	pool := make([]byte, (size+piece-1)/piece*piece)
	fresh := piece
	if compress < 1 {
		fresh = max(1, int(compress*piece)-pieceCost)
	}
	for p := 0; p < len(pool); p += piece {
		b := pool[p:][:piece]
		for i := 0; i < piece; i += 8 {
			binary.LittleEndian.PutUint64(b[i:], r.Uint64())
		}
		for i := fresh; i < piece; i++ {
			b[i] = b[i-1]
		}
	}
	return pool[:size]
}
