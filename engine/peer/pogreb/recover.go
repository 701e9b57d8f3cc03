package pogreb

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// removeReturned deletes the keys that the log says are deleted and the index,
// rebuilt from it, still has; see the package comment. It keeps every key that
// the log deletes in memory.
func (e *store) removeReturned() error {
	names, err := e.env.FS.List(e.path)
	if err != nil {
		return err
	}
	names = slices.DeleteFunc(names, func(n string) bool { return filepath.Ext(n) != segmentExt })
	slices.SortFunc(names, func(a, b string) int { return cmp.Compare(sequence(a), sequence(b)) })
	deleted := make(map[string]bool) // by the last record of the key
	for _, name := range names {
		if err := e.readDeletes(filepath.Join(e.path, name), deleted); err != nil {
			return err
		}
	}
	for key, gone := range deleted {
		if !gone {
			continue
		}
		has, err := e.db.Has([]byte(key))
		if err == nil && has {
			err = e.remove([]byte(key))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// sequence returns a segment's place in the log: its name is ID-SEQUENCE.psg.
func sequence(name string) uint64 {
	_, text, _ := strings.Cut(strings.TrimSuffix(name, segmentExt), "-")
	n, _ := strconv.ParseUint(text, 10, 64) // names without one come first
	return n
}

// readDeletes notes for each key that was ever deleted whether it still is. A
// segment ends at its first damage, as recovery has it.
func (e *store) readDeletes(path string, deleted map[string]bool) error {
	f, err := e.env.FS.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return err
	}
	r := bufio.NewReaderSize(io.NewSectionReader(f, headerSize, max(size-headerSize, 0)), 1<<20)
	var record []byte
	for {
		record, err = readRecord(r, record)
		if errors.Is(err, errDamaged) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("recover %s: %w", path, err)
		}
		key := record[recordHead : recordHead+int(binary.LittleEndian.Uint16(record))]
		if binary.LittleEndian.Uint32(record[2:])&deletion != 0 {
			deleted[string(key)] = true
		} else if deleted[string(key)] {
			deleted[string(key)] = false
		}
	}
}
