package wal

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/kvbench/kvbench/engine/vfs"
)

// places are the offsets of a file at which damage differs in kind: each byte
// of all records (but only some of long payloads), and samples of the rest.
func (im *image) places(name string) []int {
	p := im.files[name]
	all := map[int]bool{}
	for i := range headerFields {
		all[i] = true
	}
	for i := headerFields; i < len(p); i += 97 {
		all[i] = true
	}
	if id, ok := segmentID(name); ok {
		for _, e := range im.entries(id) {
			for i := e.off; i < (e.end+7)&^7; i++ {
				if i < e.off+60 || i > e.end-10 || i%61 == 0 {
					all[int(i)] = true
				}
			}
		}
	}
	return slices.DeleteFunc(slices.Sorted(maps.Keys(all)), func(i int) bool { return i >= len(p) })
}

func TestEachByteFlippedIsDamageOrHarmless(t *testing.T) {
	flips := 0
	inEachState(t, func(t *testing.T, im *image, m *vfs.Mem, o Options) {
		for _, name := range im.names() {
			old := im.files[name]
			for _, i := range im.places(name) {
				for _, b := range []byte{old[i] ^ 1<<(i%8), 0, 0xff} {
					if b == old[i] {
						continue
					}
					p := bytes.Clone(old)
					p[i] = b
					putAt(t, m, name, p[i:i+1], i)
					im.judge(t, m, o, fmt.Sprintf("%s[%d] = %#x, was %#x", name, i, b, old[i]), map[string][]byte{name: p})
					flips++
				}
				putAt(t, m, name, old[i:i+1], i)
			}
		}
	})
	t.Logf("%d flips", flips)
}

func TestAZeroedSectorOrBlockIsDamageOrATail(t *testing.T) {
	inEachState(t, func(t *testing.T, im *image, m *vfs.Mem, o Options) {
		for _, name := range im.names() {
			old := im.files[name]
			for _, size := range []int{512, 4096} {
				for at := 0; at < len(old); at += size {
					p := bytes.Clone(old)
					clear(p[at:min(at+size, len(p))])
					put(t, m, name, p)
					im.judge(t, m, o, fmt.Sprintf("%s[%d:] zeroed, %d bytes", name, at, size), map[string][]byte{name: p})
				}
			}
			put(t, m, name, old)
		}
	})
}

func TestAFileThatIsCutIsDamageOrATail(t *testing.T) {
	inEachState(t, func(t *testing.T, im *image, m *vfs.Mem, o Options) {
		for _, name := range im.names() {
			old := im.files[name]
			for n := 0; n <= len(old); n += 8 {
				if n < headerBytes {
					n += 97
				}
				put(t, m, name, old[:n])
				im.judge(t, m, o, fmt.Sprintf("%s cut at %d", name, n), map[string][]byte{name: old[:n:n]})
			}
			put(t, m, name, old)
		}
	})
}

// A missing file is not the same as a cut one: that a segment was there is
// known from the ones beside it, except that the oldest may have been pruned.
func TestAMissingSegmentIsDamageUnlessItMayHaveBeenPruned(t *testing.T) {
	inEachState(t, func(t *testing.T, im *image, m *vfs.Mem, o Options) {
		used := map[uint32]bool{}
		for _, e := range im.log {
			used[e.id] = true
		}
		for _, name := range im.names() {
			f := m.Image(vfs.Written)
			if err := f.Remove(dir + "/" + name); err != nil {
				t.Fatal(err)
			}
			id, ok := segmentID(name)
			ok = ok && used[id]
			left := slices.DeleteFunc(slices.Clone(im.log), func(e entry) bool { return e.id == id })
			l, got, err := open(f, o)
			switch {
			case !ok: // spare or recycled
				if err != nil || !slices.Equal(got, users(im.log)) {
					t.Fatalf("without %s: %v, %v", name, got, err)
				}
			case err == nil && id == im.log[0].id: // as after Prune
				if !slices.Equal(got, users(left)) {
					t.Fatalf("without %s: %v", name, got)
				}
			case err == nil:
				if !slices.Equal(got, users(im.log)) || im.log[len(im.log)-1].kind != 128 {
					t.Fatalf("without %s: no error, %d records", name, len(got))
				}
			case !errors.Is(err, ErrDamage) || !strings.Contains(err.Error(), name):
				t.Fatalf("without %s: %v", name, err)
			}
			if err == nil {
				l.Close()
			}
		}
	})
}

