package wal

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"hash/crc32"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kvbench/kvbench/engine/vfs"
)

var update = flag.Bool("update", false, "rewrite golden files")

// golden is a log with records of every kind: cut off in segment 1, sealed in
// 2, closed in 3, opened and padded there and closed again, with 4 as spare.
func golden(t *testing.T) (*vfs.Mem, []rec) {
	x := &life{t: t, m: newDir(t), o: Options{SegmentBytes: minSegmentBytes, Fill: FillZero}}
	x.open()
	waitForSpare(x.l)
	x.write(3, 0, 21)
	x.buffer(5, 6)
	x.truncate(3)
	x.write(40)
	waitForSpare(x.l)
	x.buffer(3000)
	x.write(1200)
	waitForSpare(x.l)
	x.buffer(9)
	x.close()
	x.o.AlignBytes = 64
	x.open()
	x.write(1, 2)
	x.close()
	return x.m, x.r
}

// dump writes files as hex, rows that repeat as a star.
func dump(files map[string][]byte) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(files)) {
		p := files[name]
		fmt.Fprintf(&b, "%s %d\n", name, len(p))
		star := false
		for off := 0; off < len(p); off += 16 {
			if off > 0 && bytes.Equal(p[off:off+16], p[off-16:off]) {
				if !star {
					b.WriteString("*\n")
				}
				star = true
				continue
			}
			star = false
			fmt.Fprintf(&b, "%06x %x\n", off, p[off:off+16])
		}
	}
	return b.String()
}

// undump is the inverse of dump.
func undump(t *testing.T, text string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	var p, row []byte
	var off int
	repeat := func(to int) {
		for ; len(row) > 0 && off < to; off += copy(p[off:], row) {
		}
	}
	for line := range strings.Lines(text) {
		var name, data string
		var n int
		switch line = strings.TrimSpace(line); {
		case line == "*":
		case strings.Contains(line, segmentSuffix):
			repeat(len(p))
			if _, err := fmt.Sscanf(line, "%s %d", &name, &n); err != nil {
				t.Fatal(line, err)
			}
			p, row, off = make([]byte, n), nil, 0
			files[name] = p
		default:
			if _, err := fmt.Sscanf(line, "%x %s", &n, &data); err != nil {
				t.Fatal(line, err)
			}
			repeat(n)
			row, _ = hex.DecodeString(data)
			off = n + copy(p[n:], row)
		}
	}
	repeat(len(p))
	return files
}

func TestTheFormatIsThatOfTheGoldenFile(t *testing.T) {
	m, want := golden(t)
	got := dump(readFiles(t, m))
	path := filepath.Join("testdata", "log.hex")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(text) {
		t.Fatalf("the log is not %s; if the format has changed, so must its version. It is:\n%s", path, got)
	}
	kinds := map[uint8]int{}
	for _, e := range take(t, m).log {
		kinds[e.kind]++
	}
	if kinds[kindLink] != 3 || kinds[kindSeal] != 1 || kinds[kindOpen] != 2 || kinds[kindClose] != 2 || kinds[kindPad] != 4 {
		t.Errorf("kinds: %v", kinds)
	}

	files := undump(t, string(text))
	if dump(files) != got {
		t.Fatal("the golden file does not read as it was written")
	}
	f := newDir(t)
	for name, p := range files {
		put(t, f, name, p)
	}
	l, all := mustOpen(t, f, Options{})
	wants(t, all, want)
	for _, r := range want {
		if kind, p, err := l.ReadAt(nil, r.lsn); err != nil || kind != r.kind || string(p) != r.payload {
			t.Errorf("read %v: %d, %q, %v", r, kind, p, err)
		}
	}
}

func TestTheGoldenLogCutAnywhereIsDamageOrATail(t *testing.T) {
	m, _ := golden(t)
	im := take(t, m)
	for _, name := range im.names() {
		p := im.files[name]
		written := len(bytes.TrimRight(p, "\x00"))
		for n := len(p) - 1; n >= 0; n-- {
			if n < 4000 || n > written+20 {
				n -= min(n, 15)
			}
			put(t, m, name, p[:n])
			im.judge(t, m, Options{ReadOnly: true}, fmt.Sprintf("%s cut at %d", name, n), map[string][]byte{name: p[:n:n]})
		}
		put(t, m, name, p)
	}
}

