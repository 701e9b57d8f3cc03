package wal

import (
	"testing"

	"github.com/kvbench/kvbench/engine/vfs"
)

// Callers read through one large buffer. That must not be how much is read.
func TestReadAtReadsWhatTheRecordNeeds(t *testing.T) {
	m := newDir(t)
	l, _ := mustOpen(t, m, Options{})
	var all []rec
	for i := range 100 {
		all = append(all, mustAppend(t, l, 1, payload(i, 100)))
	}
	long := mustAppend(t, l, 1, payload(0, 100<<10))
	mustClose(t, l)
	counting := vfs.NewCounting(m)
	l, _ = mustOpen(t, counting, Options{ReadOnly: true})
	for _, c := range []struct {
		r         rec
		room      int
		most, ops uint64
	}{
		{all[50], 1 << 20, mostRead, 1},
		{all[50], 0, leastRead, 1},
		{long, 0, 100<<10 + mostRead, 2},
		{long, 1 << 20, 100<<10 + mostRead, 2},
	} {
		before := counting.Counts(vfs.Log)
		if _, p, err := l.ReadAt(make([]byte, 0, c.room), c.r.lsn); err != nil || string(p) != c.r.payload {
			t.Fatal(err)
		}
		after := counting.Counts(vfs.Log)
		if n, ops := after.ReadBytes-before.ReadBytes, after.Reads-before.Reads; n > c.most || ops > c.ops {
			t.Errorf("%d bytes with room for %d: read %d in %d calls", len(c.r.payload), c.room, n, ops)
		}
	}
}
