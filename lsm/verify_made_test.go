package lsm

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"path/filepath"
	"slices"
	"testing"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/lsm/blob"
	"github.com/kvbench/kvbench/lsm/block"
	"github.com/kvbench/kvbench/lsm/filter"
	"github.com/kvbench/kvbench/lsm/ikey"
	"github.com/kvbench/kvbench/lsm/manifest"
	"github.com/kvbench/kvbench/lsm/table"
	"github.com/kvbench/kvbench/lsm/tombstone"
	"github.com/kvbench/kvbench/lsm/version"
)

// made is a directory that no engine has made.
type made struct {
	t    *testing.T
	mem  *vfs.Mem
	edit version.Edit
}

func newMade(t *testing.T) *made {
	t.Helper()
	m := &made{t: t, mem: vfs.NewMem()}
	home, err := engine.OpenHome(m.mem, exhibitDir, marker(), false)
	m.must(err)
	m.must(home.Close())
	for _, name := range []string{tableDir, blobDir, logDir} {
		m.must(m.mem.MkdirAll(filepath.Join(exhibitDir, name)))
	}
	return m
}

func (m *made) must(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
}

type row struct {
	key   string
	seq   ikey.Seq
	kind  ikey.Kind
	value string
}

// table makes a table with a block for each row. change changes what the
// manifest says of it.
func (m *made) table(level int, run, id uint64, rows []row, ranges []tombstone.Range, change func(*version.Table)) {
	m.t.Helper()
	f, err := m.mem.Create(filepath.Join(exhibitDir, tableDir, tableName(id)))
	m.must(err)
	w := table.NewWriter(f, table.Options{ID: id, BlockBytes: 1, Filter: filter.Policy{Kind: filter.Blocked, BitsPerKey: 20}})
	for _, r := range rows {
		m.must(w.Add([]byte(r.key), ikey.Make(r.seq, r.kind), []byte(r.value)))
	}
	w.AddRanges(tombstone.Build(ranges))
	p, err := w.Finish()
	m.must(err)
	m.must(f.Close())
	if change != nil {
		change(&p.Table)
	}
	m.edit.Added = append(m.edit.Added, version.Placed{Level: level, Run: run, Table: &p.Table})
}

// blob makes a blob file.
func (m *made) blob(id uint64, values ...string) (all []blob.Pointer) {
	m.t.Helper()
	f, err := m.mem.Create(filepath.Join(exhibitDir, blobDir, blobName(id)))
	m.must(err)
	w := blob.NewWriter(f, blob.Options{ID: id})
	for _, value := range values {
		p, err := w.Add([]byte(value))
		m.must(err)
		all = append(all, p)
	}
	b, err := w.Finish()
	m.must(err)
	m.must(f.Close())
	m.edit.AddedBlobs = append(m.edit.AddedBlobs, &b)
	return all
}

// done writes the manifest.
func (m *made) done() *vfs.Mem {
	m.t.Helper()
	s, _, err := version.NewState().Apply(&m.edit)
	m.must(err)
	m.must(manifest.Create(m.mem, exhibitDir, s))
	return m.mem
}

// reseal changes the content of a block of a table, of so many bytes with its
// trailer. Its checksum is the old one, less what it said of the content.
func reseal(t *testing.T, mem *vfs.Mem, path string, off, length int64, change func(content []byte) []byte) {
	t.Helper()
	data, err := vfs.ReadFile(mem, filepath.Join(exhibitDir, path))
	if err != nil {
		t.Fatal(err)
	}
	const trailer = 5
	p := slices.Clone(data[off : off+length])
	n := len(p) - trailer
	sum := func() uint32 { return crc32.Checksum(p[:n+1], crc32.MakeTable(crc32.Castagnoli)) }
	place := binary.LittleEndian.Uint32(p[n+1:]) ^ sum()
	content := change(slices.Clone(p[:n]))
	if len(content) != n {
		t.Fatalf("the block had %d bytes, and has %d", n, len(content))
	}
	copy(p, content)
	binary.LittleEndian.PutUint32(p[n+1:], place^sum())
	overwritten(t, mem, path, off, p)
}

