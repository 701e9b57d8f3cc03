package machine

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"time"
)

// A DiskProbe is what a disk was found to do. What was not reached is nil.
type DiskProbe struct {
	FdatasyncUs   *float64 // median of a 4 KiB append with its fdatasync
	Write4KUs     *float64 // median of a buffered 4 KiB append
	Read4KUs      *float64 // median of a 4 KiB pread of what is in memory
	SequentialMBS *float64 // 1e6 bytes a second, with one fsync at the end
}

const (
	probePage  = 4 << 10
	probeChunk = 1 << 20

	// What the parts may take and write. A single sync cannot be cut short, so
	// that a disk on which one takes long may exceed them.
	syncBudget   = 400 * time.Millisecond
	syncTries    = 200
	accessBudget = 100 * time.Millisecond
	accessTries  = 1024
	streamBudget = 300 * time.Millisecond
	streamBytes  = 48 << 20
)

// ProbeDisk measures the disk below dir, which exists, in less than about 1.5
// seconds and with at most 64 MiB written to a file that it removes, also when
// it fails or ctx ends. What was measured until then is returned with the
// error. A full or read-only disk is an error that wraps the cause.
//
// What is written does not compress. Without fdatasync (other systems than
// Linux) fsync takes its place.
func ProbeDisk(ctx context.Context, dir string) (DiskProbe, error) {
	var p DiskProbe
	pages := incompressible()
	parts := []func(context.Context, *os.File, []byte) error{p.small, p.stream}
	for _, part := range parts {
		err := withFile(dir, func(f *os.File) error { return part(ctx, f, pages) })
		if err != nil {
			return p, fmt.Errorf("probe disk: %w", err)
		}
	}
	return p, nil
}

// withFile hands a new file in dir to use and removes it. What is still dirty
// then need not reach the disk.
func withFile(dir string, use func(*os.File) error) (err error) {
	f, err := os.CreateTemp(dir, "kvbench-probe-*")
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, f.Close(), os.Remove(f.Name()))
	}()
	return use(f)
}

// small measures accesses of one page, first synced, then in memory.
func (p *DiskProbe) small(ctx context.Context, f *os.File, pages []byte) (err error) {
	appendPage := func(i int) error {
		_, err := f.Write(page(pages, i))
		return err
	}
	appendSynced := func(i int) error {
		if err := appendPage(i); err != nil {
			return err
		}
		return syncData(f)
	}
	// The first sync also carries the file's creation.
	if err := errors.Join(ctx.Err(), appendSynced(0)); err != nil {
		return err
	}
	if p.FdatasyncUs, err = medianUs(ctx, syncTries, syncBudget, appendSynced); err != nil {
		return err
	}
	if p.Write4KUs, err = medianUs(ctx, accessTries, accessBudget, appendPage); err != nil {
		return err
	}
	size, err := f.Seek(0, io.SeekCurrent)
	if err != nil {
		return err
	}
	buf := make([]byte, probePage)
	p.Read4KUs, err = medianUs(ctx, accessTries, accessBudget, func(i int) error {
		// An odd stride visits the pages out of order.
		at := int64(i) * 7919 % (size / probePage) * probePage
		_, err := f.ReadAt(buf, at)
		return err
	})
	return err
}

// stream measures one long write. A first chunk tells how much fits in the
// budget; on a slow disk it is the measurement.
func (p *DiskProbe) stream(ctx context.Context, f *os.File, pages []byte) error {
	const slow = 100 * time.Millisecond
	took, err := writeSynced(ctx, f, pages, probeChunk)
	if err != nil {
		return err
	}
	bytes := int64(probeChunk)
	if took < slow {
		perChunk := took
		if p.FdatasyncUs != nil { // once for all chunks
			perChunk -= time.Duration(*p.FdatasyncUs * 1e3)
		}
		perChunk = max(perChunk, took/8, time.Microsecond)
		bytes = min(streamBytes, max(1, int64(streamBudget/perChunk))*probeChunk)
		if took, err = writeSynced(ctx, f, pages, bytes); err != nil {
			return err
		}
	}
	p.SequentialMBS = new(float64(bytes) / 1e6 / took.Seconds())
	return nil
}

// writeSynced appends chunks, syncs once, and returns the time of both, which
// is positive.
func writeSynced(ctx context.Context, f *os.File, pages []byte, bytes int64) (time.Duration, error) {
	start := time.Now()
	for ; bytes > 0; bytes -= probeChunk {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		if _, err := f.Write(pages); err != nil {
			return 0, err
		}
	}
	if err := f.Sync(); err != nil {
		return 0, err
	}
	return max(time.Since(start), 1), nil
}

// medianUs times calls of op until tries or the budget are used up; at least
// one is timed unless ctx has ended.
func medianUs(
	ctx context.Context, tries int, budget time.Duration, op func(i int) error,
) (*float64, error) {
	took := make([]float64, 0, tries)
	base := time.Now()
	for i := 0; i < tries; i++ {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		start := time.Since(base)
		if i > 0 && start > budget {
			break
		}
		if err := op(i); err != nil {
			return nil, err
		}
		took = append(took, float64(max(time.Since(base)-start, 1))/1e3)
	}
	return new(median(took)), nil
}

// incompressible returns a chunk of random bytes, always the same, since file
// systems and drives may compress.
func incompressible() []byte {
	random := rand.NewPCG(1, 2)
	chunk := make([]byte, probeChunk)
	for i := 0; i < len(chunk); i += 8 {
		binary.LittleEndian.PutUint64(chunk[i:], random.Uint64())
	}
	return chunk
}

// page returns the i-th page of a chunk, from the start again after the last.
func page(chunk []byte, i int) []byte {
	at := i * probePage % len(chunk)
	return chunk[at : at+probePage]
}
