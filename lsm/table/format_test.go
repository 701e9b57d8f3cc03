package table

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/lsm/blob"
	"github.com/kvbench/kvbench/lsm/block"
	"github.com/kvbench/kvbench/lsm/compress"
	"github.com/kvbench/kvbench/lsm/filter"
	"github.com/kvbench/kvbench/lsm/ikey"
	"github.com/kvbench/kvbench/lsm/tombstone"
)

var update = flag.Bool("update", false, "rewrite golden files")

// sample is a table that has some of everything.
func sample(o Options) (Options, []entry, *tombstone.Set) {
	o.ID = 7
	o.BlockBytes = 128
	o.Filter = filter.Policy{Kind: filter.Blocked, BitsPerKey: 10}
	o.Created, o.OldestTombstone = 1_000_000_000, 900_000_000
	var all []entry
	for i := range 9 {
		all = append(all, entry{fmt.Appendf(nil, "user%04d", i), ikey.Make(ikey.Seq(100+i), ikey.Put), bytes.Repeat([]byte{'v'}, 24)})
	}
	place := blob.Pointer{File: 3, Offset: 16, Length: 1000}
	all = append(
		all,
		entry{[]byte("user9"), ikey.Make(130, ikey.Delete), nil},
		entry{[]byte("user9"), ikey.Make(120, ikey.PutTTL), append(ikey.AppendExpiry(nil, 5_000_000_000), "value"...)},
		entry{[]byte("user9"), ikey.Make(111, ikey.PutBlob), place.Append(nil)},
	)
	ranges := tombstone.Build([]tombstone.Range{{Lower: []byte("b"), Upper: []byte("c"), Seq: 90}})
	return o, all, ranges
}

