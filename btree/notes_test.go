package btree

import (
	"testing"
	"time"

	"github.com/kvbench/kvbench/btree/pace"
	"github.com/kvbench/kvbench/engine"
)

func TestEventsSayWhatWasDoneAndWhy(t *testing.T) {
	began, took := time.Unix(1e9, 0), 3*time.Second
	on := checkpointNote{
		cause: pace.Log, generation: 7, began: began, took: took, log: 100,
		pages: 10, copied: 3, mapPages: 2, pageBytes: 4096,
	}
	late := on
	late.late, late.cause = true, pace.Asked
	for _, c := range []struct{ got, want engine.Event }{
		{on.event(), engine.Event{
			Kind: "checkpoint", BytesIn: 100, BytesOut: 12 * 4096,
			Detail: "generation 7, reason log: 10 pages, 3 of them copied for it, and 2 of the map",
		}},
		{late.event(), engine.Event{
			Kind: "checkpoint", BytesIn: 100, BytesOut: 12 * 4096,
			Detail: "generation 7, reason asked for: 10 pages, 3 of them copied for it, and 2 of the map, late",
		}},
		{noteClean(began, took, 5, 8192), engine.Event{Kind: "clean", BytesOut: 5 * 8192, Detail: "5 pages, reason clean_share"}},
		{noteShrink(began, took, 100, 40, 7, 8192), engine.Event{
			Kind: "shrink", BytesOut: 7 * 8192, Detail: "from 100 slots to 40, 7 pages moved, reason shrink_slack",
		}},
		{noteMerge(began, took, 4), engine.Event{
			Kind: "merge", Detail: "4 pages are gone, reason merge_below",
		}},
		{noteLoad(began, took, 1000, 9, 1, 2, 4096), engine.Event{
			Kind: "load", BytesIn: 1000, BytesOut: 8192, Detail: "9 rows in 1 leaves, 2 pages",
		}},
	} {
		c.want.Start, c.want.Duration = began, took
		if c.got != c.want {
			t.Errorf("%+v\nwant %+v", c.got, c.want)
		}
	}
}