// blockAt is where a block of a table is.
func blockAt(t *testing.T, mem *vfs.Mem, id uint64, n int) (off, length int64) {
	t.Helper()
	r, err := table.Open(mem, filepath.Join(exhibitDir, tableDir, tableName(id)), id, table.ReaderOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	return r.BlockAt(n)
}

func tenRows() (rows []row) {
	for i := range 10 {
		rows = append(rows, row{fmt.Sprintf("k%d0", i), 13, ikey.Put, "v"})
	}
	rows[0].seq, rows[9].seq = 10, 20
	return rows
}

func TestATableThatLiesIsAProblem(t *testing.T) {
	for _, c := range []struct {
		block int
		row   row
		at    bool // the block is where it is found
		words string
	}{
		{5, row{"k30", 13, ikey.Put, "v"}, true, `entry "k30" 13:put comes after "k40"`},
		{5, row{"k40", 13, ikey.Put, "v"}, true, `entry "k40" 13:put comes after "k40"`},
		{0, row{"a00", 10, ikey.Put, "v"}, true, `key "a00" is not within the bounds [k00,k90]`},
		{5, row{"k70", 13, ikey.Put, "v"}, true, `the index does not lead to key "k70"`},
		{9, row{"z00", 20, ikey.Put, "v"}, true, `the index does not lead to key "z00"`},
		{5, row{"k50", 99, ikey.Put, "v"}, true, `key "k50" has sequence number 99, and should have one from 10 to 20`},
		{5, row{"k51", 13, ikey.Put, "v"}, true, `the filter does not have key "k51"`},
		{5, row{"k50", 13, ikey.PutTTL, "v"}, true, `the expiry of key "k50" is cut short`},
		{5, row{"k50", 13, ikey.PutBlob, "v"}, true, `key "k50" has 76 in place of a value, which names none`},
		{5, row{"k50", 13, ikey.Delete, "v"}, false, "what is in the table says deletes: 1, and should be 0"},
		{5, row{"k50", 13, ikey.PutTTL, "v"}, false, "what is in the table says bytes that expire: 4, and should be 0"},
		{9, row{"k89", 20, ikey.Put, "v"}, false, "what is in the table says bounds: [k00,k89], and should be [k00,k90]"},
		{9, row{"k90", 13, ikey.Put, "v"}, false, "what is in the table says highest sequence number: 13, and should be 20"},
	} {
		m := newMade(t)
		m.table(1, 1, 7, tenRows(), nil, nil)
		mem := m.done()
		wantSound(t, mem)
		off, length := blockAt(t, mem, 7, c.block)
		path := tableDir + "/" + tableName(7)
		reseal(t, mem, path, off, length, func([]byte) []byte {
			b := block.NewBuilder(block.Options{})
			b.Add([]byte(c.row.key), ikey.Make(c.row.seq, c.row.kind), []byte(c.row.value))
			return b.Finish(nil)
		})
		if !c.at {
			off = -1
		}
		wantFound(t, mem, path, off, c.words)
	}
}

func TestATableThatIsNotWhatTheManifestSaysIsAProblem(t *testing.T) {
	for words, change := range map[string]func(*version.Table){
		"the table says entries: 10, and should be 11":                     func(x *version.Table) { x.Entries++ },
		"the table says bounds: [k00,k90], and should be [k00,k91]":        func(x *version.Table) { x.Largest = []byte("k91") },
		"the table says highest sequence number: 20, and should be 21":     func(x *version.Table) { x.MaxSeq++ },
		"the table says values in blob files: [], and should be [{8 1 1}]": func(x *version.Table) { x.Blobs = []version.BlobUse{{File: 8, Values: 1, Bytes: 1}} },
		"the table says time of its oldest delete: 0, and should be 17":    func(x *version.Table) { x.OldestTombstone = 17 },
		"the file has 797 bytes, and should have 798":                      func(x *version.Table) { x.Bytes++ },
		"the table says bytes of values: 10, and should be 0":              func(x *version.Table) { x.ValueBytes = 0 },
		"the table says range deletes: 0, and should be 1":                 func(x *version.Table) { x.RangeDeletes = 1 },
	} {
		m := newMade(t)
		m.blob(8, "value")
		m.table(1, 1, 7, tenRows(), nil, change)
		wantFound(t, m.done(), tableDir+"/"+tableName(7), -2, words)
	}
}

func TestOpsOutOfOrderAcrossRunsAreAProblem(t *testing.T) {
	k := func(seq ikey.Seq) []row { return []row{{"k", seq, ikey.Put, "v"}} }
	around := func(seq ikey.Seq) []tombstone.Range {
		return []tombstone.Range{{Lower: []byte("a"), Upper: []byte("z"), Seq: seq}}
	}
	for _, c := range []struct {
		name         string
		upper, lower func(m *made, level int, id uint64)
		words        string // of the problem in the lower table; empty if all is well
	}{
		{
			"put above an older put",
			func(m *made, level int, id uint64) { m.table(level, id, id, k(7), nil, nil) },
			func(m *made, level int, id uint64) { m.table(level, id, id, k(5), nil, nil) }, "",
		},
		{
			"put above a newer put",
			func(m *made, level int, id uint64) { m.table(level, id, id, k(5), nil, nil) },
			func(m *made, level int, id uint64) { m.table(level, id, id, k(7), nil, nil) },
			`key "k" has sequence number 7 in run 2 of level 2, and the newer run 1 of level 1 has 5`,
		},
		{
			"put above a put with its number",
			func(m *made, level int, id uint64) { m.table(level, id, id, k(5), nil, nil) },
			func(m *made, level int, id uint64) { m.table(level, id, id, k(5), nil, nil) },
			`key "k" has sequence number 5 in run 2`,
		},
		{
			"put above a newer range delete",
			func(m *made, level int, id uint64) { m.table(level, id, id, k(5), nil, nil) },
			func(m *made, level int, id uint64) {
				m.table(level, id, id, []row{{"b", 1, ikey.Put, ""}}, around(7), nil)
			},
			`key "k" has sequence number 7 in run 2`,
		},
		{
			"put above an older range delete",
			func(m *made, level int, id uint64) { m.table(level, id, id, k(9), nil, nil) },
			func(m *made, level int, id uint64) { m.table(level, id, id, nil, around(7), nil) }, "",
		},
		{
			"range delete above a newer put",
			func(m *made, level int, id uint64) { m.table(level, id, id, nil, around(5), nil) },
			func(m *made, level int, id uint64) { m.table(level, id, id, k(7), nil, nil) },
			`key "k" has sequence number 7 in run 2`,
		},
		{
			"one of several versions above",
			func(m *made, level int, id uint64) { m.table(level, id, id, append(k(9), k(5)...), nil, nil) },
			func(m *made, level int, id uint64) { m.table(level, id, id, append(k(7), k(4)...), nil, nil) },
			`key "k" has sequence number 7 in run 2`,
		},
		{
			"a table that got its number late",
			func(m *made, level int, id uint64) {
				m.table(level, id, id, k(0), nil, func(x *version.Table) { x.MinSeq, x.MaxSeq = 9, 9 })
			},
			func(m *made, level int, id uint64) { m.table(level, id, id, k(7), nil, nil) }, "",
		},
		{
			"a table that got its number too early",
			func(m *made, level int, id uint64) {
				m.table(level, id, id, k(0), nil, func(x *version.Table) { x.MinSeq, x.MaxSeq = 3, 3 })
			},
			func(m *made, level int, id uint64) { m.table(level, id, id, k(7), nil, nil) },
			`key "k" has sequence number 7 in run 2`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMade(t)
			c.upper(m, 1, 1)
			c.lower(m, 2, 2)
			mem := m.done()
			if c.words == "" {
				wantSound(t, mem)
			} else {
				wantFound(t, mem, tableDir+"/"+tableName(2), -1, c.words)
			}
		})
	}
}

