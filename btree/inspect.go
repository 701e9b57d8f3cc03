package btree

import (
	"cmp"
	"context"
	"fmt"
	"math/bits"
	"slices"
	"strconv"

	"github.com/kvbench/kvbench/btree/page"
	"github.com/kvbench/kvbench/btree/store"
	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/wal"
)

// An inspection describes a directory, without opening the engine: the last
// checkpoint, all of which it reads, and the log.
type inspection struct {
	*verifier
	damages int
	log     *logCheck
	runs    []freeRun // by size
	free    uint64    // slots
	layout  engine.Layout
}

// A freeRun counts runs of free slots, of 2^n to 2^(n+1)-1 slots.
type freeRun struct{ runs, slots uint64 }

// inspect implements engine.Driver.Inspect. It fails for no damage.
func inspect(ctx context.Context, dir string, env engine.Env) (engine.Layout, error) {
	s := new(inspection)
	v, err := newVerifier(ctx, dir, env, s.damage)
	if err != nil {
		return engine.Layout{}, fmt.Errorf("inspect btree: %w", err)
	}
	defer v.end()
	s.verifier = v
	if err := s.look(); err != nil {
		return engine.Layout{}, fmt.Errorf("inspect btree: %w", err)
	}
	return s.layout, nil
}

func (s *inspection) fact(name, format string, args ...any) {
	s.layout.Facts = append(s.layout.Facts, engine.Fact{Name: name, Value: fmt.Sprintf(format, args...)})
}

// shownDamages is how many are told of; Verify tells of all.
const shownDamages = 10

// damage is what the verifier reports.
func (s *inspection) damage(p engine.Problem) {
	if s.damages++; s.damages <= shownDamages {
		s.fact("damage", "%s at %d: %s", p.File, p.Offset, p.Detail)
	}
}

func (s *inspection) look() (err error) {
	for _, step := range []func() error{
		s.openFile, s.readMap, s.readPages, s.walkTree, s.walkChains, s.findLost,
	} {
		if err := step(); err != nil {
			return err
		}
	}
	if s.log, err = s.readLog(func(wal.Record, error) {}); err != nil {
		return err
	}
	if s.damages > shownDamages {
		s.fact("damage", "%d more", s.damages-shownDamages)
	}
	s.fact("format", "%d", format)
	if s.Exists(suspectName) {
		s.fact("suspect", "a sync of %s failed; the next Open writes it anew", dataName)
	}
	if s.known {
		s.countFree()
		s.checkpointFacts()
		s.pageFacts()
		s.spaceFacts()
	} else if s.damages == 0 {
		s.fact("data", "none: the tree is new")
	}
	s.fact("log records to replay", "%d", s.log.records)
	s.fact("ops in them", "%d", s.log.ops)
	s.fact("log payload bytes", "%d", s.log.bytes)
	s.layout.Tables = append(s.layout.Tables, s.levelTable(), s.fillTable(), s.freeTable(), s.chainTable(), s.segmentTable())
	return s.Err()
}

// countFree finds the runs of slots that the checkpoint does not use.
func (s *inspection) countFree() {
	end := uint64(len(s.owners))
	for at := store.Reserved(s.sb.PageBytes); at < end; {
		n := uint64(0)
		for at+n < end && s.owners[at+n] == 0 {
			n++
		}
		if n == 0 {
			at++
			continue
		}
		k := bits.Len64(n) - 1
		for len(s.runs) <= k {
			s.runs = append(s.runs, freeRun{})
		}
		s.runs[k].runs++
		s.runs[k].slots += n
		s.free += n
		at += n
	}
}

// checkpointFacts are what the superblock says.
func (s *inspection) checkpointFacts() {
	b := &s.sb
	mode := modeWAL
	if b.Cow {
		mode = modeCOW
	}
	s.fact(modeName, "%s", mode)
	s.fact("page bytes", "%d", b.PageBytes)
	s.fact("generation", "%d", b.Generation)
	s.fact("stamp", "%d", b.Stamp)
	s.fact("keys", "%d", b.Keys)
	s.fact("page ids", "%d", b.Pages)
	if b.Damage != nil {
		s.fact("superblock that does not count", "%v", b.Damage)
	}
	s.fact("recovery replays the log from", "%v", wal.LSN(b.LogFrom))
	s.fact("the log was durable through", "%v", wal.LSN(b.LogThrough))
}

