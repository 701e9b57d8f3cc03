package table

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"sync/atomic"
	"unsafe"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/offheap"
	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/lsm/compress"
	"github.com/kvbench/kvbench/lsm/filter"
	"github.com/kvbench/kvbench/lsm/tombstone"
)

// tailBytes is how much is read at once of a file's end: footer, properties,
// and all else of a small table.
const tailBytes = 16 << 10

// Open opens the table with an id. Its reads on behalf of users count as
// vfs.Data, those of compactions as vfs.Compaction. Damage is ErrCorrupt.
func Open(fsys vfs.FS, path string, id uint64, o ReaderOptions) (*Reader, error) {
	r := &Reader{
		id: id, seq: o.Seq, cache: o.Cache, io: o.IO, path: path, fsys: fsys,
		codec: o.Codec, scratch: o.Scratch,
	}
	if r.scratch == nil {
		r.scratch = new(Scratch)
	}
	if err := r.open(o); err != nil {
		return nil, errors.Join(fmt.Errorf("open table %d: %w", id, err), r.Close())
	}
	return r, nil
}

func (r *Reader) open(o ReaderOptions) error {
	fsys := vfs.Classed(r.fsys, vfs.Data)
	f, err := fsys.Open(r.path)
	if err != nil {
		return err
	}
	r.file = f
	f.Advise(vfs.Random, 0, 0)
	if err := r.readMeta(f, o.Allocator); err != nil {
		return err
	}
	if r.codec == nil && r.props.Compression != compress.None {
		if r.codec, err = compress.New(compress.Options{}); err != nil {
			return err
		}
	}
	switch o.IO {
	case Mmap:
		r.mapping, err = f.Mmap(0, int(r.props.Bytes))
		if err != nil {
			return err
		}
		r.mapped = r.mapping.Bytes()
		r.checked = make([]atomic.Uint32, (r.index.blocks+31)/32)
		r.file = nil
		return f.Close()
	case Direct:
		r.file, err = fsys.OpenDirect(r.path, false)
		if err == nil {
			r.file.Advise(vfs.DontNeed, 0, 0) // the writes have left it in the page cache
		}
		return errors.Join(err, f.Close())
	}
	return nil
}

// readMeta reads all but the data.
func (r *Reader) readMeta(f vfs.File, a *offheap.Allocator) error {
	size, err := f.Size()
	if err != nil {
		return err
	}
	if size < footerBytes {
		return r.corrupt(0, fmt.Errorf("%d bytes are too few for a table", size))
	}
	t := tail{r: r, f: f, size: size}
	if err := t.load(size - min(size, tailBytes)); err != nil {
		return err
	}
	foot := footer(t.bytes[len(t.bytes)-footerBytes:])
	place, err := foot.check(r.id, size)
	if err != nil {
		return r.corrupt(uint64(size-footerBytes), err)
	}
	content, err := t.block(place)
	if err != nil {
		return err
	}
	props, e, err := readProperties(content, place.offset)
	if err != nil {
		return r.corrupt(place.offset, err)
	}
	props.ID, props.Bytes = r.id, size
	r.props = props
	return r.readBlocks(&t, e, a)
}

// readBlocks reads the blocks that the properties name.
func (r *Reader) readBlocks(t *tail, e extents, a *offheap.Allocator) error {
	if err := t.load(r.props.DataBytes); err != nil {
		return err
	}
	if e.ranges.length > 0 {
		content, err := t.block(e.ranges)
		if err == nil {
			if r.ranges, err = tombstone.Decode(slices.Clone(content)); err != nil {
				err = r.corrupt(e.ranges.offset, err)
			}
		}
		if err != nil {
			return err
		}
	}
	var bits []byte
	if e.filter.length > 0 {
		var err error
		if bits, err = t.block(e.filter); err != nil {
			return err
		}
	}
	index, err := t.block(e.index)
	if err != nil {
		return err
	}
	n, err := planIndex(index)
	if err == nil {
		err = n.check(&r.props)
	}
	if err != nil {
		return r.corrupt(e.index.offset, err)
	}
	if err := r.pin(n, index, bits, a); err != nil {
		return r.corrupt(e.filter.offset, err)
	}
	r.renumber()
	return nil
}

