package manifest

import (
	"errors"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/engine/wal"
)

// position draws an LSN that is maybe not above what is now, and maybe none.
func position(t *rapid.T, now wal.LSN) wal.LSN {
	return now - min(1, now) + wal.LSN(rapid.Uint64Range(0, 3).Draw(t, "step"))
}

// edit draws an edit of a few segments, of which some break a rule.
func edit(t *rapid.T, s State) Edit {
	var e Edit
	if rapid.IntRange(0, 3).Draw(t, "drop") == 0 {
		e.Drop = []uint16{rapid.Uint16Range(1, 6).Draw(t, "dropped")}
	}
	for range rapid.IntRange(0, 2).Draw(t, "adds") {
		n := rapid.Uint16Range(0, 6).Draw(t, "number")
		g := seg(n, Log(1+n%2), rapid.Uint32Range(1, 8).Draw(t, "id"))
		g.Ops = rapid.Uint64Range(0, 1<<20).Draw(t, "ops")
		e.Add = append(e.Add, g)
	}
	if len(s.Segments) > 0 && rapid.Bool().Draw(t, "change") {
		g := rapid.SampledFrom(s.Segments).Draw(t, "changed")
		g.Bytes = rapid.Int64Range(0, math.MaxInt64).Draw(t, "bytes")
		g.Frames = rapid.Int64Range(0, math.MaxInt64).Draw(t, "frames")
		g.Live = rapid.Int64Range(0, g.Frames).Draw(t, "live")
		g.Ops = uint64(rapid.Int64Range(0, g.Frames).Draw(t, "ops"))
		g.Expiring = rapid.Int64Range(-1, math.MaxInt64).Draw(t, "expiring")
		g.Expires = rapid.Int64().Draw(t, "expires")
		g.Lowest = rapid.Uint64().Draw(t, "lowest")
		g.Highest = rapid.Uint64Min(g.Lowest).Draw(t, "highest")
		g.Hinted = rapid.Bool().Draw(t, "hinted")
		e.Change = []Segment{g}
	}
	e.From, e.ColdFrom = position(t, s.From), position(t, s.ColdFrom)
	e.Through, e.ColdThrough = position(t, s.Through), position(t, s.ColdThrough)
	switch rapid.IntRange(0, 3).Draw(t, "snapshot") {
	case 0:
		e.Snapshot = &Snapshot{}
	case 1:
		to := Snapshot{
			Name:       rapid.StringMatching("[a-z]{1,9}").Draw(t, "name"),
			Covers:     position(t, s.Snapshot.Covers),
			ColdCovers: position(t, s.Snapshot.ColdCovers),
		}
		to.Through, to.ColdThrough = position(t, to.Covers), position(t, to.ColdCovers)
		e.Snapshot = &to
	}
	return e
}

func TestAnyHistoryIsReadAsTheModelHasIt(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := newDir(t)
		x, err := Create(m, dir, 7)
		if err != nil {
			rt.Fatal(err)
		}
		x.long = rapid.SampledFrom([]int{0, 500, longBytes}).Draw(rt, "long")
		var done []Edit
		for range rapid.IntRange(0, 25).Draw(rt, "edits") {
			now := model(7, done)
			e := edit(rt, now)
			switch err := x.Apply(e); {
			case err == nil:
				done = append(done, e)
				if e.From != 0 && e.From < now.From || e.ColdFrom != 0 && e.ColdFrom < now.ColdFrom {
					rt.Fatalf("%+v goes back from %+v", e, now)
				}
				if to := e.Snapshot; to != nil && (to.Covers > to.Through || to.ColdCovers > to.ColdThrough) {
					rt.Fatalf("%+v covers what is not durable", to)
				}
				if len(e.Change) > 0 && e.Change[0].Expiring < 0 {
					rt.Fatalf("%+v has less than nothing", e.Change)
				}
			case !errors.Is(err, ErrEdit):
				rt.Fatal(err)
			}
			if got, want := x.State(), model(7, done); !same(got, want) {
				rt.Fatalf("after %+v: %v\n%+v, want\n%+v", e, err, got, want)
			}
			if s, err := Read(m.Image(vfs.Synced), dir); err != nil || !same(s, x.State()) {
				rt.Fatal(s, err)
			}
		}
		if err := x.Close(); err != nil {
			rt.Fatal(err)
		}
		if x, err = Open(m, dir); err != nil || !same(x.State(), model(7, done)) {
			rt.Fatal(err)
		}
		if err := x.Close(); err != nil {
			rt.Fatal(err)
		}
	})
}

func TestAllSegmentsThereCanBeFitIntoAnEdit(t *testing.T) {
	var add, change []Segment
	for n := range math.MaxUint16 {
		g := seg(uint16(n+1), Hot, uint32(n+1))
		g.Lowest, g.Highest = math.MaxUint64-1, math.MaxUint64
		add = append(add, g)
		g.Hinted, g.Ops = true, uint64(n)
		change = append(change, g)
	}
	m := newDir(t)
	x, err := Create(m, dir, 7)
	if err != nil {
		t.Fatal(err)
	}
	// There is nothing longer: what an edit drops, it does not add.
	all := Edit{
		Add: add, Change: change, From: math.MaxUint64, ColdFrom: math.MaxUint64,
		Through: math.MaxUint64, ColdThrough: math.MaxUint64,
		Snapshot: &Snapshot{
			Name: strings.Repeat("s", maxName), Covers: 1, ColdCovers: 1,
			Through: math.MaxUint64, ColdThrough: math.MaxUint64,
		},
	}
	again := Edit{Change: add}
	for _, e := range []Edit{all, again, {Change: change}} {
		if err := x.Apply(e); err != nil {
			t.Fatal(err)
		}
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err := Read(m, dir); err != nil || !same(s, model(7, []Edit{all})) {
		t.Fatal(len(s.Segments), err)
	}
}
