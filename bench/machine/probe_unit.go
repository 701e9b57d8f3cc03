package machine

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"sync"
	"time"

	"github.com/kvbench/kvbench/results"
)

// ProbeUnitCosts measures what single steps of an engine's work take, files
// being in dir, which exists. It takes about half a second, 128 MiB of memory
// for that time, and writes at most 24 MiB to a file that it removes. What was
// measured is returned with an error; it leaves out what ProbeClock and
// ProbeDisk measure: the clock, Read4K and Fdatasync. DeviceRead4K is null
// where files cannot be read past the page cache.
//
// Every figure is a median over batches, so that a collection of garbage or
// another process's turn on the processor does not show in it.
func ProbeUnitCosts(ctx context.Context, dir string) (results.UnitCosts, error) {
	var u results.UnitCosts
	for _, part := range []func(*results.UnitCosts){memoryCosts, computeCosts, allocationCosts, threadCosts} {
		if err := ctx.Err(); err != nil {
			return u, fmt.Errorf("probe unit costs: %w", err)
		}
		part(&u)
	}
	if err := fileCosts(ctx, dir, &u); err != nil {
		return u, fmt.Errorf("probe unit costs: %w", err)
	}
	return u, nil
}

// perCall returns the nanoseconds of one call: the median of batches, each of
// which calls do with the number of repetitions that it owes.
func perCall(batches, each int, do func(n int)) *float64 {
	do(each/8 + 1)
	took := make([]float64, batches)
	for i := range took {
		start := time.Now()
		do(each)
		took[i] = float64(max(time.Since(start), 1)) / float64(each)
	}
	return new(median(took))
}

// memoryCosts follows a chain that visits every cache line of more memory than
// caches hold, in random order, and then copies one half over the other.
func memoryCosts(u *results.UnitCosts) {
	const bytes, line = 128 << 20, 64 / 4
	memory := make([]uint32, bytes/4)
	chain(memory, line)
	at := uint32(0)
	u.DRAM = perCall(9, 20_000, func(n int) {
		for range n {
			at = memory[at]
		}
	})
	memory[at]++ // the chain is followed for something
	half := memory[:len(memory)/2]
	copied := perCall(5, 1, func(int) { copy(memory[len(half):], half) })
	u.CopyKiB = results.Num(*copied / (bytes / 2 >> 10))
}

// chain makes memory one cycle through the first word of every line, in random
// order (Sattolo's algorithm).
func chain(memory []uint32, line int) {
	lines := len(memory) / line
	for i := range lines {
		memory[i*line] = uint32(i * line)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for i := lines - 1; i > 0; i-- {
		j := random.IntN(i)
		memory[i*line], memory[j*line] = memory[j*line], memory[i*line]
	}
}

// computeCosts checks a page that stays in the cache, and asks the kernel and
// a mutex for nothing.
func computeCosts(u *results.UnitCosts) {
	const pageKiB = probePage >> 10
	table, chunk := crc32.MakeTable(crc32.Castagnoli), incompressible()[:probePage]
	sum := uint32(0)
	crc := perCall(15, 500, func(n int) {
		for range n {
			sum = crc32.Update(sum, table, chunk)
		}
	})
	u.CRCKiB = results.Num(*crc / pageKiB)
	pid := int(sum)
	u.Syscall = perCall(15, 2000, func(n int) {
		for range n {
			pid ^= os.Getppid()
		}
	})
	var mu sync.Mutex
	u.Mutex = perCall(15, 10_000, func(n int) {
		for range n {
			mu.Lock()
			pid++
			mu.Unlock()
		}
	})
}

// A heap keeps what is allocated from being proved useless.
type heap struct {
	object *struct {
		next *heap
		rest [3]uint64
	}
	bytes []byte
}

// allocationCosts allocates objects of 32 bytes with a pointer, and blocks of
// 8 KiB without. The collector runs beside a few of the batches.
func allocationCosts(u *results.UnitCosts) {
	const block = 8 << 10
	h := new(heap)
	u.Alloc = perCall(31, 1000, func(n int) {
		for range n {
			h.object = new(struct {
				next *heap
				rest [3]uint64
			})
		}
	})
	whole := perCall(31, 64, func(n int) {
		for range n {
			h.bytes = make([]byte, block)
		}
	})
	u.AllocKiB = results.Num(max(*whole-*u.Alloc, 0) / (block >> 10))
}

// threadCosts plays a value to and fro between two goroutines.
func threadCosts(u *results.UnitCosts) {
	to, fro := make(chan int), make(chan int)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for x := range to {
			fro <- x
		}
	}()
	round := perCall(15, 300, func(n int) {
		for i := range n {
			to <- i
			<-fro
		}
	})
	close(to)
	<-done
	u.Handoff = results.Num(*round / 2)
}

// fileCosts appends to a file, by the byte and by 64 KiB, and then reads it
// past the page cache.
func fileCosts(ctx context.Context, dir string, u *results.UnitCosts) error {
	const long, longs, bytes = 64 << 10, 64, 1000
	chunk := incompressible()
	return withFile(dir, func(f *os.File) error {
		write := func(size int) func(int) error {
			return func(i int) error {
				at := i * size % (len(chunk) - size + 1)
				_, err := f.Write(chunk[at : at+size])
				return err
			}
		}
		longUs, err := medianUs(ctx, longs, accessBudget, write(long))
		if err != nil {
			return err
		}
		callUs, err := medianUs(ctx, bytes, accessBudget, write(1))
		if err != nil {
			return err
		}
		u.WriteCall = results.Num(*callUs * 1e3)
		u.WriteKiB = results.Num(max(*longUs-*callUs, 0) * 1e3 / (long >> 10))
		// At least as long as the reads that follow are many.
		for i := range 16 {
			if err := errors.Join(ctx.Err(), write(probeChunk)(i)); err != nil {
				return err
			}
		}
		if err := f.Sync(); err != nil {
			return err
		}
		return deviceCost(ctx, f.Name(), u)
	})
}

// deviceCost reads pages out of order from a file that is on the device. A
// file system that cannot do without its page cache leaves the cost unknown.
func deviceCost(ctx context.Context, path string, u *results.UnitCosts) error {
	const pages = 16 * probeChunk / probePage
	f, err := openDirect(path)
	if err != nil {
		return nil //nolint:nilerr // unknown
	}
	defer f.Close()
	buf := aligned(probePage)
	us, err := medianUs(ctx, accessTries, accessBudget, func(i int) error {
		_, err := f.ReadAt(buf, int64(i)*7919%pages*probePage)
		return err
	})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err == nil {
		u.DeviceRead4K = results.Num(*us * 1e3)
	}
	return nil
}
