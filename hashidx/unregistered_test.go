package hashidx

import (
	"context"
	"runtime"
	"testing"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/engine/wal"
	"github.com/kvbench/kvbench/hashidx/index"
	"github.com/kvbench/kvbench/hashidx/manifest"
	"github.com/kvbench/kvbench/hashidx/record"
)

// A writer that has appended an op, which is all that its segment has, has not
// made the segment known yet. Recovery must not begin behind it.
func TestRecoveryDoesNotBeginBehindASegmentThatIsNotKnownYet(t *testing.T) {
	ctx := context.Background()
	e := openIn(t, vfs.NewMem(), smallest())
	if err := e.Put([]byte("first"), nil, engine.Sync); err != nil {
		t.Fatal(err)
	}
	if err := e.hot.Rotate(ctx); err != nil {
		t.Fatal(err)
	}
	op := record.Op{Kind: record.Put, Key: []byte("late"), Value: []byte("value")}
	hash := e.hash(op.Key)
	frame := record.Append(nil, &op)
	l := e.index.Lock(hash)
	lsn, err := e.hot.Append(oneOp, frame)
	if err == nil {
		err = e.hot.Rotate(ctx)
	}
	if err != nil {
		t.Fatal(err)
	}
	other := []byte("other")
	for index.LockOrder(e.hash(other)) == index.LockOrder(hash) {
		other = append(other, 'x')
	}
	if err := e.Put(other, nil, engine.Sync); err != nil {
		t.Fatal(err)
	}
	if err := e.hot.Rotate(ctx); err != nil {
		t.Fatal(err)
	}
	tidied := make(chan error)
	go func() { tidied <- e.tidy(ctx) }()
	for range 10_000 { // it gets as far as it can
		runtime.Gosched()
	}
	seg, err := e.segments.of(manifest.Hot, lsn.Segment(), 0)
	if err != nil {
		t.Fatal(err)
	}
	off := lsn.Offset() + wal.PayloadOffset
	if err := e.tail.put(seg, off, frame); err != nil {
		t.Fatal(err)
	}
	seg.hold(hash, off, frame)
	if err := e.move(l, present{}, &op, seg, off, len(frame)); err != nil {
		t.Fatal(err)
	}
	l.Unlock()
	if err := <-tidied; err != nil {
		t.Fatal(err)
	}
	state := e.manifest.State()
	if from := state.From.Segment(); from > seg.id {
		for _, g := range state.Segments {
			if g.ID == seg.id {
				return
			}
		}
		t.Errorf("recovery begins in segment %d, and %d is not in the manifest", from, seg.id)
	}
}
