package wal

import (
	"errors"
	"testing"

	"github.com/kvbench/kvbench/engine/vfs"
)

// A log that was not closed may end anywhere in what nothing claims to be
// durable, unless its caller knows better.
func TestALogThatEndsBeforeThroughIsDamaged(t *testing.T) {
	fsys := vfs.NewMem()
	if err := fsys.MkdirAll("d"); err != nil {
		t.Fatal(err)
	}
	l, err := Open(fsys, "d", Options{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	lsn, err := l.Append(1, []byte("lost"))
	if err != nil {
		t.Fatal(err)
	}
	end := l.End()
	if err := l.Sync(); err != nil {
		t.Fatal(err)
	}
	f, err := fsys.OpenReadWrite(SegmentPath("d", lsn.Segment()))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte{0xff}, lsn.Offset()+PayloadOffset); err != nil {
		t.Fatal(err)
	}
	for _, through := range []LSN{end, lsn + 1} {
		_, err = Open(fsys, "d", Options{ReadOnly: true, Through: through}, nil)
		if !errors.Is(err, ErrDamage) {
			t.Errorf("through %v: %v", through, err)
		}
	}
	for _, through := range []LSN{0, lsn} {
		again, err := Open(fsys, "d", Options{ReadOnly: true, Through: through}, nil)
		if err != nil {
			t.Fatalf("through %v: %v", through, err)
		}
		again.Close()
	}
	l.Close()
}

func TestOnlySegmentsHaveIDs(t *testing.T) {
	for name, before := range map[string]bool{
		segmentName(6): true, segmentName(7): false, segmentName(8): false, prepareName: false, recycleName(3): false, "x": false,
	} {
		if IsSegmentBefore(name, 7) != before {
			t.Errorf("%s before 7: want %v", name, before)
		}
	}
}
