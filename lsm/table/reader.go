package table

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/cache"
	"github.com/kvbench/kvbench/engine/offheap"
	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/lsm/block"
	"github.com/kvbench/kvbench/lsm/compress"
	"github.com/kvbench/kvbench/lsm/filter"
	"github.com/kvbench/kvbench/lsm/ikey"
	"github.com/kvbench/kvbench/lsm/tombstone"
)

// An IO is how data blocks are read.
type IO uint8

const (
	Pread  IO = iota // read into the cache
	Mmap             // mapped: blocks that are not compressed are used there
	Direct           // read into the cache, past the system's page cache
)

// ReaderOptions say how a table is read.
type ReaderOptions struct {
	// Cache keeps data blocks. Without one, each Load reads.
	Cache *cache.Cache
	IO    IO

	// Allocator gives the memory for index and filter. Without one, or if its
	// budget refuses, they are on the Go heap: a table that cannot be opened
	// would be worse.
	Allocator *offheap.Allocator

	// Codec decompresses; nil is one of the reader's own, if it needs one.
	Codec *compress.Codec

	// Scratch is shared by readers; nil is one of the reader's own.
	Scratch *Scratch

	// Seq, if not 0, is what all entries have, whatever their trailers say:
	// for a table that was written before its number was known. Such a table
	// has each key once.
	Seq ikey.Seq
}

// A Scratch is memory for calls that read, which readers share.
type Scratch struct{ pool sync.Pool }

// A Reader reads a table. It may be used by many goroutines, but for Close.
type Reader struct {
	index  index
	filter filter.Filter
	ranges *tombstone.Set
	props  Properties
	id     uint64
	seq    ikey.Seq
	cache  *cache.Cache

	mapped  []byte          // all of the file, if blocks are used there
	checked []atomic.Uint32 // a bit for each block of mapped whose checksum was right

	io      IO
	path    string
	fsys    vfs.FS
	file    vfs.File
	mapping vfs.Mapping
	codec   *compress.Codec
	scratch *Scratch

	opening    sync.Mutex
	compaction vfs.File // for reads of compactions; nil until one begins

	memory    []byte // of index and filter
	allocator *offheap.Allocator
}

// MayContain is false only if the table has no entry of the key with this
// hash. It knows nothing of range deletes.
func (r *Reader) MayContain(hash uint64) bool { return r.filter.MayContain(hash) }

// FilterPrefix is how many bytes of keys the filter knows as well: MayContain
// then answers for the hash of such a prefix too. 0 is none.
func (r *Reader) FilterPrefix() int { return r.props.FilterPrefix }

// BlockFor returns the block in which the newest entry of key would be. ok is
// false if the key lies behind all entries.
func (r *Reader) BlockFor(key []byte) (n int, ok bool) {
	n = r.index.search(key)
	return n, n < r.index.blocks
}

// BlockMayContinue reports whether versions of a key that block n may have can
// be in the block after it too.
func (r *Reader) BlockMayContinue(n int, key []byte) bool {
	return n+1 < r.index.blocks && r.index.is(n, key)
}

// Cached returns the content of a block if that takes no reading. The caller
// is pinned in the cache's domain, and the bytes are valid until it unpins;
// with Mmap, until the Reader is closed.
func (r *Reader) Cached(n int) (data []byte, ok bool) {
	e := r.index.block(n)
	if r.mapped != nil && r.isChecked(n) {
		return r.mapped[e.offset : e.end()-trailerBytes], true
	}
	if r.cache == nil {
		return nil, false
	}
	data, ok = r.cache.Get(cache.Key{File: r.id, Offset: e.offset})
	if !ok {
		return nil, false
	}
	return data[:r.index.raw(n)], true
}

func (r *Reader) isChecked(n int) bool {
	return r.checked[n/32].Load()&(1<<(n%32)) != 0
}

// Find is block.Find in a block of the table: at sees entries up to seq.
func (r *Reader) Find(data, key []byte, seq ikey.Seq) (t ikey.Trailer, value []byte, found, more bool, err error) {
	if r.seq == 0 {
		return block.Find(data, key, seq)
	}
	if seq < r.seq {
		return 0, nil, false, false, nil
	}
	t, value, found, more, err = block.Find(data, key, ikey.MaxSeq)
	return ikey.Make(r.seq, t.Kind()), value, found, more, err
}

// Damaged is the error for a block whose content made Find fail.
func (r *Reader) Damaged(n int, cause error) error {
	return engine.Corrupt(r.path, int64(r.index.offsets[n]), fmt.Sprintf("block %d of table %d", n, r.id), cause)
}

// Ranges is the range deletes of the table, nil if it has none.
func (r *Reader) Ranges() *tombstone.Set { return r.ranges }

// Properties is what the table says of itself. With ReaderOptions.Seq its
// numbers are that. The caller must not write to its slices.
func (r *Reader) Properties() Properties { return r.props }

// ID is the number of the table.
func (r *Reader) ID() uint64 { return r.id }

// Seq is ReaderOptions.Seq.
func (r *Reader) Seq() ikey.Seq { return r.seq }

// Blocks is the number of data blocks.
func (r *Reader) Blocks() int { return r.index.blocks }

// BlockAt returns where a data block is in the file, trailer included.
func (r *Reader) BlockAt(n int) (offset, length int64) {
	e := r.index.block(n)
	return int64(e.offset), int64(e.length)
}

// MemoryBytes is how much memory index and filter take while the table is
// open.
func (r *Reader) MemoryBytes() int64 { return int64(cap(r.memory)) }

// Close gives back memory and files. Nobody may be using the Reader, or bytes
// and iterators that it gave. The cache keeps the blocks.
func (r *Reader) Close() error {
	var errs []error
	if r.mapping != nil {
		errs = append(errs, r.mapping.Close())
	}
	for _, f := range [...]vfs.File{r.file, r.compaction} {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	if r.allocator != nil {
		r.allocator.Free(r.memory)
	}
	r.mapping, r.file, r.compaction, r.allocator, r.memory = nil, nil, nil, nil, nil
	r.mapped, r.index, r.filter = nil, index{}, filter.Filter{}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close table %d: %w", r.id, err)
	}
	return nil
}
