package snapshot

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/hashidx/index"
)

const newSuffix = ".new"

// Info is what came of a Write.
type Info struct {
	Entries uint64
	Bytes   int64
}

type writer struct {
	file    vfs.File
	off     int64
	block   []byte
	entries uint64
	named   [1 << 16 / 64]uint64 // segments that places name
}

// Write writes a snapshot of what walk yields, in the order of an index.Walk
// with header.Buckets, under a name in dir, in the place of an older one. It is
// durable when Write returns. After an error there is the older one, none, or
// the whole new one. The package's comment says what must hold before and after.
//
// walk may take its time, and may fail: Write gives up then, and wraps its error.
// It must return an error of yield as it is.
func Write(fsys vfs.FS, dir, name string, h Header, walk func(yield func([]index.Entry) error) error) (Info, error) {
	fsys = vfs.Classed(fsys, vfs.Hint)
	path := filepath.Join(dir, name)
	w := &writer{block: make([]byte, blockHeader, blockBytes)}
	err := fsys.Remove(path + newSuffix)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		w.file, err = fsys.Create(path + newSuffix)
	}
	if err != nil {
		return Info{}, fmt.Errorf("write index snapshot: %w", err)
	}
	err = errors.Join(w.write(encodeHeader(h), walk), w.file.Close())
	if err != nil {
		return Info{}, fmt.Errorf("write index snapshot: %w", errors.Join(err, fsys.Remove(path+newSuffix)))
	}
	if err = fsys.Rename(path+newSuffix, path); err == nil {
		err = fsys.SyncDir(dir)
	}
	if err != nil {
		return Info{}, fmt.Errorf("write index snapshot: %w", err)
	}
	return Info{Entries: w.entries, Bytes: w.off}, nil
}

func (w *writer) write(h *header, walk func(yield func([]index.Entry) error) error) error {
	err := w.put(h[:])
	if err != nil {
		return err
	}
	err = walk(w.add)
	if err == nil && len(w.block) > blockHeader {
		err = w.flush()
	}
	if err != nil {
		return err
	}
	var table []byte
	for n := range 1 << 16 {
		if w.named[n/64]>>(n%64)&1 != 0 {
			table = binary.LittleEndian.AppendUint16(table, uint16(n))
		}
	}
	foot := encodeFooter(h, w.entries, table)
	if err := w.put(append(table, foot[:]...)); err != nil {
		return err
	}
	return w.file.Sync()
}

// add puts entries into blocks, and full blocks into the file.
func (w *writer) add(entries []index.Entry) error {
	for len(entries) > 0 {
		n := min(len(entries), (blockBytes-len(w.block))/entryBytes)
		at := len(w.block)
		w.block = w.block[:at+n*entryBytes]
		for i, e := range entries[:n] {
			encodeEntry((*[entryBytes]byte)(w.block[at+i*entryBytes:]), e)
			number := e.Place >> segmentBits
			w.named[number/64%uint64(len(w.named))] |= 1 << (number % 64)
		}
		w.entries += uint64(n)
		entries = entries[n:]
		if len(w.block) == blockBytes {
			if err := w.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *writer) flush() error {
	n := (w.off - headerBytes) / blockBytes
	binary.LittleEndian.PutUint32(w.block[4:], uint32(len(w.block)-blockHeader)/entryBytes)
	binary.LittleEndian.PutUint32(w.block[0:], blockCRC(w.block[4:], n))
	err := w.put(w.block)
	w.block = w.block[:blockHeader]
	return err
}

func (w *writer) put(p []byte) error {
	_, err := w.file.WriteAt(p, w.off)
	w.off += int64(len(p))
	return err
}