// content is the bytes of a sample.
func content(t reporter, o Options) []byte {
	t.Helper()
	m := newDir(t)
	o, all, ranges := sample(o)
	write(t, m, dir, o, all, ranges)
	p, err := vfs.ReadFile(m, path(dir, o.ID))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// put is a file system with a table of these bytes.
func put(t reporter, p []byte) *vfs.Mem {
	t.Helper()
	m := newDir(t)
	f, err := m.Create(path(dir, 7))
	if err == nil {
		_, err = f.Write(p)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// readAll opens a table, and reads and checks all of it.
func readAll(m vfs.FS, g *rig, io IO) (all []entry, p Properties, err error) {
	r, err := Open(m, path(dir, 7), 7, g.options(io))
	if err != nil {
		return nil, p, err
	}
	it := r.NewIter(IterOptions{})
	for ok := it.First(); ok; ok = it.Next() {
		all = append(all, entry{bytes.Clone(it.Key()), it.Trailer(), bytes.Clone(it.Value())})
	}
	p = r.Properties()
	return all, p, errors.Join(it.Close(), r.Check(), r.Close())
}

func (f *footer) sign() { binary.LittleEndian.PutUint32(f[24:], f.checksum()) }

// sign makes all checksums of a table right that can be found.
func sign(p []byte) {
	if len(p) < footerBytes {
		return
	}
	f := (*footer)(p[len(p)-footerBytes:])
	defer f.sign()
	place := extent{f.properties(), uint64(f.length())}
	content := resign(p, place)
	defer resign(p, place)
	if len(content) < propertyBytes {
		return
	}
	h := (*propertyHeader)(content)
	ranges, filter, index := h.ranges(), h.filter(), h.index()
	resign(p, ranges)
	resign(p, filter)
	x, err := readIndex(resign(p, index))
	offset := uint64(0)
	for i := 0; i < x.blocks && err == nil; i++ {
		var row indexRow
		if row, err = x.next(); err == nil {
			resign(p, extent{offset, row.stored})
			offset += row.stored
		}
	}
}

func resign(p []byte, e extent) []byte {
	p = p[:len(p)-footerBytes]
	if e.length < trailerBytes || e.offset > uint64(len(p)) || e.length > uint64(len(p))-e.offset {
		return nil
	}
	b := p[e.offset:e.end()]
	n := len(b) - trailerBytes
	binary.LittleEndian.PutUint32(b[n+1:], checksum(b[:n+1], 7, e.offset))
	return b[:n]
}

func TestTheFormatIsThatOfTheGoldenFiles(t *testing.T) {
	for name, o := range map[string]Options{
		"heads":    {},
		"restarts": {Block: block.Options{Layout: block.Restarts, RestartInterval: 4}, Compression: compress.Snappy},
	} {
		got, path := hex.Dump(content(t, o)), filepath.Join("testdata", name+".hex")
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
			t.Fatalf("a table is\n%swant\n%s", got, want)
		}
	}
}

func TestEveryFlippedByteIsNoticed(t *testing.T) {
	for _, o := range []Options{{}, {Compression: compress.Zstd}} {
		full := content(t, o)
		m := put(t, full)
		f, err := m.OpenReadWrite(path(dir, 7))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for _, io := range []IO{Pread, Mmap, Direct} {
			g := newRig(t, -1)
			for i := range full {
				for _, bits := range []byte{1, 0x80, 0xff} {
					if _, err := f.WriteAt([]byte{full[i] ^ bits}, int64(i)); err != nil {
						t.Fatal(err)
					}
					_, _, err := readAll(m, g, io)
					var found *engine.CorruptionError
					if !errors.As(err, &found) || found.File != path(dir, 7) || found.Offset < 0 || found.Offset > int64(i) {
						t.Fatalf("byte %d ^ %#x: %v", i, bits, err)
					}
				}
				if _, err := f.WriteAt(full[i:i+1], int64(i)); err != nil {
					t.Fatal(err)
				}
			}
			if _, _, err := readAll(m, g, io); err != nil {
				t.Fatal(err)
			}
			g.close(t)
		}
	}
}

func TestATableThatIsCutOffIsNoTable(t *testing.T) {
	full := content(t, Options{})
	m := put(t, full)
	f, err := m.OpenReadWrite(path(dir, 7))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for i := len(full) - 1; i >= 0; i-- {
		if err := f.Truncate(int64(i)); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(m, path(dir, 7), 7, ReaderOptions{}); !errors.Is(err, engine.ErrCorrupt) {
			t.Fatalf("cut at %d: %v", i, err)
		}
	}
}

func TestABlockInAnotherPlaceOrTableIsNoticed(t *testing.T) {
	full := content(t, Options{})
	g := newRig(t, -1)
	defer g.close(t)
	r := open(t, put(t, full), dir, 7, g.options(Pread))
	defer shut(t, r)
	for n := 1; n < r.Blocks(); n++ {
		a, b := r.index.block(0), r.index.block(n)
		if a.length != b.length {
			continue
		}
		p := bytes.Clone(full)
		copy(p[b.offset:b.end()], full[a.offset:a.end()])
		if _, _, err := readAll(put(t, p), g, Pread); !errors.Is(err, engine.ErrCorrupt) {
			t.Fatalf("block 0 in the place of %d: %v", n, err)
		}
		p = bytes.Clone(full)
		one := p[b.offset:b.end()]
		binary.LittleEndian.PutUint32(one[len(one)-4:], checksum(one[:len(one)-4], 8, b.offset))
		if _, _, err := readAll(put(t, p), g, Pread); !errors.Is(err, engine.ErrCorrupt) {
			t.Fatalf("block %d of table 8 in table 7: %v", n, err)
		}
		return
	}
	t.Fatal("no two blocks are of one length")
}

func TestEachDamagedFieldIsNamed(t *testing.T) {
	full := content(t, Options{})
	g := newRig(t, -1)
	defer g.close(t)
	le := binary.LittleEndian
	for want, damage := range map[string]func(foot, props, index []byte){
		"magic is":                        func(foot, _, _ []byte) { foot[28]++ },
		"format version is 2":             func(foot, _, _ []byte) { foot[20] = 2 },
		"is table 8, want 7":              func(foot, _, _ []byte) { foot[0] = 8 },
		"do not end at the footer":        func(foot, _, _ []byte) { foot[8]++ },
		"properties at":                   func(foot, _, _ []byte) { foot[16]-- },
		"index has 5 blocks, want 6":      func(_, props, _ []byte) { props[0]++ },
		"block of range deletes at":       func(_, props, _ []byte) { props[8]++ },
		"before compression, want":        func(_, props, _ []byte) { props[16]++ },
		"block of filter at":              func(_, props, _ []byte) { props[32]++ },
		"block of index at":               func(_, props, _ []byte) { props[56]++ },
		"blocks end at":                   func(_, props, _ []byte) { props[64]-- },
		"sequence number 100 is not from": func(_, props, _ []byte) { le.PutUint64(props[72:], 101) },
		"sequence number 130 is not from": func(_, props, _ []byte) { le.PutUint64(props[80:], 129) },
		"there are 12 entries, want 13":   func(_, props, _ []byte) { props[88]++ },
		"there are 1 tombstones, want 2":  func(_, props, _ []byte) { props[96]++ },
		"there are 1 range deletes, want": func(_, props, _ []byte) { props[104]++ },
		"keys have 87 bytes, want 88":     func(_, props, _ []byte) { props[112]++ },
		"keys and blob files take":        func(_, props, _ []byte) { props[184]++ },
		"is not within the bounds":        func(_, props, _ []byte) { props[propertyBytes+1] = 'a' },
		"before compression of 4":         func(_, _, index []byte) { index[indexHeader+5] = 4 },
		"0 blocks in an index with":       func(_, _, index []byte) { le.PutUint32(index, 1<<31+2) },
		"prefix of":                       func(_, _, index []byte) { le.PutUint32(index[4:], 1<<30) },
		"separator of block 2 is less":    func(_, _, index []byte) { index[indexHeader+4+2*7+3] = 0 },
		"index has blocks of":             func(_, _, index []byte) { index[indexHeader+4]--; index[indexHeader+5]-- },
		"bytes behind the last block":     func(_, _, index []byte) { index[0]-- },
		"row of the index is cut off":     func(_, _, index []byte) { index[0]++ },
		"block of 5 bytes":                func(_, _, index []byte) { index[indexHeader+4] = trailerBytes },
		"is larger than all separators":   func(_, _, index []byte) { index[len(index)-1]-- },
		"separator of 100 bytes, with":    func(_, _, index []byte) { index[len(index)-2] = 100 },
		"compressed blocks in a table wit": func(_, props, index []byte) {
			le.PutUint64(props[16:], le.Uint64(props[16:])+0x7f-uint64(index[indexHeader+5]))
			index[indexHeader+5] = 0x7f
		},
	} {
		p := bytes.Clone(full)
		foot := (*footer)(p[len(p)-footerBytes:])
		props := p[foot.properties():][:foot.length()]
		e := (*propertyHeader)(props).index()
		damage(foot[:], props, p[e.offset:e.end()-trailerBytes])
		sign(p)
		if _, _, err := readAll(put(t, p), g, Pread); !errors.Is(err, engine.ErrCorrupt) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", want, err)
		}
	}
}

func TestABlockIsCompressedAsTheIndexSays(t *testing.T) {
	g := newRig(t, -1)
	defer g.close(t)
	for _, kind := range []compress.Kind{compress.None, compress.Snappy} {
		full := content(t, Options{Compression: kind})
		r := open(t, put(t, full), dir, 7, g.options(Pread))
		end := r.index.block(0).end()
		shut(t, r)
		full[end-trailerBytes] ^= uint8(compress.Snappy)
		sign(full)
		for _, io := range []IO{Pread, Mmap} {
			if _, _, err := readAll(put(t, full), g, io); !errors.Is(err, engine.ErrCorrupt) || !strings.Contains(err.Error(), "which the index does not say") {
				t.Errorf("%v: %v", kind, err)
			}
		}
	}
}

func FuzzOpen(f *testing.F) {
	for _, o := range []Options{{}, {Compression: compress.LZ4}, {Block: block.Options{Layout: block.Restarts}}} {
		full := content(f, o)
		f.Add(full, false)
		f.Add(full, true)
		f.Add(full[10:], true)
	}
	f.Fuzz(func(t *testing.T, p []byte, fix bool) {
		p = bytes.Clone(p)
		if fix {
			sign(p)
		}
		g := newRig(t, 1<<20)
		defer g.close(t)
		for _, io := range []IO{Pread, Mmap} {
			if _, _, err := readAll(put(t, p), g, io); err != nil && !errors.Is(err, engine.ErrCorrupt) {
				t.Fatal(err)
			}
		}
	})
}
