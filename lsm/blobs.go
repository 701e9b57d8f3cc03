package lsm

import (
	"errors"
	"fmt"
	"io/fs"
	"sync"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/cache"
	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/lsm/blob"
	"github.com/kvbench/kvbench/lsm/version"
)

const (
	blobDir    = "blobs"
	blobSuffix = ".blob"
)

func blobName(id uint64) string { return fmt.Sprintf("%08d%s", id, blobSuffix) }

func (t *tree) blobPath(id uint64) string { return t.home.Path(blobDir + "/" + blobName(id)) }

// blobs are the blob files: which are open, and who has them.
type blobs struct {
	tree *tree
	fsys vfs.FS
	set  *blob.Set

	mu    sync.Mutex
	refs  map[uint64]int           // levels that have a file
	gone  map[uint64]*version.Blob // in no version any more
	dead  []*version.Blob          // of those, the ones nobody has
	bytes int64                    // of those that are gone and not removed
}

func (b *blobs) init(t *tree) error {
	b.tree, b.fsys = t, vfs.Classed(t.counting, vfs.Data)
	b.refs, b.gone = map[uint64]int{}, map[uint64]*version.Blob{}
	o := blob.ReaderOptions{Cache: t.blocks, Codec: t.choices.codec}
	switch t.settings.IO {
	case ioMmap:
		o.IO = blob.Mmap
	case ioDirect:
		o.IO = blob.Direct
	}
	b.set = blob.NewSet(blob.SetOptions{FS: b.fsys, Path: t.blobPath, Reader: o})
	return nil
}

// use says that levels more have these files.
func (b *blobs) use(files []*version.Blob) {
	if len(files) == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, x := range files {
		b.refs[x.ID]++
	}
}

// release ends a use. It runs wherever the epoch frees, so that bury does what
// takes long.
func (b *blobs) release(files []*version.Blob) {
	if len(files) == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, x := range files {
		b.refs[x.ID]--
		if b.refs[x.ID] > 0 {
			continue
		}
		delete(b.refs, x.ID)
		if g := b.gone[x.ID]; g != nil {
			delete(b.gone, x.ID)
			b.dead = append(b.dead, g)
		}
	}
}

// outdate says that files are in no version any more.
func (b *blobs) outdate(files []*version.Blob) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, x := range files {
		b.bytes += x.Bytes
		if b.refs[x.ID] > 0 {
			b.gone[x.ID] = x
		} else {
			b.dead = append(b.dead, x)
		}
	}
}

// bury removes the files that nobody has any more.
func (b *blobs) bury() error {
	b.mu.Lock()
	dead := b.dead
	b.dead = nil
	b.mu.Unlock()
	var err error
	for _, x := range dead {
		err = errors.Join(err, b.set.Drop(x.ID))
		b.mu.Lock()
		b.bytes -= x.Bytes
		b.mu.Unlock()
		if b.tree.readOnly {
			continue
		}
		if e := b.fsys.Remove(b.tree.blobPath(x.ID)); e != nil && !errors.Is(e, fs.ErrNotExist) {
			b.tree.env.Log.Warn("a blob file stays that nobody needs", "error", e)
		}
	}
	return err
}

func (b *blobs) close() error {
	if b.set == nil {
		return nil
	}
	return errors.Join(b.bury(), b.set.Close())
}

// get appends the value that a pointer names. The caller holds a view, and is
// not pinned.
func (b *blobs) get(dst, pointer []byte) ([]byte, error) {
	p, ok := blob.ParsePointer(pointer)
	if !ok {
		return dst, b.tree.damaged(engine.Corrupt(b.tree.home.Dir, -1, fmt.Sprintf("%x names no value", pointer), nil))
	}
	g := b.tree.domain.Pin()
	if value, ok := b.set.Cached(p); ok {
		dst = append(dst, value...)
		g.Unpin()
		return dst, nil
	}
	g.Unpin()
	dst, err := b.set.Load(dst, p, cache.Normal.For(cache.Data))
	if err != nil {
		return dst, b.tree.damaged(fmt.Errorf("read a value: %w", err))
	}
	return dst, nil
}
