package wal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"path/filepath"
	"slices"
	"testing"

	"github.com/kvbench/kvbench/engine/vfs"
)

// An entry is a record in a file, the log's own included, as tests find it: by
// the table in format.go, not by its code.
type entry struct {
	id       uint32
	off, end int64 // of header and payload, without padding
	kind     uint8
	payload  string
	claim    LSN // everything below was durable; 0 for no claim
}

func (e entry) lsn() LSN { return LSN(e.id)<<32 | LSN(e.off) }

// An image is what is in a directory, and the log that it makes up.
type image struct {
	files map[string][]byte
	log   []entry // oldest first
}

// take reads the image of a directory whose log is whole.
func take(t testing.TB, m *vfs.Mem) *image {
	t.Helper()
	im := &image{files: readFiles(t, m)}
	links := map[uint32]entry{}
	var newest uint32
	for name := range im.files {
		if id, ok := segmentID(name); ok {
			if all := im.entries(id); len(all) > 0 && all[0].kind == 128 {
				links[id] = all[0]
				newest = max(newest, id)
			}
		}
	}
	for id, limit := newest, int64(1<<62); links[id].id != 0; {
		all := im.entries(id)
		all = slices.DeleteFunc(all, func(e entry) bool { return e.off >= limit })
		im.log = append(all, im.log...)
		p := []byte(links[id].payload)
		id, limit = binary.LittleEndian.Uint32(p), int64(binary.LittleEndian.Uint32(p[4:]))
	}
	return im
}

func readFiles(t testing.TB, m *vfs.Mem) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	names, err := m.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		f, err := m.Open(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		size, err := f.Size()
		if err != nil {
			t.Fatal(err)
		}
		files[name] = make([]byte, size)
		if _, err := f.ReadAt(files[name], 0); err != nil && !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
		f.Close()
	}
	return files
}

// entries returns the records of a segment up to the first that is not whole.
func (im *image) entries(id uint32) []entry {
	p := im.files[segmentName(id)]
	var all []entry
	for off := int64(4096); off+16 <= int64(len(p)); {
		h := p[off:][:16]
		n := int64(binary.LittleEndian.Uint32(h[4:]))
		if h[12] == 0 || off+16+n > int64(len(p)) {
			break
		}
		covered := slices.Concat(p[off+16:][:n], h[4:])
		crc := crc32.Checksum(covered, crc32.MakeTable(crc32.Castagnoli)) ^ uint32(off*2654435761)
		if binary.LittleEndian.Uint32(h) != crc ||
			binary.LittleEndian.Uint32(h[8:]) != id {
			break
		}
		e := entry{id: id, off: off, end: off + 16 + n, kind: h[12], payload: string(p[off+16:][:n])}
		if back := int64(h[13]) | int64(h[14])<<8 | int64(h[15])<<16; back != 1<<24-1 {
			e.claim = LSN(id)<<32 | LSN(off-8*back)
		}
		if e.kind == 128 && len(e.payload) == 12 {
			if durable := binary.LittleEndian.Uint32([]byte(e.payload)[8:]); durable > 0 {
				e.claim = max(e.claim, LSN(binary.LittleEndian.Uint32([]byte(e.payload)))<<32|LSN(durable))
			}
		}
		all = append(all, e)
		off = (e.end + 7) &^ 7
	}
	return all
}

// users returns the caller's records.
func users(log []entry) []rec {
	var all []rec
	for _, e := range log {
		if e.kind <= 127 {
			all = append(all, rec{e.lsn(), e.kind, e.payload})
		}
	}
	return all
}

func put(t testing.TB, m *vfs.Mem, name string, p []byte) {
	t.Helper()
	path := filepath.Join(dir, name)
	f, err := m.OpenReadWrite(path)
	if err != nil {
		f, err = m.Create(path)
	}
	if err == nil {
		_, err = f.WriteAt(p, 0)
	}
	if err == nil {
		err = errors.Join(f.Truncate(int64(len(p))), f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// after says what Open may answer when the files in changed are not what they
// were (nil: missing): the records that it must deliver, if any, and whether
// it must or may report damage.
//
// The log ends before its first record that is not whole. That is damage if a
// record that is still whole claims that it was durable.
func (im *image) after(changed map[string][]byte) (want []rec, must, may bool) {
	whole := func(e entry) bool {
		p, ok := changed[segmentName(e.id)]
		if !ok {
			return true
		}
		return int64(len(p)) >= (e.end+7)&^7 && string(p[e.off:e.end]) == string(im.files[segmentName(e.id)][e.off:e.end])
	}
	i := slices.IndexFunc(im.log, func(e entry) bool { return !whole(e) })
	if i < 0 {
		i = len(im.log)
	}
	for name, p := range changed {
		if _, ok := segmentID(name); !ok {
			continue
		}
		old := im.files[name]
		header := len(p) >= 4096 && string(p[:20]) == string(old[:20])
		must = must || p != nil && !header
		may = may || p == nil
	}
	if i < len(im.log) {
		for _, e := range im.log {
			must = must || whole(e) && e.claim > im.log[i].lsn()
		}
	}
	return users(im.log[:i]), must, may || must
}

// judge opens m and compares what it says with what it may say.
func (im *image) judge(t testing.TB, m *vfs.Mem, o Options, what string, changed map[string][]byte) {
	t.Helper()
	want, must, may := im.after(changed)
	l, got, err := open(m, o)
	if err == nil {
		defer l.Close()
	}
	var damage *DamageError
	switch {
	case err != nil && !errors.As(err, &damage):
		t.Fatalf("%s: %v", what, err)
	case err != nil && !may:
		t.Fatalf("%s: %v, though nothing that was durable is missing", what, err)
	case err != nil && damage.Detail == "":
		t.Fatalf("%s: %v: no detail", what, err)
	case err != nil:
		if _, ok := changed[filepath.Base(damage.Path)]; !ok {
			t.Fatalf("%s: %v: that file is not damaged", what, err)
		}
	case must:
		t.Fatalf("%s: %d records and no error, though more were durable: %v", what, len(got), got)
	case !slices.Equal(got, want):
		t.Fatalf("%s: %d records, want %d:\n got %v\nwant %v", what, len(got), len(want), got, want)
	}
}

func (im *image) names() []string {
	var all []string
	for name := range im.files {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

func (e entry) String() string {
	return fmt.Sprintf("%v-%d kind %d claims %v", e.lsn(), e.end, e.kind, e.claim)
}
