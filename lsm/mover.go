package lsm

import (
	"errors"
	"fmt"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/lsm/blob"
	"github.com/kvbench/kvbench/lsm/ikey"
	"github.com/kvbench/kvbench/lsm/version"
)

const (
	// blobBytes: a blob file that is so large is full.
	blobBytes = 256 << 20

	// victimBytes bounds what one job moves out of blob files.
	victimBytes = 1 << 30
)

// victims are the blob files that have too much garbage, and the tables that
// refer to them.
func (t *tree) victims(v *version.Version) blob.Choice {
	if len(v.Blobs) == 0 {
		return blob.Choice{}
	}
	return blob.Victims(v, float64(t.settings.BlobGarbage)/100, victimBytes)
}

func (t *tree) blobVictims(v *version.Version) []uint64 {
	c := t.victims(v)
	return c.IDs()
}

// A mover decides where values are: in tables, or in blob files. It moves what
// is too large for tables to a blob file, and all that a job meets in files
// with much garbage to another.
type mover struct {
	tree    *tree
	fsys    vfs.FS
	least   int             // bytes of a value that is separated; 0: none is
	victims map[uint64]bool // blob files to be emptied

	w     *blob.Writer
	f     vfs.File
	id    uint64
	ids   []uint64
	files []*version.Blob

	value, entry []byte // the user's; the table's
}

// newMover returns what moves values of a job that reads version v, or nil if
// nothing is to be moved.
func (t *tree) newMover(fsys vfs.FS, v *version.Version) *mover {
	m := &mover{tree: t, fsys: fsys, least: int(t.settings.SeparateBytes)}
	if files := t.victims(v).Files; len(files) > 0 {
		m.victims = make(map[uint64]bool, len(files))
		for _, id := range files {
			m.victims[id] = true
		}
	}
	if m.least == 0 && len(m.victims) == 0 {
		return nil
	}
	return m
}

// move implements merge.FoldOptions.Relocate.
func (m *mover) move(key []byte, kind ikey.Kind, value []byte) ([]byte, ikey.Kind, error) {
	var expiry []byte
	rest := value
	if kind.Expires() {
		if len(value) < ikey.ExpiryBytes {
			return nil, kind, engine.Corrupt(m.tree.home.Dir, -1, fmt.Sprintf("the expiry of %x is cut short", key), nil)
		}
		expiry, rest = value[:ikey.ExpiryBytes], value[ikey.ExpiryBytes:]
	}
	if kind.Separate() {
		p, ok := blob.ParsePointer(rest)
		if !ok {
			return nil, kind, engine.Corrupt(m.tree.home.Dir, -1, fmt.Sprintf("%x names no value", rest), nil)
		}
		if !m.victims[p.File] {
			return value, kind, nil
		}
		var err error
		if m.value, err = m.tree.blobs.set.Get(m.value[:0], p); err != nil {
			return nil, kind, fmt.Errorf("read a value: %w", err)
		}
		rest = m.value
		m.tree.counts.moved.Add(uint64(len(rest)))
	}
	plain, separate := ikey.Put, ikey.PutBlob
	if kind.Expires() {
		plain, separate = ikey.PutTTL, ikey.PutBlobTTL
	}
	m.entry = append(m.entry[:0], expiry...)
	if m.least == 0 || len(rest) < m.least {
		m.entry = append(m.entry, rest...)
		return m.entry, plain, nil
	}
	p, err := m.add(rest)
	if err != nil {
		return nil, kind, err
	}
	m.entry = p.Append(m.entry)
	return m.entry, separate, nil
}

// add writes a value to a blob file.
func (m *mover) add(value []byte) (blob.Pointer, error) {
	if m.w != nil && m.w.Size() >= blobBytes {
		if err := m.end(); err != nil {
			return blob.Pointer{}, err
		}
	}
	if m.w == nil {
		t := m.tree
		m.id = t.nextID.Add(1) - 1
		m.ids = append(m.ids, m.id)
		f, err := m.fsys.Create(t.blobPath(m.id))
		if err != nil {
			return blob.Pointer{}, fmt.Errorf("make blob file %d: %w", m.id, err)
		}
		m.f = f
		m.w = blob.NewWriter(f, blob.Options{
			ID: m.id, Compression: t.choices.compress, Codec: t.choices.codec, WriteBack: true,
		})
	}
	p, err := m.w.Add(value)
	if err != nil {
		return p, fmt.Errorf("write blob file %d: %w", m.id, err)
	}
	return p, nil
}

// end finishes the present file.
func (m *mover) end() error {
	x, err := m.w.Finish()
	err = errors.Join(err, m.f.Close())
	m.w, m.f = nil, nil
	if err != nil {
		return fmt.Errorf("write blob file %d: %w", m.id, err)
	}
	m.files = append(m.files, &x)
	return nil
}

// finish makes all files durable, with their names, and returns them.
func (m *mover) finish() ([]*version.Blob, error) {
	if m.w != nil {
		if err := m.end(); err != nil {
			return nil, err
		}
	}
	if len(m.files) == 0 {
		return nil, nil
	}
	return m.files, m.fsys.SyncDir(m.tree.home.Path(blobDir))
}

// abort removes all that was written.
func (m *mover) abort() {
	if m.f != nil {
		m.w.Abort()
		m.f.Close()
		m.w, m.f = nil, nil
	}
	for _, id := range m.ids {
		m.fsys.Remove(m.tree.blobPath(id))
	}
}
