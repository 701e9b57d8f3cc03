package workloads

import (
	"encoding/binary"

	"github.com/kvbench/kvbench/workloads/dist"
)

const (
	// poolBytes is the part of a pool in which values begin.
	poolBytes = 1 << 20
	// piece is the unit of compressibility: the first part of each piece is
	// random and the rest repeats it, so that any value of some hundred bytes
	// compresses about as the whole pool does.
	piece = 128
)

// newPool returns size bytes that a compressor makes about compress times as
// large. Equal arguments give equal bytes. Every multiple of 8 bytes is random
// when compress is 1.
func newPool(seed uint64, size int, compress float64) []byte {
	r := dist.NewRand(dist.Derive(seed, streamPool))
	pool := make([]byte, (size+piece-1)/piece*piece)
	fresh := max(1, int(compress*piece+0.5))
	for p := 0; p < len(pool); p += piece {
		b := pool[p:][:piece]
		for i := 0; i < piece; i += 8 {
			binary.LittleEndian.PutUint64(b[i:], r.Uint64())
		}
		for i := fresh; i < piece; i++ {
			b[i] = b[i-fresh]
		}
	}
	return pool[:size]
}
