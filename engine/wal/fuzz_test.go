package wal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/kvbench/kvbench/engine/vfs"
)

// FuzzScan reads bytes as the records of a segment. With fix the checksums of
// what looks like records are made right first, so that the rest is reached.
func FuzzScan(f *testing.F) {
	const id = 1
	var log []byte
	for i, kind := range []uint8{kindLink, 1, 2, kindSeal, kindPad, kindClose, 127} {
		p := []byte(payload(i, []int{12, 0, 9, 4, 100, 0, 600}[i]))
		log = appendRecord(log, id, headerBytes+int64(len(log)), headerBytes+int64(len(log)), kind, p, payloadCRC(p))
	}
	f.Add(log, false)
	f.Add(log[:len(log)-5], true)
	f.Add(append(make([]byte, 32), log...), true)
	f.Add(bytes.Repeat([]byte{0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 200, 255, 255, 255}, 9), true)
	f.Fuzz(func(t *testing.T, data []byte, fix bool) {
		p := append(make([]byte, headerBytes), data...)
		if fix {
			signAll(p, id)
		}
		im := &image{files: map[string][]byte{segmentName(id): p}}
		want := im.entries(id)
		checkScan(t, p, id, want)
		in := &scanner{file: bytes.NewReader(p), id: id, off: headerBytes, size: int64(len(p))}
		for {
			off := in.off
			h, payload, why, err := in.next()
			if err != nil {
				t.Fatal(err)
			}
			if h == nil {
				if why == "" || in.off != off || len(want) > 0 && want[0].kind < kindEnd && (want[0].end+7)&^7 <= in.size {
					t.Fatalf("%d: %q, but there is %v", off, why, want[0])
				}
				break
			}
			if len(want) == 0 || off != want[0].off || h.kind() != want[0].kind || string(payload) != want[0].payload {
				t.Fatalf("%d: kind %d, %d bytes, there is %v", off, h.kind(), len(payload), want)
			}
			if h.kind() == kindLink {
				if l, err := decodeLink(payload); err == nil && !bytes.Equal(l.encode(), payload) {
					t.Fatalf("link %+v from %x", l, payload)
				}
			}
			want = want[1:]
		}
		if claimed, err := in.claimed(headerBytes, in.size); err != nil || claimed < 0 || claimed > in.size {
			t.Fatalf("claimed %d of %d, %v", claimed, in.size, err)
		}
	})
}

// checkScan wants the callers' records up to a seal, or to what is no record.
func checkScan(t *testing.T, p []byte, id uint32, log []entry) {
	end := int64(headerBytes)
	for i, e := range log {
		if e.kind >= kindEnd || (e.end+7)&^7 > int64(len(p)) {
			log = log[:i]
			break
		}
		if end = (e.end + 7) &^ 7; e.kind == kindSeal {
			log = log[:i]
			break
		}
	}
	var got []rec
	in := &scanner{file: bytes.NewReader(p), id: id, off: headerBytes, size: int64(len(p))}
	err := in.deliver("", int64(len(p)), func(r Record) error {
		got = append(got, rec{r.LSN, r.Kind, string(r.Payload)})
		return nil
	})
	if !slices.Equal(got, users(log)) || (err == nil) != (end == int64(len(p))) || err != nil && !errors.Is(err, ErrDamage) {
		t.Fatalf("%d records, %v; want %v up to %d of %d", len(got), err, log, end, len(p))
	}
}

func signAll(p []byte, id uint32) {
	for off := headerBytes; off+recordHeaderBytes <= len(p); {
		end := int64(off) + 16 + int64(binary.LittleEndian.Uint32(p[off+4:]))
		if binary.LittleEndian.Uint32(p[off+8:]) != id || end > int64(len(p)) {
			return
		}
		sign(p, off)
		off = int(end+7) &^ 7
	}
}

// FuzzOpen damages the files of a log as the bytes say, six for each damage:
// what, which file, where (two), how far, and which other file. Open may refuse
// it. It may not deliver what was never appended, nor in another order, and
// what it accepts it must be able to go on with.
func FuzzOpen(f *testing.F) {
	type start struct {
		files map[string][]byte
		ever  map[rec]bool
	}
	var starts []start
	all := states()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		x := &life{t: f, m: newDir(f), o: Options{SegmentBytes: minSegmentBytes, Fill: FillZero}}
		all[name](x)
		starts = append(starts, start{readFiles(f, x.m), x.ever})
	}
	for i := range starts {
		f.Add(uint8(i), []byte{0, 0, 16, 70, 1, 0})
		f.Add(uint8(i), []byte{1, 1, 16, 40, 0, 0, 3, 0, 16, 0, 8, 1})
		f.Add(uint8(i), []byte{4, 1, 0, 0, 0, 0, 2, 0, 17, 0, 4, 1})
		f.Add(uint8(i), []byte{5, 2, 0, 0, 0, 1, 0, 0, 0, 12, 2, 0})
	}
	f.Fuzz(func(t *testing.T, state uint8, program []byte) {
		s := starts[int(state)%len(starts)]
		files := maps.Clone(s.files)
		for ; len(program) >= 6; program = program[6:] {
			damage(files, [6]byte(program))
		}
		m := newDir(t)
		for name, p := range files {
			put(t, m, name, p)
		}
		x := &life{t: t, m: m.Image(vfs.Written)}
		l, got, err := open(x.m, x.o)
		for i, r := range got {
			if !s.ever[r] || i > 0 && r.lsn <= got[i-1].lsn {
				t.Fatalf("%v of %v", r, got)
			}
		}
		if err != nil {
			if !errors.Is(err, ErrDamage) {
				t.Fatal(err)
			}
			return
		}
		x.l, x.r = l, got
		x.write(100)
		if n := len(got); n > 0 && x.r[n].lsn <= x.r[n-1].lsn {
			t.Fatalf("%v was appended behind %v", x.r[n], x.r[n-1])
		}
		x.kill()
		x.l, got = mustOpen(t, x.m, x.o)
		wants(t, got, x.r)
		x.close()
	})
}

// damage changes one of the files, which it may share with others.
func damage(files map[string][]byte, how [6]byte) {
	names := slices.Sorted(maps.Keys(files))
	if len(names) == 0 {
		return
	}
	name, other := names[int(how[1])%len(names)], names[int(how[5])%len(names)]
	p := bytes.Clone(files[name])
	at := min(len(p), int(how[2])<<8|int(how[3]))
	end := min(len(p), at+int(how[4])*8)
	switch how[0] % 7 {
	case 0:
		if at < len(p) {
			p[at] ^= how[4] | 1
		}
	case 1:
		p = p[:at]
	case 2:
		clear(p[at:end])
	case 3:
		if q := files[other]; at < len(q) {
			copy(p[at:end], q[at:])
		}
	case 4:
		delete(files, name)
		return
	case 5:
		files[other], p = p, files[other]
	case 6: // elsewhere in the same file
		copy(p[at:end], p[min(len(p), headerBytes+int(how[5])*8):])
	}
	files[name] = p
}
