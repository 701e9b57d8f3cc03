package wal

import (
	"testing"

	"github.com/kvbench/kvbench/engine/vfs"
)

func TestAPayloadLiesWhereItsPositionSays(t *testing.T) {
	fsys := vfs.NewMem()
	if err := fsys.MkdirAll("/log"); err != nil {
		t.Fatal(err)
	}
	l, err := Open(fsys, "/log", Options{SegmentBytes: minSegmentBytes}, func(Record) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for i := range 40 {
		want := payload(i, 500)
		lsn, err := l.Append(1, []byte(want))
		if err == nil {
			err = l.Flush()
		}
		if err != nil {
			t.Fatal(err)
		}
		f, err := fsys.Open(SegmentPath("/log", lsn.Segment()))
		if err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(want))
		_, err = f.ReadAt(got, lsn.Offset()+PayloadOffset)
		f.Close()
		if err != nil || string(got) != string(want) {
			t.Fatalf("record %d at %v: %q, %v", i, lsn, got, err)
		}
	}
}
