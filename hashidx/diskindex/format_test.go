package diskindex

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"flag"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/hashidx/index"
)

var update = flag.Bool("update", false, "rewrite golden files")

// content is the bytes of a file with these entries.
func content(t testing.TB, all []index.Entry) []byte {
	t.Helper()
	m := newDir(t)
	x := newIndex(t, options(m))
	load(t, x, all)
	merge(t, x, "1")
	p, err := vfs.ReadFile(m, filepath.Join(dir, "1"))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// put is a file system with a file "1".
func put(t testing.TB, p []byte) *vfs.Mem {
	t.Helper()
	m := newDir(t)
	f, err := m.Create(filepath.Join(dir, "1"))
	if err == nil {
		_, err = f.Write(p)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// sign makes all checksums of a file right.
func sign(p []byte) {
	if len(p) < pageBytes+footerBytes {
		return
	}
	le := binary.LittleEndian
	head, foot := (*header)(p), (*footer)(p[len(p)-footerBytes:])
	le.PutUint32(p[12:], head.checksum())
	le.PutUint32(foot[24:], head.crc())
	body := p[:len(p)-footerBytes]
	for n := 1; (n+1)*pageBytes <= len(body); n++ {
		one := (*page)(body[n*pageBytes:])
		one.seal(uint64(n), one.next())
	}
	table := body[len(body)/pageBytes*pageBytes:]
	le.PutUint32(foot[20:], crc32.Checksum(table, castagnoli))
	le.PutUint32(foot[28:], foot.checksum())
}

// dump is a hex dump without lines of zeros.
func dump(p []byte) string {
	var b strings.Builder
	for line := range strings.Lines(hex.Dump(p)) {
		if !strings.Contains(line, strings.Repeat(" 00", 8)+" "+strings.Repeat(" 00", 8)) {
			b.WriteString(line)
		}
	}
	return b.String()
}

func TestTheFormatIsThatOfTheGoldenFile(t *testing.T) {
	all := image(20)
	for i := range uint64(pageEntries) { // a second page
		all = append(all, index.Entry{Hash: 12<<48 | 34<<10 | 1023, Place: 2<<32 | i + 1})
	}
	got, path := dump(content(t, all)), filepath.Join("testdata", "index.hex")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Fatalf("an index file is\n%swant\n%s", got, want)
	}
}

func TestEveryFlippedByteAndEveryCutIsNoticed(t *testing.T) {
	full := content(t, image(20))
	m := put(t, full)
	f, err := m.OpenReadWrite(filepath.Join(dir, "1"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for i := range full {
		for _, bit := range []byte{1, 0x80, 0xff} {
			if _, err := f.WriteAt([]byte{full[i] ^ bit}, int64(i)); err != nil {
				t.Fatal(err)
			}
			found := problems(t, m, "1")
			if len(found) != 1 || found[0].Offset > int64(i) || found[0].Offset < int64(i)-pageBytes || found[0].File != "/index/1" {
				t.Fatalf("byte %d ^ %x: %+v", i, bit, found)
			}
		}
		if _, err := f.WriteAt(full[i:i+1], int64(i)); err != nil {
			t.Fatal(err)
		}
	}
	for i := len(full) - 1; i >= 0; i-- {
		if err := f.Truncate(int64(i)); err != nil {
			t.Fatal(err)
		}
		if _, err := openFile(m, dir, "1", false); !errors.Is(err, ErrUnusable) || !errors.Is(err, engine.ErrCorrupt) {
			t.Fatalf("cut at %d: %v", i, err)
		}
	}
}

func TestEachDamagedFieldIsNamed(t *testing.T) {
	full := content(t, image(20))
	le := binary.LittleEndian
	for want, damage := range map[string]func(p, page, foot []byte){
		"magic is \"l":               func(p, page, foot []byte) { p[0]++ },
		"version is 2":               func(p, page, foot []byte) { p[8] = 2 },
		"0 buckets in 2 pages":       func(p, page, foot []byte) { p[40] = 0 },
		"2 buckets in 2 pages":       func(p, page, foot []byte) { p[40] = 2 },
		"goes on in page 1":          func(p, page, foot []byte) { page[4] = 1 },
		"goes on in page 2":          func(p, page, foot []byte) { page[4] = 2 },
		"page 1 has 341 entries":     func(p, page, foot []byte) { le.PutUint16(page[8:], 341) },
		"what is not used":           func(p, page, foot []byte) { page[10] = 1 },
		"is not zero":                func(p, page, foot []byte) { page[4095] = 1 },
		"entry 0 is impossible":      func(p, page, foot []byte) { clear(page[12:18]) },
		"entry 19 is impossible":     func(p, page, foot []byte) { page[12+12*19+11] = 0xff },
		"entry 1 is out of order":    func(p, page, foot []byte) { page[12+11] = 3 },
		"is in segment 77":           func(p, page, foot []byte) { le.PutUint16(page[12+4:], 77) },
		"19 entries, the footer":     func(p, page, foot []byte) { page[8]--; clear(page[12+19*12:][:12]) },
		"20 entries, the footer":     func(p, page, foot []byte) { foot[0]++ },
		"1000000 entries in 2 pages": func(p, page, foot []byte) { le.PutUint64(foot, 1_000_000) },
		"3 pages and 4 segments":     func(p, page, foot []byte) { foot[8]++ },
		"2 pages and 5 segments":     func(p, page, foot []byte) { foot[16]++ },
		"entries name 4 segments":    func(p, page, foot []byte) { p[2*pageBytes] = 0 },
		"magic is \"k":               func(p, page, foot []byte) { foot[33]++ },
	} {
		p := bytes.Clone(full)
		damage(p, p[pageBytes:], p[len(p)-footerBytes:])
		sign(p)
		var all strings.Builder
		for _, f := range problems(t, put(t, p), "1") {
			all.WriteString(f.Detail + "\n")
		}
		if !strings.Contains(all.String(), want) {
			t.Errorf("%q, want %q", all.String(), want)
		}
	}
	p := bytes.Clone(full)
	p[16]++
	binary.LittleEndian.PutUint32(p[12:], (*header)(p).checksum())
	if found := problems(t, put(t, p), "1"); len(found) != 1 || found[0].Detail != "header is another's" {
		t.Error(found)
	}
}

func TestADamagedPageIsNamedByWhoReadsIt(t *testing.T) {
	all := image(3000)
	p := content(t, all)
	p[3*pageBytes+100]++ // bucket 2
	m := put(t, p)
	x := reopen(t, options(m), "1")
	bad := 0
	for _, e := range all {
		places, err := lookup(x, e.Hash)
		b, _ := ordinalOf(e.Hash).bucketOf(bucketsFor(3000))
		var damage *engine.CorruptionError
		switch isBad := errors.As(err, &damage); {
		case isBad != (b == 2):
			t.Fatalf("bucket %d: %v, %v", b, places, err)
		case isBad && (damage.File != "/index/1" || damage.Offset != 3*pageBytes):
			t.Fatal(damage)
		case isBad:
			bad++
		}
	}
	if _, err := x.Merge(ctx, "2", head); bad == 0 || !errors.Is(err, engine.ErrCorrupt) {
		t.Fatalf("%d entries in the bad bucket; merge: %v", bad, err)
	}
	if names, err := m.List(dir); len(names) != 1 || err != nil {
		t.Fatal(names, err)
	}
	if err := x.Walk(func(index.Entry) bool { return true }); !errors.Is(err, engine.ErrCorrupt) {
		t.Fatal(err)
	}
	if ok, err := x.Delete(2<<30, 5); ok || err != nil {
		t.Fatal("a good page is not read", err)
	}
}

// FuzzRead reads a file of which these are the header, a page and the end: it
// is refused, or its sound entries can be written again. With fix the
// checksums are made right first.
func FuzzRead(f *testing.F) {
	full := content(f, image(20))
	f.Add(full[:48], full[pageBytes:][:300], full[2*pageBytes:], false)
	f.Add(full[:48], full[pageBytes:][:300], full[2*pageBytes:], true)
	f.Add(full[:48], full[pageBytes:][:100], full[2*pageBytes:], true)
	for _, change := range []func(head, one, end []byte){
		func(head, _, _ []byte) { head[40] = 2 },          // buckets
		func(_, one, _ []byte) { one[4] = 1 },             // next: itself
		func(_, one, _ []byte) { one[8], one[9] = 85, 1 }, // count: 341
		func(_, one, _ []byte) { one[9] = 1 },             // entries of zeros
		func(_, one, _ []byte) { clear(one[12:18]) },      // a place
		func(_, one, _ []byte) { one[23] = 3 },            // an ordinal: order
		func(_, one, _ []byte) { one[23] = 0xff },         // beyond all
		func(_, _, end []byte) { end[0]++ },               // segments
		func(_, _, end []byte) { end[8]-- },               // entries
		func(_, _, end []byte) { end[16]++ },              // pages
	} {
		p := bytes.Clone(full)
		change(p, p[pageBytes:], p[2*pageBytes:])
		f.Add(p[:48], p[pageBytes:][:300], p[2*pageBytes:], true)
	}
	f.Fuzz(func(t *testing.T, head, one, end []byte, fix bool) {
		p := make([]byte, 2*pageBytes, 2*pageBytes+len(end))
		copy(p[:pageBytes], head)
		copy(p[pageBytes:], one)
		p = append(p, end...)
		if fix {
			sign(p)
		}
		m := put(t, p)
		sound := len(problems(t, m, "1")) == 0
		file, err := openFile(m, dir, "1", false)
		if err != nil {
			if sound || !errors.Is(err, ErrUnusable) {
				t.Fatal(err)
			}
			return
		}
		defer file.handle.Close()
		got, _, err := newReader(file, 4).buckets(nil, 0, file.buckets)
		if err != nil {
			if sound || !errors.Is(err, ErrUnusable) {
				t.Fatal(err)
			}
			return
		}
		for _, e := range got { // maybe out of order
			b, within := e.ordinal.bucketOf(file.buckets)
			var one page
			if err := file.readPage(&one, min(b, file.buckets-1)+1); err != nil {
				t.Fatal(err)
			}
			some, _ := one.find(e.ordinal, within)
			if sound && len(some) == 0 {
				t.Fatalf("%x is not found", e)
			}
		}
		if sound {
			again := content(t, unordered(got))
			if !bytes.Equal(again[pageBytes:2*pageBytes], p[pageBytes:2*pageBytes]) {
				t.Fatalf("%x is written as %x", p[pageBytes:], again[pageBytes:])
			}
		}
	})
}

func unordered(all []entry) []index.Entry {
	var to []index.Entry
	for _, e := range all {
		to = append(to, e.index())
	}
	return to
}
