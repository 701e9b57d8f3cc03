package btree

import (
	"fmt"
	"time"

	"github.com/kvbench/kvbench/btree/pace"
	"github.com/kvbench/kvbench/engine"
)

// Kinds of events.
const (
	checkpointEvent = "checkpoint"
	cleanEvent      = "clean"
	shrinkEvent     = "shrink"
	mergeEvent      = "merge"
	stallEvent      = "stall"
	loadEvent       = "load"
)

// A checkpointNote is what the event of a checkpoint says. The event is sent
// when the superblock is durable, and before anybody is told so.
type checkpointNote struct {
	cause      pace.Cause
	generation uint64
	began      time.Time
	took       time.Duration
	log        int64 // bytes of log that recovery need not replay any more
	pages      int   // written
	copied     int   // of those, pages that writers changed meanwhile
	mapPages   int
	pageBytes  int
	late       bool // it ended with more log than log_bytes
}

func (n *checkpointNote) event() engine.Event {
	late := ""
	if n.late {
		late = ", late"
	}
	return engine.Event{
		Kind: checkpointEvent, Start: n.began, Duration: n.took, BytesIn: n.log,
		BytesOut: int64(n.pages+n.mapPages) * int64(n.pageBytes),
		Detail: fmt.Sprintf("generation %d, reason %v: %d pages, %d of them copied for it, and %d of the map%s",
			n.generation, n.cause, n.pages, n.copied, n.mapPages, late),
	}
}

// noteClean is the event of dirty pages that were written before a checkpoint
// wanted them, to make room for others.
func noteClean(began time.Time, took time.Duration, pages, pageBytes int) engine.Event {
	return engine.Event{
		Kind: cleanEvent, Start: began, Duration: took, BytesOut: int64(pages) * int64(pageBytes),
		Detail: fmt.Sprintf("%d pages, reason clean_share", pages),
	}
}

// noteShrink is the event of a file that became shorter, from so many slots to so
// many, after pages behind that had been moved.
func noteShrink(began time.Time, took time.Duration, from, to uint64, moved, pageBytes int) engine.Event {
	return engine.Event{
		Kind: shrinkEvent, Start: began, Duration: took, BytesOut: int64(moved) * int64(pageBytes),
		Detail: fmt.Sprintf("from %d slots to %d, %d pages moved, reason shrink_slack", from, to, moved),
	}
}

// noteMerge is the event of leaves that became fewer.
func noteMerge(began time.Time, took time.Duration, pages uint64) engine.Event {
	return engine.Event{
		Kind: mergeEvent, Start: began, Duration: took,
		Detail: fmt.Sprintf("%d pages are gone, reason merge_below", pages),
	}
}

// noteLoad is the event of a bulk load.
func noteLoad(began time.Time, took time.Duration, bytes int64, rows, leaves, pages, pageBytes int) engine.Event {
	return engine.Event{
		Kind: loadEvent, Start: began, Duration: took, BytesIn: bytes,
		BytesOut: int64(pages) * int64(pageBytes),
		Detail:   fmt.Sprintf("%d rows in %d leaves, %d pages", rows, leaves, pages),
	}
}

// stall is the event of the writes that were slowed down from old to e.
func (e *episode) stall(old *episode) engine.Event {
	detail := fmt.Sprintf("%d writes were slowed down", e.stalls-old.stalls)
	for i := range e.delayed {
		if d := time.Duration(e.delayed[i] - old.delayed[i]); d > 0 {
			detail += fmt.Sprintf(", by %v, reason %v", d, pace.Reason(i))
		}
	}
	return engine.Event{Kind: stallEvent, Start: old.began, Duration: e.began.Sub(old.began), Detail: detail}
}