// sign makes the checksum of the record at off right again, by the table.
func sign(p []byte, off int) {
	n := int(binary.LittleEndian.Uint32(p[off+4:]))
	crc := crc32.Checksum(slices.Concat(p[off+16:][:n], p[off+4:][:12]), castagnoli) ^ uint32(off)*2654435761
	binary.LittleEndian.PutUint32(p[off:], crc)
}

func signHeader(p []byte, _ int) {
	binary.LittleEndian.PutUint32(p[16:], crc32.Checksum(p[:16], castagnoli))
}

func keep([]byte, int) {}

func TestEachDamagedFieldIsNamed(t *testing.T) {
	m, _ := golden(t)
	im := take(t, m)
	find := func(kind uint8, nth int) entry {
		for _, e := range im.log {
			if e.kind == kind {
				if nth--; nth == 0 {
					return e
				}
			}
		}
		t.Fatal("no such record")
		return entry{}
	}
	at := func(e entry) int { return int(e.off) }
	user, link2, seal := find(3, 1), find(kindLink, 2), find(kindSeal, 1)
	header := entry{id: 2}
	const beyond = "the log goes on in segment 2, though the log was durable beyond"
	for _, c := range []struct {
		what   string
		e      entry
		off    int
		to     string
		sign   func([]byte, int)
		detail string
	}{
		{"magic", header, 0, "K", keep, `magic is "Kvbwal\r\n", want "kvbwal\r\n"`},
		{"magic, signed", header, 7, "\r", signHeader, `magic is "kvbwal\r\r"`},
		{"version", header, 8, "\x02", keep, "checksum of the header is wrong"},
		{"version, signed", header, 8, "\x02", signHeader, "format version is 2, this build knows 1"},
		{"id", header, 12, "\x09", keep, "checksum of the header is wrong"},
		{"id, signed", header, 12, "\x09", signHeader, "segment id is 9, its name says 2"},
		{"crc", header, 19, "\x00", keep, "checksum of the header is wrong"},

		{"record crc", user, 0, "\x00", keep, "the checksum is wrong"},
		{"record length", user, 4, "\x01", keep, "the checksum is wrong"},
		{"record length beyond the file", user, 5, "\xff", keep, "kind 3 and length 65280 cannot be"},
		{"record length beyond all limits", user, 7, "\xff", keep, "kind 3 and length 4278190080 cannot be"},
		{"record id", user, 8, "\x07", keep, "the record is of segment 7, not 1"},
		{"record kind", user, 12, "\x04", keep, "the checksum is wrong"},
		{"record kind of nothing", user, 12, "\x00", keep, "kind 0 and length 0 cannot be"},
		{"record kind unknown, signed", user, 12, "\x85", sign, "kind 133 and length 0 cannot be"},
		{"record claim", user, 13, "\x77", keep, "the checksum is wrong"},
		{"a record of zeros", user, 0, strings.Repeat("\x00", 16), keep, "there are zeros"},

		{"link crc", link2, 0, "\x00", keep, "first record of the segment is not whole"},
		{"link payload", link2, 16, "\x09", keep, "first record of the segment is not whole"},
		{"link of no link's length", link2, 4, "\x0b", sign, "link of 11 bytes, want 12"},
		{"link to itself", link2, 16, "\x02", sign, "segment 2 says that it continues segment 2"},
		{"link to a later segment", link2, 16, "\x03", sign, "segment 2 says that it continues segment 3"},
		{"link into a header", link2, 21, "\x0f", sign, "link to offset "},
		{"link durable beyond its end", link2, 26, "\x01", sign, "durable to "},
		{"link to an end behind a record", link2, 20, string(binary.LittleEndian.AppendUint32(nil, 8000)), sign, beyond},

		{"seal", seal, 16, "\x09", keep, "the checksum is wrong"},
	} {
		name := segmentName(c.e.id)
		if c.detail == beyond { // it is that one that is too short
			name = segmentName(1)
		}
		p := bytes.Clone(im.files[segmentName(c.e.id)])
		copy(p[at(c.e)+c.off:], c.to)
		c.sign(p, at(c.e))
		put(t, m, segmentName(c.e.id), p)
		_, _, err := open(m, Options{ReadOnly: true})
		put(t, m, segmentName(c.e.id), im.files[segmentName(c.e.id)])
		var damage *DamageError
		if !errors.As(err, &damage) || !errors.Is(err, ErrDamage) {
			t.Errorf("%s: %v", c.what, err)
			continue
		}
		where := damage.Offset == c.e.off || c.detail == beyond
		if !where || filepath.Base(damage.Path) != name || !strings.Contains(err.Error(), c.detail) {
			t.Errorf("%s: %v", c.what, err)
		}
	}
}

