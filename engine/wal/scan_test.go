package wal

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"testing"

	"github.com/kvbench/kvbench/engine/vfs"
)

// scan returns what Scan delivers.
func scan(fsys vfs.FS, id uint32, from, to int64) ([]rec, error) {
	var all []rec
	err := Scan(fsys, dir, id, from, to, func(r Record) error {
		all = append(all, rec{r.LSN, r.Kind, string(r.Payload)})
		return nil
	})
	return all, err
}

// scanAll scans each segment of a log to its end.
func scanAll(t testing.TB, fsys vfs.FS, l *Log) []rec {
	t.Helper()
	var all []rec
	for _, s := range l.Segments() {
		got, err := scan(fsys, s.ID, 0, s.End.Offset())
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, got...)
	}
	return all
}

// wantsDamage wants err to say where the damage is.
func wantsDamage(t testing.TB, err error, id uint32, off int64) {
	t.Helper()
	var damage *DamageError
	if !errors.As(err, &damage) || damage.Path != SegmentPath(dir, id) || damage.Offset != off || damage.Detail == "" {
		t.Fatalf("%v; want damage of segment %d at offset %d", err, id, off)
	}
}

func TestScanDeliversWhatWasAppendedAlsoBesideTheLog(t *testing.T) {
	inEachShape(t, func(t *testing.T, o Options) {
		m := newDir(t)
		l, _ := mustOpen(t, m, o)
		var want []rec
		for i := range 40 {
			waitForSpare(l)
			want = append(want, mustAppend(t, l, uint8(1+i), payload(i, i*i)))
			if i%3 > 0 {
				continue
			}
			if err := l.Flush(); err != nil {
				t.Fatal(err)
			}
			wants(t, scanAll(t, m, l), want)
		}
		mustClose(t, l)
		l, _ = mustOpen(t, m, o)
		want = append(want, mustAppend(t, l, 1, "behind a close"))
		mustClose(t, l)
		wants(t, scanAll(t, m, l), want)
	})
}

func TestScanDeliversTheLogOfEachState(t *testing.T) {
	inEachState(t, func(t *testing.T, im *image, m *vfs.Mem, o Options) {
		l, want := mustOpen(t, m, o)
		wants(t, scanAll(t, m, l), want)
	})
}

