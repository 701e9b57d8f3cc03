package lsm

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"slices"

	"github.com/zeebo/xxh3"

	"github.com/kvbench/kvbench/engine/cache"
	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/lsm/blob"
	"github.com/kvbench/kvbench/lsm/block"
	"github.com/kvbench/kvbench/lsm/ikey"
	"github.com/kvbench/kvbench/lsm/table"
	"github.com/kvbench/kvbench/lsm/version"
)

// A tableCheck walks the entries of a table, and checks it on the way. It goes
// on behind blocks that are damaged.
type tableCheck struct {
	v    *verifier
	path string
	meta *version.Table // what the manifest says; nil: nobody knows
	r    *table.Reader

	next   int // block
	in     bool
	held   table.Held
	cursor block.Cursor
	quiet  bool // the block has had its problem

	// What was seen of the table.
	seen    version.Table
	forever bool // some put does not expire
	uses    map[uint64]*version.BlobUse
	last    ikey.Trailer // of the entry before, as it is in the file

	damaged    bool // entries are missing in what was seen
	disordered bool
}

// openTable opens a table. It is nil where that cannot be done, which is
// reported then.
func (v *verifier) openTable(id uint64, meta *version.Table) (*tableCheck, error) {
	c := &tableCheck{v: v, path: v.Path(tableDir + "/" + tableName(id)), meta: meta}
	if meta != nil {
		if ok, err := v.whole(c.path, meta.Bytes); !ok {
			return nil, err
		}
	}
	var o table.ReaderOptions
	r, err := table.Open(readAhead{v.FS}, c.path, id, o)
	if err == nil && meta != nil && r.Properties().MaxSeq == 0 && meta.MinSeq == meta.MaxSeq && meta.MaxSeq > 0 {
		// It was written before its number was known.
		o.Seq = meta.MaxSeq
		r.Close() //nolint:errcheck // was only read
		r, err = table.Open(readAhead{v.FS}, c.path, id, o)
	}
	if err != nil {
		note := unnamed
		if meta != nil {
			note = ""
		}
		return nil, v.Found(c.path, err, note)
	}
	c.r = r
	c.seen.MinSeq = ikey.MaxSeq
	p := r.Properties()
	if meta != nil {
		for _, d := range differences(&p.Table, meta) {
			v.Problem(c.path, -1, "the table says %s", d)
		}
	}
	c.checkRanges(&p)
	return c, nil
}

// checkRanges checks that range deletes are where the table may have some.
func (c *tableCheck) checkRanges(p *table.Properties) {
	for _, f := range c.r.Ranges().Fragments() {
		in := p.Bounds().Contains(f.Lower) && (p.LargestExclusive && p.Largest == nil ||
			f.Upper != nil && bytes.Compare(f.Upper, p.Largest) <= 0)
		if lo, hi := f.Seqs[len(f.Seqs)-1], f.Seqs[0]; !in {
			c.v.Problem(c.path, p.DataBytes, "it deletes %v, which is not within its bounds %v", version.Span(f.Lower, f.Upper), p.Bounds())
		} else if lo < p.MinSeq || hi > p.MaxSeq {
			c.v.Problem(c.path, p.DataBytes, "it deletes with sequence numbers from %d to %d, and should have them from %d to %d", lo, hi, p.MinSeq, p.MaxSeq)
		}
	}
}

// move goes to the next entry. At the end it compares what was seen.
func (c *tableCheck) move() (bool, error) {
	for {
		if c.in && c.cursor.Next() {
			c.entry()
			return true, nil
		}
		c.in = false
		if err := c.v.Err(); err != nil {
			return false, err
		}
		if c.next >= c.r.Blocks() {
			c.end()
			return false, nil
		}
		if ok, err := c.load(); err != nil {
			return false, err
		} else if ok && c.cursor.First() {
			c.in = true
			c.entry()
			return true, nil
		}
	}
}