func TestASealToNowhereIsDamage(t *testing.T) {
	x := &life{t: t, m: newDir(t), o: Options{SegmentBytes: minSegmentBytes}}
	states()["rotated and killed"](x)
	im := take(t, x.m)
	p := bytes.Clone(im.files[segmentName(1)])
	all := im.entries(1)
	e := all[len(all)-1]
	if e.kind != kindSeal {
		t.Fatal(e)
	}
	p[e.off+16] = 9
	sign(p, int(e.off))
	put(t, x.m, segmentName(1), p)
	put(t, x.m, segmentName(2), append(bytes.Clone(im.files[segmentName(2)][:headerBytes]), make([]byte, headerBytes)...))
	if _, _, err := open(x.m, Options{ReadOnly: true}); !errors.Is(err, ErrDamage) || !strings.Contains(err.Error(), segmentName(9)) {
		t.Error(err)
	}
}

func TestAccessorsReadWhatWasEncoded(t *testing.T) {
	p := bytes.Repeat([]byte{0xee}, headerBytes+1)
	encodeSegmentHeader(p, 0x01020304)
	h := (*segmentHeader)(p)
	if string(h.magic()) != "kvbwal\r\n" || h.version() != 1 || h.id() != 0x01020304 || h.check(0x01020304) != nil {
		t.Errorf("% x", p[:headerFields])
	}
	if !bytes.Equal(p[headerFields:headerBytes], make([]byte, headerBytes-headerFields)) || p[headerBytes] != 0xee {
		t.Error("the rest of the header is not zeros, or the header is longer")
	}
	for _, c := range []struct {
		off, durable, reads int64
		claim               uint32
	}{
		{8192, 0, 0, noClaim},
		{8192, 8192, 8192, 0},
		{8192, 4096, 4096, 512},
		{1 << 27, 8, 0, noClaim}, // as far as the number that says none
		{1 << 27, 16, 16, 1<<24 - 2},
		{1 << 30, 4096, 0, noClaim},
	} {
		p := appendRecord([]byte("x"), 7, c.off, c.durable, 5, []byte("payload"), payloadCRC([]byte("payload")))[1:]
		h := (*recordHeader)(p)
		if h.id() != 7 || h.kind() != 5 || h.length() != 7 || h.claim() != c.claim || h.durable(c.off) != c.reads {
			t.Errorf("%+v: % x: claims %d, durable %d", c, p, h.claim(), h.durable(c.off))
		}
		if len(p) != 24 || p[23] != 0 || !h.intact(p[16:23], c.off) || h.intact(p[16:23], c.off+8) || h.intact(p[16:22], c.off) {
			t.Errorf("%+v: % x", c, p)
		}
		if !h.plausible(7, c.off, c.off+24) || h.plausible(7, c.off, c.off+23) || h.plausible(8, c.off, c.off+24) {
			t.Errorf("%+v: plausible", c)
		}
	}
	for n, want := range map[int]int64{0: 16, 1: 24, 8: 24, 9: 32, MaxPayload: MaxPayload + 16} {
		if got := recordBytes(n); got != want {
			t.Errorf("a record of %d bytes has %d, want %d", n, got, want)
		}
	}
	l := link{prev: 3, end: 5000, durable: 4200}
	if got, err := decodeLink(l.encode()); err != nil || got != l {
		t.Errorf("%+v, %v", got, err)
	}
	if lsn := lsnOf(7, 4128); lsn.Segment() != 7 || lsn.Offset() != 4128 || lsn.String() != "7:4128" || lsn != 7<<32|4128 {
		t.Error(lsn)
	}
}