// What is damaged and then written again must not come back.
func TestALogGoesOnWhereDamageHasEndedIt(t *testing.T) {
	inEachState(t, func(t *testing.T, im *image, m *vfs.Mem, o Options) {
		o.ReadOnly = false
		for _, e := range im.log {
			name := segmentName(e.id)
			for _, zero := range []bool{false, true} {
				p := bytes.Clone(im.files[name])
				p[e.off+4] ^= 1
				if zero {
					clear(p[e.off:e.end])
				}
				f := m.Image(vfs.Written)
				put(t, f, name, p)
				l, got, err := open(f.Image(vfs.Written), o)
				if errors.Is(err, ErrDamage) {
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				x := &life{t: t, m: f, o: o, l: l, r: got}
				x.kill()
				for _, n := range []int{len(e.payload), 1} {
					x.open()
					x.write(n)
					x.kill()
				}
				_, got = mustOpen(t, x.m, o)
				wants(t, got, x.r)
			}
		}
	})
}

func TestWhatIsNoPartOfTheLogIsRemoved(t *testing.T) {
	inEachState(t, func(t *testing.T, im *image, m *vfs.Mem, o Options) {
		o.ReadOnly = false
		f := m.Image(vfs.Written)
		put(t, f, prepareName, []byte("half done"))
		l, _ := mustOpen(t, f, o)
		left := readFiles(t, f)
		for _, s := range l.Segments() {
			delete(left, segmentName(s.ID))
		}
		if l.spare != nil {
			delete(left, segmentName(l.spare.id))
		}
		for _, r := range l.recycle {
			delete(left, r.path[len(dir)+1:])
		}
		if len(left) > 0 || len(l.recycle) > o.Recycle {
			t.Errorf("left are %v", slices.Sorted(maps.Keys(left)))
		}
		mustClose(t, l)
	})
}

func TestReadAtOfADamagedRecordIsNeverWrong(t *testing.T) {
	x := &life{t: t, m: newDir(t)}
	x.open()
	x.write(3, 700, 0, 40)
	name, old := segmentName(1), readFiles(t, x.m)[segmentName(1)]
	damaged := 0
	for _, r := range x.r {
		end := int(r.lsn.Offset()) + recordHeaderBytes + len(r.payload)
		for i := int(r.lsn.Offset()); i < end; i++ {
			for _, b := range []byte{old[i] ^ 1, ^old[i]} {
				putAt(t, x.m, name, []byte{b}, i)
				_, p, err := x.l.ReadAt([]byte("x"), r.lsn)
				if !errors.Is(err, ErrDamage) && !errors.Is(err, ErrNoRecord) || string(p) != "x" {
					t.Fatalf("%v, byte %d = %#x: %d bytes, %v", r, i, b, len(p), err)
				}
				if errors.Is(err, ErrDamage) {
					damaged++
				}
			}
			putAt(t, x.m, name, old[i:i+1], i)
		}
	}
	if damaged < 1500 {
		t.Errorf("only %d times damage", damaged)
	}
	last := x.r[1]
	put(t, x.m, name, old[:last.lsn.Offset()+600])
	if _, _, err := x.l.ReadAt(nil, last.lsn); !errors.Is(err, ErrDamage) {
		t.Error("the file ends in the record:", err)
	}
	put(t, x.m, name, old)
}

// A spare that failed once it had its name, and could not be removed either,
// may be older than what is left of a log that was pruned since.
func TestASpareThatWasLeftBehindProvesNoLoss(t *testing.T) {
	x := &life{t: t, m: newDir(t), o: Options{SegmentBytes: minSegmentBytes}}
	states()["pruned and recycled"](x)
	p := make([]byte, minSegmentBytes)
	encodeSegmentHeader(p, 1)
	put(t, x.m, segmentName(1), p)
	l, got := mustOpen(t, x.m, x.o)
	wants(t, got, x.r)
	if _, err := x.m.Stat(dir + "/" + segmentName(1)); err == nil {
		t.Error("it is still there")
	}
	mustClose(t, l)
}

func TestWhatWasCutOffCannotBeRead(t *testing.T) {
	x := &life{t: t, m: newDir(t), o: Options{SegmentBytes: minSegmentBytes}}
	x.open()
	x.write(1, 2, 3, 4, 5)
	x.turn()
	all := slices.Clone(x.r)
	x.truncate(2)
	for range 2 {
		for i, r := range all {
			_, p, err := x.l.ReadAt(nil, r.lsn)
			if i < 2 && (err != nil || string(p) != r.payload) || i >= 2 && !errors.Is(err, ErrNoRecord) {
				t.Errorf("record %d: %q, %v", i, p, err)
			}
		}
		x.kill()
		x.open()
	}
}

func TestDamageBeforeFromIsNotLookedAt(t *testing.T) {
	x := &life{t: t, m: newDir(t), o: Options{SegmentBytes: minSegmentBytes}}
	states()["rotated and killed"](x)
	o := Options{SegmentBytes: minSegmentBytes, From: x.r[4].lsn, ReadOnly: true}
	put(t, x.m, segmentName(1), []byte("no segment"))
	_, got := mustOpen(t, x.m, o)
	wants(t, got, x.r[4:])

	for _, damage := range []func(){
		func() { putAt(t, x.m, segmentName(2), []byte{1}, int(o.From.Offset())-recordAlign) },
		func() { putAt(t, x.m, segmentName(2), []byte{1}, headerBytes) },
		func() { x.m.Remove(dir + "/" + segmentName(2)) },
	} {
		damage()
		if _, got, err := open(x.m, o); !errors.Is(err, ErrDamage) || !strings.Contains(err.Error(), segmentName(2)) || len(got) > 0 {
			t.Errorf("%v, %d records", err, len(got))
		}
	}
}

func TestALogThatEndsBeforeFromIsDamaged(t *testing.T) {
	x := &life{t: t, m: newDir(t)}
	x.open()
	x.buffer(1, 2)
	x.lose(2)
	x.o.From = lsnOf(1, headerBytes)
	if _, _, err := open(x.m, x.o); !errors.Is(err, ErrDamage) {
		t.Error("not even the segment's link is there:", err)
	}
	x.o.From = 0
	x.open()
	x.write(3)
	x.buffer(4)
	lost, end := x.m.Image(vfs.Synced), x.r[1].lsn
	x.close()
	closed, closedEnd := x.m, x.l.End()
	for _, c := range []struct {
		m   *vfs.Mem
		end LSN
	}{{lost, end}, {closed, closedEnd}} {
		o := Options{From: c.end, ReadOnly: true}
		if _, got, err := open(c.m, o); err != nil || len(got) > 0 {
			t.Errorf("From is the end, %v: %d records, %v", c.end, len(got), err)
		}
		o.From += recordAlign
		if _, _, err := open(c.m, o); !errors.Is(err, ErrDamage) {
			t.Errorf("From is behind the end, %v: %v", c.end, err)
		}
	}
}

// A segment that went back to what it was in the life before has a header of
// another id; one whose blocks did so has records of another id.
func TestARecycledSegmentThatComesBackIsDamage(t *testing.T) {
	x := &life{t: t, m: newDir(t), o: Options{SegmentBytes: minSegmentBytes, Fill: FillZero, Recycle: 2}}
	x.open()
	x.write(1, 2)
	x.turn()
	before := take(t, x.m).files
	x.turn()
	x.prune(len(x.r) - 1)
	x.turn()
	x.write(3)
	x.turn()
	x.write(4)
	x.kill()
	im := take(t, x.m)
	x.o.ReadOnly = true
	for name, now := range im.files {
		id, ok := segmentID(name)
		for _, old := range before {
			p := old
			for _, header := range []bool{false, true} {
				if header {
					p = append(bytes.Clone(now[:headerBytes]), old[headerBytes:]...)
				}
				put(t, x.m, name, p)
				im.judge(t, x.m, x.o, fmt.Sprintf("%s in its last life, header %v", name, header), map[string][]byte{name: p})
			}
		}
		put(t, x.m, name, now)
		if ok && id < 3 {
			t.Errorf("segment %d was not pruned", id)
		}
	}
}

func TestSegmentsThatAreSwappedAreDamage(t *testing.T) {
	inEachState(t, func(t *testing.T, im *image, m *vfs.Mem, o Options) {
		names := im.names()
		for i, a := range names {
			for _, b := range names[:i] {
				put(t, m, a, im.files[b])
				put(t, m, b, im.files[a])
				im.judge(t, m, o, a+" and "+b+" swapped", map[string][]byte{a: im.files[b], b: im.files[a]})
				put(t, m, b, im.files[b])
				im.judge(t, m, o, b+" also as "+a, map[string][]byte{a: im.files[b]})
				put(t, m, a, im.files[a])
			}
		}
	})
}

func putAt(t testing.TB, m *vfs.Mem, name string, p []byte, off int) {
	t.Helper()
	f, err := m.OpenReadWrite(dir + "/" + name)
	if err == nil {
		_, err = f.WriteAt(p, int64(off))
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}