// load takes the cursor to the next block, and checks it.
func (c *tableCheck) load() (bool, error) {
	n := c.next
	c.next++
	c.quiet = false
	c.held.Release()
	held, err := c.r.Load(n, cache.Normal.For(cache.Data))
	if err == nil {
		c.held = held
		if _, err = block.Check(held.Bytes()); err == nil {
			err = c.cursor.Init(held.Bytes())
		}
		if err != nil {
			err = c.r.Damaged(n, err)
		}
	}
	if err != nil {
		c.damaged = true
		return false, c.v.Found(c.path, err, "")
	}
	return true, nil
}

// wrong reports an entry; of each block one.
func (c *tableCheck) wrong(format string, args ...any) {
	if c.quiet {
		return
	}
	c.quiet = true
	off, _ := c.r.BlockAt(c.next - 1)
	c.v.Problem(c.path, off, "block %d: %s", c.next-1, fmt.Sprintf(format, args...))
}

// key is that of the entry on which c is.
func (c *tableCheck) key() []byte { return c.cursor.Key() }

// seq is its number.
func (c *tableCheck) seq() ikey.Seq {
	if s := c.r.Seq(); s != 0 {
		return s
	}
	return c.cursor.Trailer().Seq()
}

// entry checks the entry on which c is, and counts it.
func (c *tableCheck) entry() {
	key, t, s := c.key(), c.cursor.Trailer(), &c.seen
	if s.Entries > 0 && ikey.Compare(s.Largest, c.last, key, t) >= 0 {
		c.disordered = true
		c.wrong("entry %.64q %v comes after %.64q %v", key, t, s.Largest, c.last)
	}
	p := c.r.Properties()
	n, ok := c.r.BlockFor(key)
	if !ok || n > c.next-1 || n < c.next-1 && !c.r.BlockMayContinue(c.next-2, key) {
		c.wrong("the index does not lead to key %.64q", key)
	}
	if !p.Bounds().Contains(key) {
		c.wrong("key %.64q is not within the bounds %v", key, p.Bounds())
	}
	if q := c.seq(); q < p.MinSeq || q > p.MaxSeq {
		c.wrong("key %.64q has sequence number %d, and should have one from %d to %d", key, q, p.MinSeq, p.MaxSeq)
	}
	if s.Entries == 0 || !bytes.Equal(key, s.Largest) {
		c.filtered(key)
	}
	if s.Entries == 0 {
		s.Smallest = slices.Clone(key)
	}
	s.Entries++
	s.KeyBytes += uint64(len(key))
	s.Largest = append(s.Largest[:0], key...)
	s.MinSeq, s.MaxSeq = min(s.MinSeq, c.seq()), max(s.MaxSeq, c.seq())
	c.last = t
	c.value(key, t.Kind(), c.cursor.Value())
}

// filtered checks that the filter has a key, and its prefix.
func (c *tableCheck) filtered(key []byte) {
	if !c.r.MayContain(xxh3.Hash(key)) {
		c.wrong("the filter does not have key %.64q", key)
	}
	if n := c.r.FilterPrefix(); n > 0 && len(key) >= n && !c.r.MayContain(xxh3.Hash(key[:n])) {
		c.wrong("the filter does not have the prefix of key %.64q", key)
	}
}

// value checks the value of an entry, and counts it.
func (c *tableCheck) value(key []byte, kind ikey.Kind, value []byte) {
	s, size := &c.seen, uint64(len(value))
	switch {
	case kind == ikey.Delete:
		s.Tombstones++
	case kind.Expires():
		at, rest, ok := ikey.Expiry(value)
		if !ok {
			c.wrong("the expiry of key %.64q is cut short", key)
		}
		s.LastExpiry = max(s.LastExpiry, at)
		value = rest
	default:
		c.forever = true
	}
	if kind.Separate() {
		p, ok := blob.ParsePointer(value)
		if !ok {
			c.wrong("key %.64q has %x in place of a value, which names none", key, value)
		} else if wrong := c.v.checkPointer(key, p); wrong != "" {
			c.wrong("key %.64q %s", key, wrong)
		}
		c.use(p)
		size = p.Length
	}
	s.ValueBytes += size
	if kind.Expires() {
		s.ExpiringBytes += uint64(len(key)) + size
	}
}

func (c *tableCheck) use(p blob.Pointer) {
	if c.uses == nil {
		c.uses = map[uint64]*version.BlobUse{}
	}
	use := c.uses[p.File]
	if use == nil {
		use = &version.BlobUse{File: p.File}
		c.uses[p.File] = use
	}
	use.Values++
	use.Bytes += p.Length
}