// A range that begins or ends at no record is damage: what its end cuts off is
// not whole.
func TestScanDeliversExactlyWhatBeginsInTheRange(t *testing.T) {
	m := newDir(t)
	l, _ := mustOpen(t, m, Options{AlignBytes: 512})
	for i := range 6 {
		mustAppend(t, l, 1, payload(i, 5*i))
		if i%2 > 0 {
			l.Flush() // pads
		}
	}
	mustClose(t, l)
	all := take(t, m).log
	const damaged = -1
	at := map[int64]int{} // number of the record that begins there
	for i, e := range all {
		at[e.off] = i
	}
	end := (all[len(all)-1].end + 7) &^ 7
	at[end] = len(all)
	number := func(off int64) int {
		if i, ok := at[off]; ok {
			return i
		}
		return damaged
	}
	for from := int64(headerBytes); from < end; from += 4 {
		for to := from; to <= end+8; to += 4 {
			got, err := scan(m, 1, from, to)
			i, k := number(from), number(to)
			switch {
			case from == to:
				wants(t, got, nil)
				if err != nil {
					t.Fatal(err)
				}
			case i == damaged:
				wants(t, got, nil)
				wantsDamage(t, err, 1, from)
			case k == damaged:
				k = slices.IndexFunc(all, func(e entry) bool { return (e.end+7)&^7 > to })
				at := end
				if k < 0 {
					k = len(all)
				} else {
					at = all[k].off
				}
				wants(t, got, users(all[i:k]))
				wantsDamage(t, err, 1, at)
			default:
				wants(t, got, users(all[i:k]))
				if err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

func TestScanReadsRecordsLongerThanAWindow(t *testing.T) {
	m := newDir(t)
	l, _ := mustOpen(t, m, Options{FirstBytes: 8 << 20})
	var want []rec
	for i, n := range []int{windowBytes - 3000, 5000, 0, 2*windowBytes + 1, 17, windowBytes, 1} {
		want = append(want, mustAppend(t, l, 1, payload(i, n)))
	}
	mustClose(t, l)
	wants(t, scanAll(t, m, l), want)
	_, err := scan(m, 1, 0, want[3].lsn.Offset()+windowBytes)
	wantsDamage(t, err, 1, want[3].lsn.Offset())
}

func TestScanNamesEachDamagedByte(t *testing.T) {
	inEachState(t, func(t *testing.T, im *image, m *vfs.Mem, o Options) {
		l, _ := mustOpen(t, m, o)
		for _, s := range l.Segments() {
			name, to := segmentName(s.ID), s.End.Offset()
			log := slices.DeleteFunc(im.entries(s.ID), func(e entry) bool { return e.off >= to })
			for _, off := range im.places(name) {
				p := slices.Clone(im.files[name])
				p[off] ^= 0x10
				put(t, m, name, p)
				got, err := scan(m, s.ID, 0, to)
				hit := slices.IndexFunc(log, func(e entry) bool { return int64(off) >= e.off && int64(off) < e.end })
				switch {
				case off < headerFields:
					wants(t, got, nil)
					wantsDamage(t, err, s.ID, 0)
				case hit >= 0:
					wants(t, got, users(log[:hit]))
					wantsDamage(t, err, s.ID, log[hit].off)
				case err != nil:
					t.Fatalf("%s at offset %d, which is in no record: %v", name, off, err)
				default:
					wants(t, got, users(log))
				}
			}
			put(t, m, name, im.files[name])
		}
	})
}

func TestScanOfAFileThatWasCutIsDamage(t *testing.T) {
	inEachState(t, func(t *testing.T, im *image, m *vfs.Mem, o Options) {
		l, _ := mustOpen(t, m, o)
		for _, s := range l.Segments() {
			name, to := segmentName(s.ID), s.End.Offset()
			log := slices.DeleteFunc(im.entries(s.ID), func(e entry) bool { return e.off >= to })
			for n := int64(0); n < to; n += 4 {
				put(t, m, name, im.files[name][:n])
				got, err := scan(m, s.ID, 0, to)
				k := slices.IndexFunc(log, func(e entry) bool { return (e.end+7)&^7 > n })
				wants(t, got, users(log[:k]))
				if n >= headerFields {
					wantsDamage(t, err, s.ID, log[k].off)
				} else {
					wantsDamage(t, err, s.ID, 0)
				}
			}
			put(t, m, name, im.files[name])
		}
	})
}

// What is behind a seal was cut off. It is whole, and must not be taken for
// the log by who thinks that it goes so far.
func TestScanDoesNotGoBeyondASeal(t *testing.T) {
	x := &life{t: t, m: newDir(t)}
	x.open()
	x.write(1, 8, 3, 4, 5) // the seal is as long as the record that it replaces
	end, cut := x.l.End().Offset(), x.r[1].lsn.Offset()
	x.truncate(1)
	x.kill()
	got, err := scan(x.m, 1, 0, cut)
	if wants(t, got, x.r); err != nil {
		t.Error(err)
	}
	got, err = scan(x.m, 1, 0, end)
	wants(t, got, x.r)
	wantsDamage(t, err, 1, cut)
}

func TestScanSaysWhatIsWrong(t *testing.T) {
	m := newDir(t)
	l, _ := mustOpen(t, m, Options{})
	r := mustAppend(t, l, 1, "a")
	mustClose(t, l)
	end := l.End().Offset()
	if _, err := scan(m, 2, 0, end); !errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrDamage) {
		t.Error("a file that is not there:", err)
	}
	for _, c := range [][2]int64{{0, 0}, {0, headerBytes - 1}, {end, end - 8}, {0, 1 << 32}} {
		if _, err := scan(m, 1, c[0], c[1]); err == nil || errors.Is(err, ErrDamage) {
			t.Errorf("from %d to %d: %v", c[0], c[1], err)
		}
	}
	mine := errors.New("mine")
	calls := 0
	err := Scan(m, dir, 1, r.lsn.Offset(), end, func(Record) error { calls++; return mine })
	if err != mine || calls != 1 {
		t.Errorf("each was called %d times, and its error became %v", calls, err)
	}
	put(t, m, segmentName(2), readFiles(t, m)[segmentName(1)])
	_, err = scan(m, 2, 0, end)
	wantsDamage(t, err, 2, 0)
}

func TestScanReturnsEachErrorOfTheDisk(t *testing.T) {
	m := newDir(t)
	l, _ := mustOpen(t, m, Options{FirstBytes: 4 << 20})
	var want []rec
	for i := range 3 {
		want = append(want, mustAppend(t, l, 1, payload(i, windowBytes)))
	}
	mustClose(t, l)
	for n := 1; ; n++ {
		h := &handles{FS: m}
		f := vfs.NewFault(h, parse(t, fmt.Sprintf("open|read|stat nth=%d error=EIO", n))...)
		got, err := scan(f, 1, 0, l.End().Offset())
		if h.open.Load() != 0 {
			t.Fatalf("call %d: %d files are still open", n, h.open.Load())
		}
		if f.Fired() == 0 {
			if wants(t, got, want); err != nil || n < 6 {
				t.Fatalf("%d calls, %v", n-1, err)
			}
			return
		}
		if !errors.Is(err, vfs.ErrInjected) || errors.Is(err, ErrDamage) {
			t.Fatalf("call %d: %v", n, err)
		}
		wants(t, got, want[:len(got)])
	}
}
