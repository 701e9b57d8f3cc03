package experiments

import (
	"context"
	"fmt"
	"math/rand/v2"
)

// fileSize is how much a study puts into an engine whose cache is far smaller.
type fileSize struct {
	records uint64
	value   int
	cache   string
	ops     int // of each kind that is measured
}

func sizeOfFile(s Scale) fileSize {
	return pick(s,
		fileSize{records: 40_000, value: 200, cache: "2m", ops: 3000},
		fileSize{records: 400_000, value: 200, cache: "8m", ops: 30_000},
		fileSize{records: 4_000_000, value: 200, cache: "64m", ops: 300_000},
	)
}

// fill writes all records in random order.
func (z fileSize) fill(ctx context.Context, b *Rig) error {
	for _, i := range rand.New(rand.NewPCG(b.lab.Seed, 11)).Perm(int(z.records)) {
		if err := b.Write(ctx, uint64(i), z.value); err != nil {
			return err
		}
	}
	return nil
}

// each does something to as many records, drawn evenly, as the size says.
func (z fileSize) each(ctx context.Context, b *Rig, stream uint64, do func(i uint64) error) error {
	draw := rand.New(rand.NewPCG(b.lab.Seed, stream))
	for range z.ops {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := do(draw.Uint64N(z.records)); err != nil {
			return err
		}
	}
	return nil
}

func (z fileSize) gets(ctx context.Context, b *Rig) error {
	return z.each(ctx, b, 12, func(i uint64) error {
		found, err := b.Read(i)
		if err == nil && !found {
			err = fmt.Errorf("%s: record %d is absent", b.Label, i)
		}
		return err
	})
}

func (z fileSize) overwrites(ctx context.Context, b *Rig) error {
	return z.each(ctx, b, 13, func(i uint64) error { return b.Write(ctx, i, z.value) })
}

// scans are fewer, the longer they are.
func (z fileSize) scans(ctx context.Context, b *Rig, rows int) error {
	z.ops = max(z.ops/(10+rows), 20)
	return z.each(ctx, b, 14, func(i uint64) error { return b.Walk(i, rows) })
}