// end compares what was seen with what the table says of itself.
func (c *tableCheck) end() {
	if c.damaged {
		return
	}
	s, p := &c.seen, c.r.Properties()
	for _, use := range c.uses {
		s.Blobs = append(s.Blobs, *use)
	}
	slices.SortFunc(s.Blobs, func(a, b version.BlobUse) int { return cmp.Compare(a.File, b.File) })
	if c.forever {
		s.LastExpiry = 0
	}
	if set := c.r.Ranges(); set.Len() > 0 {
		s.RangeDeletes = uint64(set.Len())
		s.MinSeq, s.MaxSeq = min(s.MinSeq, set.MinSeq()), max(s.MaxSeq, set.MaxSeq())
		lower, upper := set.Bounds()
		if s.Entries == 0 || bytes.Compare(lower, s.Smallest) < 0 {
			s.Smallest = lower
		}
		if s.Entries == 0 || upper == nil || bytes.Compare(upper, s.Largest) > 0 {
			s.Largest, s.LargestExclusive = upper, true
		}
	}
	s.ID, s.Bytes, s.Created, s.OldestTombstone = p.ID, p.Bytes, p.Created, p.OldestTombstone
	for _, d := range differences(s, &p.Table) {
		c.v.Problem(c.path, -1, "what is in the table says %s", d)
	}
}

func (c *tableCheck) close() error {
	c.held.Release()
	return c.r.Close()
}

// differences says where a table is other than it should be.
func differences(is, should *version.Table) (all []string) {
	for _, f := range []struct {
		name       string
		is, should any
	}{
		{"id", is.ID, should.ID},
		{"bytes", is.Bytes, should.Bytes},
		{"bounds", is.Bounds(), should.Bounds()},
		{"lowest sequence number", is.MinSeq, should.MinSeq},
		{"highest sequence number", is.MaxSeq, should.MaxSeq},
		{"entries", is.Entries, should.Entries},
		{"deletes", is.Tombstones, should.Tombstones},
		{"range deletes", is.RangeDeletes, should.RangeDeletes},
		{"bytes of keys", is.KeyBytes, should.KeyBytes},
		{"bytes of values", is.ValueBytes, should.ValueBytes},
		{"time", is.Created, should.Created},
		{"time of its oldest delete", is.OldestTombstone, should.OldestTombstone},
		{"last expiry", is.LastExpiry, should.LastExpiry},
		{"bytes that expire", is.ExpiringBytes, should.ExpiringBytes},
		{"values in blob files", is.Blobs, should.Blobs},
	} {
		if a, b := fmt.Sprint(f.is), fmt.Sprint(f.should); a != b {
			all = append(all, fmt.Sprintf("%s: %.200s, and should be %.200s", f.name, a, b))
		}
	}
	return all
}

// readAhead is a file system whose files are read in large pieces, each by one
// goroutine.
type readAhead struct{ vfs.FS }

// Open implements vfs.FS.
func (a readAhead) Open(path string) (vfs.File, error) {
	f, err := a.FS.Open(path)
	if err != nil {
		return nil, err
	}
	return &aheadFile{File: f}, nil
}

// An aheadFile has read a piece that begins at an offset.
type aheadFile struct {
	vfs.File
	at    int64
	piece []byte
}

const aheadBytes = 256 << 10

// ReadAt implements io.ReaderAt.
func (f *aheadFile) ReadAt(p []byte, off int64) (int, error) {
	if len(p) >= aheadBytes {
		return f.File.ReadAt(p, off)
	}
	if off < f.at || off+int64(len(p)) > f.at+int64(len(f.piece)) {
		if f.piece == nil {
			f.piece = make([]byte, aheadBytes)
		}
		n, err := f.File.ReadAt(f.piece[:aheadBytes], off)
		f.at, f.piece = off, f.piece[:n]
		if n < len(p) {
			if err == nil {
				err = io.ErrUnexpectedEOF
			}
			return copy(p, f.piece), err
		}
	}
	return copy(p, f.piece[off-f.at:]), nil
}
