package enginetest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
)

// A snapshot is what the map was right after the record at a position.
//
//	file   offset  size  field
//	       0       4     crc of all that follows (CRC-32C, little-endian)
//	       4       8     position
//	       12      -     a batch of puts, by key
type snapshot struct {
	at   uint64 // 0: nothing was ever written
	data map[string][]byte
}

const snapshotHeader = 12

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// copy needs not copy values: they are replaced, never changed.
func (s snapshot) copy() snapshot { return snapshot{s.at, maps.Clone(s.data)} }

func (s snapshot) encode() []byte {
	var b engine.Batch
	for _, key := range slices.Sorted(maps.Keys(s.data)) {
		b.Put([]byte(key), s.data[key])
	}
	p := binary.LittleEndian.AppendUint64(make([]byte, 4), s.at)
	p = append(p, b.Bytes()...)
	binary.LittleEndian.PutUint32(p, crc32.Checksum(p[4:], castagnoli()))
	return p
}

func decodeSnapshot(path string, p []byte) (snapshot, error) {
	if len(p) < snapshotHeader {
		return snapshot{}, engine.Corrupt(path, 0, fmt.Sprintf("%d bytes are no snapshot", len(p)), nil)
	}
	if binary.LittleEndian.Uint32(p) != crc32.Checksum(p[4:], castagnoli()) {
		return snapshot{}, engine.Corrupt(path, 0, "checksum of the snapshot is wrong", nil)
	}
	s := snapshot{binary.LittleEndian.Uint64(p[4:]), map[string][]byte{}}
	var b engine.Batch
	if err := b.Load(p[snapshotHeader:]); err != nil {
		return snapshot{}, engine.Corrupt(path, snapshotHeader, "snapshot", err)
	}
	var op engine.Op
	for r := b.Reader(); r.Next(&op); {
		s.data[string(op.Key)] = append([]byte(nil), op.Value...)
	}
	return s, nil
}

// saveSnapshot puts s in the place of the last one, durably. A crash leaves
// the one or the other.
func saveSnapshot(fsys vfs.FS, path string, s snapshot) error {
	temp := path + ".new"
	if err := fsys.RemoveAll(temp); err != nil { // of a crash
		return err
	}
	if err := writeFile(fsys, temp, s.encode()); err != nil {
		return err
	}
	if err := fsys.Rename(temp, path); err != nil {
		return err
	}
	return fsys.SyncDir(filepath.Dir(path))
}

// writeFile makes a file, durable but for its name.
func writeFile(fsys vfs.FS, path string, data []byte) error {
	f, err := fsys.Create(path)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(data, 0)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// loadSnapshot reads the snapshot; without one, that of an empty engine.
func loadSnapshot(fsys vfs.FS, path string) (snapshot, error) {
	data, err := vfs.ReadFile(fsys, path)
	if errors.Is(err, fs.ErrNotExist) {
		return snapshot{data: map[string][]byte{}}, nil
	}
	if err != nil {
		return snapshot{}, fmt.Errorf("read snapshot: %w", err)
	}
	return decodeSnapshot(path, data)
}

// verify opens the engine for reading, which reads all there is.
func (p parts) verify(_ context.Context, dir string, env engine.Env, report func(engine.Problem)) error {
	e, err := openRef(p, dir, refSettings{ReadOnly: true, Segment: 64 << 10}, env.WithDefaults())
	if err == nil {
		return e.Close()
	}
	var damage *engine.CorruptionError
	if errors.As(err, &damage) {
		report(engine.Problem{File: damage.File, Offset: damage.Offset, Detail: damage.Error()})
		return nil
	}
	return err
}

func (p parts) inspect(_ context.Context, dir string, env engine.Env) (engine.Layout, error) {
	s, err := p.load(env.WithDefaults().FS, snapshotPath(dir))
	return engine.Layout{Facts: []engine.Fact{
		{Name: "snapshot at", Value: fmt.Sprintf("%#x", s.at)},
		{Name: "keys in it", Value: fmt.Sprint(len(s.data))},
	}}, err
}
