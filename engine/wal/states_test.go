package wal

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/kvbench/kvbench/engine/vfs"
)

// life is what a state of a log is made by, and of.
type life struct {
	t testing.TB
	m *vfs.Mem
	o Options
	l *Log
	n int   // records so far
	r []rec // not pruned or truncated

	ever map[rec]bool // that were appended
}

func (x *life) open() { x.l, _ = mustOpen(x.t, x.m, x.o) }

// write appends records of these lengths, each durable before the next.
func (x *life) write(lengths ...int) {
	x.t.Helper()
	for _, n := range lengths {
		x.buffer(n)
		if err := x.l.Sync(); err != nil {
			x.t.Fatal(err)
		}
	}
}

// buffer appends records that only a later call makes durable. Whether the
// next segment is ready does not depend on chance.
func (x *life) buffer(lengths ...int) {
	x.t.Helper()
	for _, n := range lengths {
		x.n++
		waitForSpare(x.l)
		r := mustAppend(x.t, x.l, uint8(x.n%MaxKind+1), payload(x.n, n))
		x.r = append(x.r, r)
		if x.ever == nil {
			x.ever = map[rec]bool{}
		}
		x.ever[r] = true
	}
}

// turn fills the segment and goes on in the next.
func (x *life) turn() {
	x.t.Helper()
	at := x.l.End()
	if room := int(x.l.current().size-at.Offset()) - sealBytes; room >= 2*recordHeaderBytes {
		x.write(room - recordHeaderBytes - recordAlign)
	}
	x.write(1)
	if x.l.End().Segment() == at.Segment() {
		x.t.Fatal("the log did not rotate")
	}
}

func (x *life) truncate(i int) {
	x.t.Helper()
	if err := x.l.Truncate(x.r[i].lsn); err != nil {
		x.t.Fatal(err)
	}
	x.r = x.r[:i]
}

func (x *life) prune(i int) {
	x.t.Helper()
	if err := x.l.Prune(x.r[i].lsn); err != nil {
		x.t.Fatal(err)
	}
	x.r = slices.DeleteFunc(x.r, func(r rec) bool { return r.lsn.Segment() < x.r[i].lsn.Segment() })
}

func (x *life) close() { mustClose(x.t, x.l) }

// kill ends the log as kill -9 would.
func (x *life) kill() {
	m := x.m.Image(vfs.Written)
	x.l.poison(errors.New("killed"))
	x.l.Close()
	x.m = m
}

// lose ends it as a power loss would that leaves only what is durable, which
// the last n records are not.
func (x *life) lose(n int) {
	m := x.m.Image(vfs.Synced)
	x.kill()
	x.m, x.r = m, x.r[:len(x.r)-n]
}

// states are small logs, each with something that the others have not.
func states() map[string]func(x *life) {
	return map[string]func(x *life){
		"nothing": func(x *life) { x.open(); x.close() },
		"one durable record": func(x *life) {
			x.open()
			x.write(10)
			x.kill()
		},
		"closed": func(x *life) {
			x.open()
			x.write(1, 20, 0)
			x.buffer(3, 4)
			x.close()
		},
		"killed": func(x *life) {
			x.open()
			x.write(1, 20, 0)
			x.buffer(3, 4)
			x.l.Flush()
			x.kill()
		},
		"closed and opened again": func(x *life) {
			x.open()
			x.write(5)
			x.close()
			x.open()
			x.write(6)
			x.kill()
		},
		"closed three times": func(x *life) {
			for range 3 {
				x.open()
				x.write(5, 6)
				x.close()
			}
		},
		"rotated, with a spare": func(x *life) {
			x.open()
			x.write(1, 2)
			x.turn()
			x.write(3, 4)
			x.turn()
			x.write(5)
			waitForSpare(x.l)
			x.close()
		},
		"rotated and killed": func(x *life) {
			x.open()
			x.write(1, 2)
			x.turn()
			x.write(3, 4)
			waitForSpare(x.l)
			x.kill()
		},
		"rotated in one write": func(x *life) {
			x.open()
			waitForSpare(x.l)
			x.buffer(30, 4000, 10)
			waitForSpare(x.l)
			x.buffer(4000, 11)
			x.write(12)
			x.kill()
		},
		"opened in one segment, gone on in the next": func(x *life) {
			x.open()
			x.write(9)
			x.close()
			x.open()
			x.write(8)
			x.turn()
			x.close()
		},
		"truncated": func(x *life) {
			x.open()
			x.write(1, 2, 3, 4, 5)
			x.truncate(2)
			x.write(6)
			x.close()
		},
		"truncated and killed": func(x *life) {
			x.open()
			x.write(1, 2, 3, 4, 5)
			x.truncate(2)
			x.kill()
		},
		"truncated across segments": func(x *life) {
			x.open()
			x.write(1, 2)
			x.turn()
			x.write(3)
			x.turn()
			x.write(4)
			x.truncate(1)
			x.write(5)
			x.kill()
		},
		"pruned and recycled": func(x *life) {
			x.o.Recycle = 2
			x.open()
			x.write(1, 2)
			x.turn()
			x.turn()
			x.write(3)
			x.prune(len(x.r) - 1)
			x.turn()
			x.write(4)
			x.turn()
			x.write(5)
			x.kill()
		},
		"recovered": func(x *life) {
			x.open()
			x.write(1, 2)
			x.buffer(3)
			x.lose(1)
			x.open()
			x.write(4)
			x.kill()
			x.open()
			x.write(5)
			x.close()
		},
		"recovered twice without a record": func(x *life) {
			x.open()
			x.write(1, 2)
			x.kill()
			x.open()
			x.kill()
			x.open()
			x.kill()
		},
		"aligned": func(x *life) {
			x.o.AlignBytes = 512
			x.open()
			x.write(1, 600)
			x.close()
			x.open()
			x.write(2)
			x.turn()
			x.write(3)
			x.close()
		},
		"a sector for each opening": func(x *life) {
			x.o.AlignBytes = 512
			for range 3 {
				x.open()
				x.write(5)
				x.write(600)
				x.close()
			}
		},
		"recovered up to the link": func(x *life) {
			x.open()
			waitForSpare(x.l)
			x.write(1)
			x.buffer(3000, 4000) // no claim beyond the first segment's first record
			x.l.Sync()
			x.kill()
			synced := x.m
			x.m.Watch(func(p vfs.Point) {
				if p.Op == "sync" && !p.Before && strings.HasSuffix(p.Path, segmentName(3)) && synced == x.m {
					synced = x.m.Image(vfs.Synced)
				}
			})
			x.open()
			x.m.Watch(nil)
			x.kill()
			x.m = synced
		},
		"direct": func(x *life) {
			x.o.Direct = true
			x.open()
			x.write(1, 2)
			x.turn()
			x.write(3)
			x.kill()
		},
	}
}

// inEachState runs f on the image of each state, on a log that is open no more.
func inEachState(t *testing.T, f func(t *testing.T, im *image, m *vfs.Mem, o Options)) {
	for name, make := range states() {
		t.Run(name, func(t *testing.T) {
			x := &life{t: t, m: newDir(t), o: Options{SegmentBytes: minSegmentBytes, Fill: FillZero}}
			make(x)
			m := x.m.Image(vfs.Written)
			im := take(t, m)
			wants(t, users(im.log), x.r)
			x.o.ReadOnly = true
			im.judge(t, m, x.o, "undamaged", nil)
			f(t, im, m, x.o)
		})
	}
}
