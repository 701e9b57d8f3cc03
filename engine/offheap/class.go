package offheap

import "math/bits"

// Size classes: up to 1 KiB each multiple of 64 bytes, above that 8 classes
// per doubling. So rounding up costs at most an eighth, apart from what is
// smaller than 512 bytes, and every object starts on a cache line of its own.
const (
	classStep     = 64
	fineBytes     = 1 << 10
	fineClasses   = fineBytes / classStep
	maxClassBytes = 1 << 20
	classCount    = fineClasses + 8*10 // 10 doublings from 1 KiB to 1 MiB
)

// classOf is the smallest class for n bytes, 1 to maxClassBytes.
func classOf(n int) int {
	last := uint(n - 1)
	if n <= fineBytes {
		return int(last / classStep)
	}
	top := bits.Len(last) - 1 // 10 or more
	return fineClasses + (top-10)*8 + int(last>>(top-3))&7
}

// classBytes is the size of the objects of a class.
func classBytes(class int) int {
	if class < fineClasses {
		return (class + 1) * classStep
	}
	doubling, eighth := (class-fineClasses)/8, (class-fineClasses)%8
	return fineBytes << doubling / 8 * (9 + eighth)
}

const (
	unitBytes  = 64 << 10
	chunkUnits = 64
	chunkBytes = unitBytes * chunkUnits

	// unitObjects is the most objects of a unit.
	unitObjects = unitBytes / classStep
)

// A shape is what spans of a class look like.
type shape struct {
	bytes   int // of an object
	units   int // of a span
	objects int // of a span
	shards  int
}

// shardedBytes is the largest class with more than one shard: for larger
// objects, filling them takes far longer than the lock.
const shardedBytes = 16 << 10

// shapeOf gives a class the smallest spans that leave at most a sixteenth of
// themselves unused.
func shapeOf(class int) shape {
	s := shape{bytes: classBytes(class), shards: 1}
	if s.bytes <= shardedBytes {
		s.shards = maxShards
	}
	for s.units = 1; ; s.units++ {
		span := s.units * unitBytes
		s.objects = span / s.bytes
		if s.objects > 0 && (span-s.objects*s.bytes)*16 <= span {
			return s
		}
	}
}

// shapes never changes.
var shapes = func() (all [classCount]shape) {
	for class := range all {
		all[class] = shapeOf(class)
	}
	return all
}()
