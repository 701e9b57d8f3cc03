package experiments

import (
	"context"

	"github.com/kvbench/kvbench/results"
)

func rum() Study {
	return Study{
		Name:     "rum",
		Title:    "Read, update, memory: pick two",
		Question: "Which overheads does each family of engines avoid, and with which does it pay?",
		Story: `An access method has three overheads. Reading: how much is read besides what was
asked for. Updating: how much is written besides what was given. Memory: how much
space there is besides the data, on disk or in memory. The RUM conjecture says
that a bound on two of them sets one on the third.

A hash index over a log reads one record in one step and appends each update
once; it pays with memory for every key, and with garbage in the log. A B+tree
changes data in place and has them in order; an update of a few bytes writes a
page. An LSM tree buffers and merges: leveled, it reads little and writes each
byte many times; tiered, it writes less, reads more, and keeps more old versions.

All engines get the same fill in random order, overwrites of records drawn
evenly, and gets. Their caches hold a part of the data or none, so that reads
are seen.`,
		Paper: "M. Athanassoulis, M. S. Kester, L. M. Maas, R. Stoica, S. Idreos, A. Ailamaki, M. Callaghan: Designing Access Methods: The RUM Conjecture. EDBT 2016",
		Look:  "Three figures an engine: bytes read a byte returned, bytes written a byte given, bytes on disk a live byte. None of the engines is least in all of them, and the one that reads and writes least has the most memory a record.",
		Needs: needsOf(cornersOf(Tiny)),
		Run: func(ctx context.Context, l *Lab) error {
			z := sizeOfTree(l.Scale)
			for _, s := range cornersOf(l.Scale) {
				if err := corner(ctx, l, s, "", 2*z.overwrites, evenly(z.records)); err != nil {
					return err
				}
			}
			return nil
		},
		Judge: judgeRUM,
	}
}

func judgeRUM(e *Evidence) {
	e.Figure = results.Figure{
		Kind: "triangle", Title: "Bytes a byte: written over read, and space",
		X: "read a byte returned", Y: "written a byte given / disk a live byte",
	}
	read := func(side string) Value { return e.At(side, "get", readPerByte()) }
	written := func(side string) Value { return e.At(side, "overwrite", writtenPerByte()) }
	space := func(side string) Value { return e.At(side, "overwrite", spacePerByte()) }
	memory := func(side string) Value { return e.At(side, "get", memoryPerRecord()) }
	for _, s := range cornersOf(e.Scale) {
		side := s.label()
		x := read(side)
		p := results.Point{Series: side, X: number(x.X)}
		if y, z := written(side), space(side); x.Known && y.Known && z.Known {
			p.Y, p.Z = results.Num(y.X), results.Num(z.X)
		}
		e.Figure.Points = append(e.Figure.Points, p)
	}
	e.Ascending("A hash index reads less than any tree", 2, read("hash"), read("lsm@leveled"))
	e.Ascending("and less than a B+tree", 2, read("hash"), read("btree"))
	e.Ascending("It writes less than a leveled tree", 1.3, written("hash"), written("lsm@leveled"))
	e.Ascending("but has more memory a record", 2, memory("lsm@leveled"), memory("hash"))
	e.Ascending("A tiered tree writes less than a leveled one", 1.3, written("lsm@tiered"), written("lsm@leveled"))
	e.Ascending("and takes more space", 1.1, space("lsm@leveled"), space("lsm@tiered"))
	e.Ascending("A B+tree writes more than a tiered tree when records are overwritten all over the place", 1.3, written("lsm@tiered"), written("btree"))
}
