package experiments

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"strconv"
)

// treeSize is how much an LSM tree of a study holds. The memory and the levels
// are scaled with it, so that the tree has as many levels as a large one.
type treeSize struct {
	records    uint64
	value      int
	step       int // bytes from flush to flush
	overwrites uint64
	gets       uint64
}

func sizeOfTree(s Scale) treeSize {
	return pick(s,
		treeSize{records: 12_000, value: 100, step: 48 << 10, overwrites: 18_000, gets: 4000},
		treeSize{records: 400_000, value: 100, step: 1 << 20, overwrites: 800_000, gets: 50_000},
		treeSize{records: 4_000_000, value: 100, step: 8 << 20, overwrites: 8_000_000, gets: 200_000},
	)
}

// settings are those of a tree of that size, with others on top.
func (z treeSize) settings(others map[string]string) map[string]string {
	all := map[string]string{
		// Larger than a step, so that it is the rest that flushes.
		"memtable_bytes": strconv.Itoa(4 * z.step),
		"memory_bytes":   strconv.Itoa(16 * z.step),
		"base_bytes":     strconv.Itoa(4 * z.step),
		"table_bytes":    strconv.Itoa(2 * z.step),
		"cache_bytes":    "0", // what is not read from a file is not seen
		"prepopulate":    "off",
		"compactions":    "1", // the order of compactions is then the picker's alone
	}
	maps.Copy(all, others)
	return all
}

// fill writes all records in random order.
func (z treeSize) fill(ctx context.Context, b *Rig) error {
	order := rand.New(rand.NewPCG(b.lab.Seed, 1)).Perm(int(z.records))
	for _, i := range order {
		if err := b.Write(ctx, uint64(i), z.value); err != nil {
			return err
		}
	}
	return nil
}

// overwrite writes records drawn evenly.
func (z treeSize) overwrite(ctx context.Context, b *Rig) error {
	draw := rand.New(rand.NewPCG(b.lab.Seed, 2+uint64(b.phases)<<8))
	for range z.overwrites {
		if err := b.Write(ctx, draw.Uint64N(z.records), z.value); err != nil {
			return err
		}
	}
	return nil
}

// lookups reads records drawn evenly; absent ones are between those there are.
func (z treeSize) lookups(b *Rig, absent bool) error {
	draw := rand.New(rand.NewPCG(b.lab.Seed, 3+uint64(b.phases)<<8))
	for range z.gets {
		i := draw.Uint64N(z.records)
		if absent {
			i += z.records
		}
		found, err := b.Read(i)
		if err != nil {
			return err
		}
		if found == absent {
			return fmt.Errorf("%s: record %d: found %v, want %v", b.Label, i, found, !absent)
		}
	}
	return nil
}

// scans walks n records from places drawn evenly.
func (z treeSize) scans(b *Rig, n int) error {
	draw := rand.New(rand.NewPCG(b.lab.Seed, 4+uint64(b.phases)<<8))
	for range z.gets / 4 {
		if err := b.Walk(draw.Uint64N(z.records), n); err != nil {
			return err
		}
	}
	return nil
}

// moments is how often a tree is looked at while it is overwritten.
const moments = 6

// work fills the tree of a side, and then overwrites a part of it and reads,
// several times: cells fill, overwrite, get, absent and scan.
func (z treeSize) work(ctx context.Context, l *Lab, s Side) error {
	b, err := l.Open(s)
	if err != nil {
		return err
	}
	b.StepBytes = uint64(z.step)
	if err := b.Measure(ctx, "fill", func() error { return z.fill(ctx, b) }); err != nil {
		return err
	}
	z.overwrites, z.gets = z.overwrites/moments, z.gets/moments
	for range moments {
		err := b.MeasureEach(
			ctx,
			part{"overwrite", func() error { return z.overwrite(ctx, b) }},
			part{"get", func() error { return z.lookups(b, false) }},
			part{"absent", func() error { return z.lookups(b, true) }},
			part{"scan", func() error { return z.scans(b, 10) }},
		)
		if err != nil {
			return err
		}
	}
	return b.Finish()
}

// workOn is a study's Run that does the work of its scale on every side.
func workOn(sides func(Scale) []Side) func(context.Context, *Lab) error {
	return func(ctx context.Context, l *Lab) error {
		for _, s := range sides(l.Scale) {
			if err := sizeOfTree(l.Scale).work(ctx, l, s); err != nil {
				return err
			}
		}
		return nil
	}
}