// pageFacts are what was found in pages.
func (s *inspection) pageFacts() {
	c := &s.census
	var inner levelCount
	for _, l := range c.levels[1:] {
		inner.pages += l.pages
		inner.used += l.used
	}
	leaves := c.levels[0]
	s.fact("height", "%d", c.height)
	s.fact("leaves", "%d", leaves.pages)
	s.fact("inner pages", "%d", inner.pages)
	s.fact("overflow pages", "%d", c.overflows)
	maps, directories := store.MapPages(s.sb.PageBytes, s.sb.Pages)
	s.fact("map and directory pages", "%d, %d", maps, directories)
	s.fact("keys that expire", "%d", c.expiring)
	s.fact("large values", "%d", len(s.chains))
	s.fact("bytes of large values", "%d", c.chained)
	s.fact("fill of leaves", "%s", s.share(leaves.used, leaves.pages))
	s.fact("fill of inner pages", "%s", s.share(inner.used, inner.pages))
	s.fact("fill of overflow pages", "%s", s.share(c.overflowBytes, c.overflows))
	s.fact("leaves with the next one behind them in the file", "%s", percent(int64(c.neighbours), int64(leaves.pages-1)))
}

// spaceFacts are about the file.
func (s *inspection) spaceFacts() {
	slots := uint64(len(s.owners))
	reserved := store.Reserved(s.sb.PageBytes)
	s.fact("file bytes", "%d", s.size)
	s.fact("slots", "%d", slots)
	s.fact("slots for superblocks", "%d", min(reserved, slots))
	s.fact("slots in use", "%d", slots-min(reserved, slots)-s.free)
	s.fact("slots free", "%d", s.free)
	s.fact("free", "%s", percent(int64(s.free), int64(slots)))
	s.fact("file bytes behind the checkpoint", "%d", max(0, s.size-s.offset(s.sb.Slots)))
}

// share is how full pages are that use so many bytes.
func (s *inspection) share(used int64, pages int) string {
	return percent(used, int64(pages)*int64(s.sb.PageBytes))
}

func percent(part, all int64) string {
	if all <= 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f%%", 100*float64(part)/float64(all))
}

func decimal[T ~int | ~int64 | ~uint64 | ~uint32](n T) string { return fmt.Sprintf("%d", n) }

func (s *inspection) levelTable() engine.LayoutTable {
	t := engine.LayoutTable{
		Title:   "levels (0 has the leaves; entries of the others are separators)",
		Columns: []string{"level", "pages", "bytes", "entries", "entries per page", "fill"},
	}
	for i := s.census.height - 1; i >= 0; i-- {
		l := &s.census.levels[i]
		each := "-"
		if l.pages > 0 {
			each = strconv.FormatFloat(float64(l.entries)/float64(l.pages), 'f', 1, 64)
		}
		t.Rows = append(t.Rows, []string{
			decimal(i), decimal(l.pages), decimal(l.pages * s.sb.PageBytes), decimal(l.entries), each, s.share(l.used, l.pages),
		})
	}
	return t
}

func (s *inspection) fillTable() engine.LayoutTable {
	t := engine.LayoutTable{Title: "leaves by fill", Columns: []string{"from", "to", "leaves", "share"}}
	if !s.known {
		return t
	}
	for i, n := range s.census.fills {
		t.Rows = append(t.Rows, []string{
			decimal(i*100/fillSteps) + "%", decimal((i+1)*100/fillSteps) + "%", decimal(n),
			percent(int64(n), int64(s.census.levels[0].pages)),
		})
	}
	return t
}

func (s *inspection) freeTable() engine.LayoutTable {
	t := engine.LayoutTable{Title: "runs of free slots", Columns: []string{"slots in a row", "runs", "slots", "bytes"}}
	for k, r := range s.runs {
		if r.runs == 0 {
			continue
		}
		length := decimal(uint64(1) << k)
		if k > 0 {
			length += " to " + decimal(uint64(2)<<k-1)
		}
		t.Rows = append(t.Rows, []string{length, decimal(r.runs), decimal(r.slots), decimal(r.slots * uint64(s.sb.PageBytes))})
	}
	return t
}

// shownChains is how many of the largest values are listed.
const shownChains = 10

func (s *inspection) chainTable() engine.LayoutTable {
	t := engine.LayoutTable{Title: "largest values", Columns: []string{"bytes", "pages", "leaf", "entry", "first page"}}
	largest := slices.Clone(s.chains)
	slices.SortStableFunc(largest, func(a, b chain) int { return cmp.Compare(b.length, a.length) })
	for _, c := range largest[:min(len(largest), shownChains)] {
		room := page.OverflowRoom(s.sb.PageBytes)
		t.Rows = append(t.Rows, []string{
			decimal(c.length), decimal((c.length + room - 1) / room), decimal(c.leaf), decimal(int(c.entry)), decimal(c.first),
		})
	}
	return t
}

func (s *inspection) segmentTable() engine.LayoutTable {
	t := engine.LayoutTable{Title: "log segments", Columns: []string{"id", "bytes", "from", "to", "replayed"}}
	from := wal.LSN(s.sb.LogFrom)
	for i := range s.log.segments {
		g := &s.log.segments[i]
		replayed := "yes"
		if from.Segment() > g.ID {
			replayed = "no"
		} else if g.Begin < from {
			replayed = fmt.Sprintf("from %v", from)
		}
		t.Rows = append(t.Rows, []string{decimal(g.ID), decimal(g.Size), g.Begin.String(), g.End.String(), replayed})
	}
	return t
}