// check fails if the index is not that of the properties.
func (n plan) check(p *Properties) error {
	switch {
	case n.blocks != p.Blocks:
		return fmt.Errorf("index has %d blocks, want %d", n.blocks, p.Blocks)
	case n.data != uint64(p.DataBytes):
		return fmt.Errorf("index has blocks of %d bytes, want %d", n.data, p.DataBytes)
	case n.raw != uint64(p.RawBytes):
		return fmt.Errorf("index has %d bytes before compression, want %d", n.raw, p.RawBytes)
	case n.compressed && p.Compression == compress.None:
		return errors.New("index has compressed blocks in a table without compression")
	}
	return nil
}

// pin puts index and filter where they stay: the filter at a cache line.
func (r *Reader) pin(n plan, index, bits []byte, a *offheap.Allocator) error {
	const line = 64
	at := (n.bytes() + line - 1) &^ (line - 1)
	size := at + len(bits)
	if a != nil {
		if mem, err := a.Alloc(size); err == nil {
			r.memory, r.allocator = mem, a
		}
	}
	if r.memory == nil {
		r.memory = onHeap(size)
	}
	x, err := n.fill(index, r.memory[:at])
	if err != nil {
		return err
	}
	r.index = x
	if n.blocks == 0 {
		bits = nil
	}
	r.filter, err = filter.Open(r.memory[at : at+copy(r.memory[at:], bits)])
	return err
}

// onHeap is memory that begins at a multiple of 8.
func onHeap(n int) []byte {
	words := make([]uint64, (n+7)/8)
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(words))), n)
}

// renumber gives all that the table has the number of ReaderOptions.Seq.
func (r *Reader) renumber() {
	if r.seq == 0 {
		return
	}
	r.props.MinSeq, r.props.MaxSeq = r.seq, r.seq
	if r.ranges == nil {
		return
	}
	var all []tombstone.Range
	for _, f := range r.ranges.Fragments() {
		all = append(all, tombstone.Range{Lower: f.Lower, Upper: f.Upper, Seq: r.seq})
	}
	r.ranges = tombstone.Build(all)
}

func (r *Reader) corrupt(offset uint64, cause error) error {
	return engine.Corrupt(r.path, int64(offset), "not a table as it was written", cause)
}

// A tail is what was read of a file's end.
type tail struct {
	r     *Reader
	f     vfs.File
	size  int64
	bytes []byte // of the file, from its length less than size on
}

// load reads what is not there yet from an offset on.
func (t *tail) load(from int64) error {
	start := t.size - int64(len(t.bytes))
	if from >= start {
		return nil
	}
	all := make([]byte, t.size-from)
	n := start - from
	copy(all[n:], t.bytes)
	if err := readFull(t.f, all[:n], from); err != nil {
		return t.r.readError(from, err)
	}
	t.bytes = all
	return nil
}

// block returns the content of a block behind the data.
func (t *tail) block(e extent) ([]byte, error) {
	if e.offset > uint64(t.size) || e.length > uint64(t.size)-e.offset {
		return nil, t.r.corrupt(e.offset, fmt.Errorf("block of %d bytes in a file of %d", e.length, t.size))
	}
	if err := t.load(int64(e.offset)); err != nil {
		return nil, err
	}
	at := int64(e.offset) - (t.size - int64(len(t.bytes)))
	content, kind, err := unseal(t.bytes[at:][:e.length], t.r.id, e.offset)
	if err == nil && kind != uint8(compress.None) {
		err = fmt.Errorf("block has compression %d, want none", kind)
	}
	if err != nil {
		return nil, t.r.corrupt(e.offset, err)
	}
	return content, nil
}

// readFull is ReadAt that is all or an error: io.ErrUnexpectedEOF where the
// file ends.
func readFull(f io.ReaderAt, p []byte, off int64) error {
	n, err := f.ReadAt(p, off)
	if n == len(p) {
		return nil
	}
	return shortRead(err)
}

// shortRead is the error of a read that got less than it wanted.
func shortRead(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// readError is damage where the file is shorter than it says.
func (r *Reader) readError(off int64, err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return engine.Corrupt(r.path, off, fmt.Sprintf("table %d ends too early", r.id), nil)
	}
	return fmt.Errorf("read table %d at %d: %w", r.id, off, err)
}
