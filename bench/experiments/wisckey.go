package experiments

import (
	"context"
	"strconv"

	"github.com/kvbench/kvbench/results"
)

func wisckeySizes() []int { return []int{64, 1024, 8192} }

func wisckey() Study {
	sides := func(s Scale) []Side {
		z := sizeOfTree(s)
		side := func(name, from string) Side {
			return Side{
				Engine: "lsm", Label: "lsm@" + name, Axes: map[string]string{"lsm.separate_bytes": from},
				Settings: z.settings(map[string]string{"separate_bytes": from}),
			}
		}
		return []Side{side("inline", "0"), side("separate", "1")}
	}
	return Study{
		Name:     "wisckey",
		Title:    "Keys and values apart",
		Question: "From which size of values on should they be kept out of the tree?",
		Story: `Compaction keeps keys in order, and drags the values along: each byte of a value
is written again at every level. If the tree holds only the key and where the
value is, in a file that nobody sorts, the tree is small and merges cost little.
What is written is then hardly more than the value itself, as long as garbage in
the files of values is collected rarely.

There are two prices. A scan finds its keys side by side and its values anywhere,
so that each record may cost a read of its own. And for small values the place of
a value is nearly as long as the value, so that little is gained.

The data of all sizes have the same number of bytes. Every value is overwritten
twice on average, garbage collection included.`,
		Paper: "L. Lu, T. S. Pillai, A. C. Arpaci-Dusseau, R. H. Arpaci-Dusseau: WiscKey: Separating Keys from Values in SSD-Conscious Storage. FAST 2016",
		Look:  "What is written falls with the size of values when they are apart, and hardly when they are in the tree. Look at the scans, too: apart, they read once a record, whatever its size.",
		Needs: needsOf(sides(Tiny)),
		Run: func(ctx context.Context, l *Lab) error {
			for _, s := range sides(l.Scale) {
				for _, size := range wisckeySizes() {
					if err := wisckeyTree(ctx, l, s, size); err != nil {
						return err
					}
				}
			}
			return nil
		},
		Judge: judgeWisckey,
	}
}

// wisckeyTree fills, overwrites and scans a tree of values of one size.
func wisckeyTree(ctx context.Context, l *Lab, s Side, size int) error {
	z := sizeOfTree(l.Scale)
	z.records = z.records * uint64(z.value+keyBytes) / uint64(size+keyBytes)
	z.value, z.overwrites, z.gets = size, 2*z.records, 400
	b, err := l.Open(s)
	if err != nil {
		return err
	}
	b.StepBytes = uint64(z.step)
	name := strconv.Itoa(size)
	if err := b.Measure(ctx, "fill-"+name, func() error { return z.fill(ctx, b) }); err != nil {
		return err
	}
	if err := b.Measure(ctx, "overwrite-"+name, func() error { return z.overwrite(ctx, b) }); err != nil {
		return err
	}
	if err := b.Measure(ctx, "scan-"+name, func() error { return z.scans(b, 10) }); err != nil {
		return err
	}
	return b.Finish()
}

func judgeWisckey(e *Evidence) {
	e.Figure = results.Figure{
		Kind: "lines", Title: "What is written, by the size of values", LogX: true,
		X: "bytes of a value", Y: "bytes written a byte, log and garbage collection included",
	}
	written := func(side string, size int) Value {
		v := e.At("lsm@"+side, "overwrite-"+strconv.Itoa(size), writtenPerByte())
		v.What += " at " + strconv.Itoa(size) + " B"
		return v
	}
	scan := func(side string, size int) Value {
		return e.At("lsm@"+side, "scan-"+strconv.Itoa(size), readsPerOp())
	}
	for _, size := range wisckeySizes() {
		for _, side := range []string{"inline", "separate"} {
			e.Plot(side, strconv.Itoa(size), written(side, size))
		}
	}
	e.Ascending("Apart, values of 1 KiB are written far less often", 1.5, written("separate", 1024), written("inline", 1024))
	e.Ascending("and those of 8 KiB, too", 1.5, written("separate", 8192), written("inline", 8192))
	e.Ascending("Apart, larger values cost less a byte", 1.1, written("separate", 1024), written("separate", 64))
	e.Ascending("A scan of small values reads more when they are apart", 2, scan("inline", 64), scan("separate", 64))
}