func TestAPointerThatNamesNoValueIsAProblem(t *testing.T) {
	for words, change := range map[string]func(p *blob.Pointer){
		"":                                     func(*blob.Pointer) {},
		"names 8:43+3, where there is no such": func(p *blob.Pointer) { p.Offset++ },
		"names 8:42+2, where there is no such": func(p *blob.Pointer) { p.Length-- },
		"names blob file 00000009.blob, which is not there": func(p *blob.Pointer) { p.File++ },
	} {
		m := newMade(t)
		p := m.blob(8, "a", "two", "c")[1]
		change(&p)
		rows := []row{{"k", 5, ikey.PutBlob, string(p.Append(nil))}}
		m.table(1, 1, 7, rows, nil, func(x *version.Table) { x.Blobs[0].File = 8 })
		mem := m.done()
		if words == "" {
			wantSound(t, mem)
		} else {
			wantFound(t, mem, tableDir+"/"+tableName(7), 0, `key "k" `+words)
		}
	}
}

func TestRangeDeletesBeyondTheirTableAreAProblem(t *testing.T) {
	ranges := []tombstone.Range{{Lower: []byte("b"), Upper: []byte("x"), Seq: 15}}
	for words, change := range map[string]tombstone.Range{
		"it deletes [a,x), which is not within its bounds [b,x)":     {Lower: []byte("a"), Upper: []byte("x"), Seq: 15},
		"it deletes [b,y), which is not within its bounds [b,x)":     {Lower: []byte("b"), Upper: []byte("y"), Seq: 15},
		"it deletes with sequence numbers from 99 to 99, and should": {Lower: []byte("b"), Upper: []byte("x"), Seq: 99},
	} {
		m := newMade(t)
		m.table(1, 1, 7, tenRows(), ranges, nil)
		mem := m.done()
		wantSound(t, mem)
		last, length := blockAt(t, mem, 7, 9)
		encoded := tombstone.Build([]tombstone.Range{change}).Encode(nil)
		path := tableDir + "/" + tableName(7)
		reseal(t, mem, path, last+length, int64(len(encoded))+5, func([]byte) []byte { return encoded })
		wantFound(t, mem, path, last+length, words)
	}
}

func TestAllDamageOfATableIsFound(t *testing.T) {
	m := newMade(t)
	m.table(1, 1, 7, tenRows(), nil, nil)
	mem := m.done()
	path := tableDir + "/" + tableName(7)
	var where []int64
	for _, n := range []int{2, 3, 8} {
		off, _ := blockAt(t, mem, 7, n)
		overwritten(t, mem, path, off, []byte{0xff})
		where = append(where, off)
	}
	for _, off := range where {
		wantFound(t, mem, path, off, "checksum")
	}
	if all := problemsOf(t, mem); len(all) != len(where) {
		t.Errorf("%d problems: %v", len(all), all)
	}
	// Without CURRENT nothing is known of the table.
	m.must(mem.Remove(filepath.Join(exhibitDir, manifest.Current)))
	wantFound(t, mem, manifest.Current, -1, "there is none")
	for _, off := range where {
		wantFound(t, mem, path, off, "checksum")
	}
}

func TestAllDamageOfABlobFileIsFound(t *testing.T) {
	m := newMade(t)
	var rows []row
	pointers := m.blob(8, "aa", "bb", "cc", "dd", "ee", "ff")
	for i, p := range pointers {
		if i != 4 {
			rows = append(rows, row{fmt.Sprintf("k%d", i), 5, ikey.PutBlob, string(p.Append(nil))})
		}
	}
	m.table(1, 1, 7, rows, nil, nil)
	mem := m.done()
	wantSound(t, mem)
	path := blobDir + "/" + blobName(8)
	for _, i := range []int{1, 3, 4} {
		overwritten(t, mem, path, int64(pointers[i].Offset)+9, []byte("X"))
	}
	wantFound(t, mem, path, int64(pointers[1].Offset), "only looked at where tables name them")
	wantFound(t, mem, path, int64(pointers[3].Offset), `it is the value of key "k3"`)
	if all := problemsOf(t, mem); len(all) != 2 { // nobody names the third
		t.Errorf("%d problems: %v", len(all), all)
	}
}

func TestAFileThatIsNotTheRightOneIsAProblem(t *testing.T) {
	m := newMade(t)
	m.table(1, 1, 7, tenRows(), nil, nil)
	m.table(2, 1, 6, []row{{"k00", 1, ikey.Put, "v"}}, nil, nil)
	mem := m.done()
	path := func(id uint64) string { return tableDir + "/" + tableName(id) }
	for words, do := range map[string]func(mem *vfs.Mem){
		"the file is missing; the manifest names it": func(mem *vfs.Mem) {
			m.must(mem.Remove(filepath.Join(exhibitDir, path(7))))
		},
		"the file has 40 bytes": func(mem *vfs.Mem) { truncated(t, mem, path(7), 40) },
		"and should have": func(mem *vfs.Mem) {
			m.must(mem.Rename(filepath.Join(exhibitDir, path(6)), filepath.Join(exhibitDir, path(7))))
		},
		"want 7": func(mem *vfs.Mem) { // of the same length
			other := newMade(t)
			other.table(1, 1, 9, tenRows(), nil, nil)
			data, err := vfs.ReadFile(other.done(), filepath.Join(exhibitDir, path(9)))
			m.must(err)
			overwritten(t, mem, path(7), 0, data)
		},
	} {
		damaged := mem.Image(vfs.Written)
		do(damaged)
		wantFound(t, damaged, path(7), -2, words)
	}
	// What nobody names is nobody's problem.
	m.must(mem.MkdirAll(filepath.Join(exhibitDir, lostDir)))
	for _, name := range []string{path(3), lostDir + "/00000002.blob", manifest.Name(99), "notes"} {
		f, err := mem.Create(filepath.Join(exhibitDir, name))
		m.must(err)
		m.must(f.Close())
	}
	wantSound(t, mem)
}
