package enginetest

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
)

// openNaive returns how to open a log that is broken, or sound when broken is
// empty.
func openNaive(broken string) func(vfs.FS, string, logOptions, func(uint64, []byte) error) (recordLog, error) {
	return func(fsys vfs.FS, dir string, o logOptions, each func(uint64, []byte) error) (recordLog, error) {
		l := &naiveLog{broken: broken, fsys: vfs.Classed(fsys, vfs.Log), dir: dir, o: o}
		if err := l.recover(each); err != nil {
			if l.file != nil {
				l.file.Close()
			}
			return nil, err
		}
		return l, nil
	}
}

func (l *naiveLog) recover(each func(uint64, []byte) error) error {
	if err := l.list(); err != nil {
		return err
	}
	if len(l.segments) == 0 {
		if l.o.from > 0 {
			return engine.Corrupt(l.dir, -1, "the log is missing", nil)
		}
		if l.o.readOnly {
			return nil
		}
		return l.begin(1)
	}
	for i, segment := range l.segments {
		if err := l.replay(segment, i == len(l.segments)-1, each); err != nil {
			return err
		}
	}
	return nil
}

// list finds the segments that are needed, and files that can be used again.
func (l *naiveLog) list() error {
	names, err := l.fsys.List(l.dir)
	if err != nil {
		if l.o.readOnly { // made by nobody yet
			return nil
		}
		return err
	}
	first := max(1, uint32(l.o.from>>32))
	for _, name := range names {
		var segment uint32
		if _, err := fmt.Sscanf(name, "%d.seg", &segment); err != nil {
			continue
		}
		path := l.path(segment)
		switch {
		case name != fmt.Sprintf("%08d.seg", segment):
			if !l.o.readOnly {
				err = l.fsys.Remove(path + ".free")
			}
		case segment >= first:
			l.segments = append(l.segments, segment)
		case !l.o.readOnly:
			err = l.fsys.Remove(path)
		}
		if err != nil {
			return err
		}
	}
	slices.Sort(l.segments)
	for i, segment := range l.segments {
		if segment != first+uint32(i) {
			return engine.Corrupt(l.path(first+uint32(i)), -1, "segment is missing", nil)
		}
	}
	return nil
}

// replay reads a segment. Writing goes on in the last, behind its last record.
func (l *naiveLog) replay(segment uint32, last bool, each func(uint64, []byte) error) error {
	path := l.path(segment)
	data, err := vfs.ReadFile(l.fsys, path)
	if err != nil {
		return fmt.Errorf("read log: %w", err)
	}
	end, kind := int64(0), byte(0)
	for {
		payload, ok := l.cut(data, end, segment)
		if !ok {
			break
		}
		kind = data[end+16]
		at := naiveAt(segment, end)
		if kind == naiveData && at >= l.o.from {
			if err := each(at, payload); err != nil {
				return err
			}
		}
		end += naiveHeader + int64(len(payload))
		if kind == naiveSeal {
			break
		}
	}
	if !last {
		if kind != naiveSeal {
			return engine.Corrupt(path, end, "segment ends without a seal", nil)
		}
		return nil
	}
	if kind != naiveSeal {
		if err := l.judgeTail(path, data, end, segment); err != nil {
			return err
		}
	}
	return l.goOn(segment, end, int64(len(data)), kind == naiveSeal)
}

// cut reads the record at off.
func (l *naiveLog) cut(data []byte, off int64, segment uint32) (payload []byte, ok bool) {
	p := data[off:]
	if len(p) == 0 || len(p) < naiveHeader && !l.is("panics on a short file") {
		return nil, false
	}
	n := int64(binary.LittleEndian.Uint32(p[4:]))
	kind := p[:naiveHeader][16]
	if n > int64(len(p)-naiveHeader) || kind < naiveData || kind > naiveClose {
		return nil, false
	}
	if binary.LittleEndian.Uint32(p[8:]) != segment && !l.is("takes leftovers for records") {
		return nil, false
	}
	p = p[:naiveHeader+n]
	if binary.LittleEndian.Uint32(p) != naiveCRC(p, off) && !l.is("has records without a checksum") {
		return nil, false
	}
	return p[naiveHeader:], true
}

// judgeTail tells a torn tail from damage: behind damage there is a record
// that says that it was durable.
func (l *naiveLog) judgeTail(path string, data []byte, end int64, segment uint32) error {
	if l.is("takes a torn tail for damage") && end < int64(len(data)) {
		return engine.Corrupt(path, end, "not a record", nil)
	}
	if l.is("takes damage for a torn tail") {
		return nil
	}
	for off := end + 1; off < int64(len(data)); off++ {
		if _, ok := l.cut(data, off, segment); ok && int64(binary.LittleEndian.Uint32(data[off+12:])) > end {
			return engine.Corrupt(path, end, fmt.Sprintf("not a record, though one at %d says that it was durable", off), nil)
		}
	}
	return nil
}

// goOn prepares the last segment to be written behind end. What was read was
// perhaps never synced.
func (l *naiveLog) goOn(segment uint32, end, size int64, sealed bool) (err error) {
	if l.o.readOnly {
		return nil
	}
	if l.file, err = l.fsys.OpenReadWrite(l.path(segment)); err != nil {
		return err
	}
	if end < size && !l.is("leaves the torn tail") && !sealed {
		if err := l.file.Truncate(end); err != nil {
			return err
		}
	}
	l.off = end
	if !l.is("does not sync what it finds") {
		if err := l.fsys.SyncDir(l.dir); err != nil {
			return err
		}
		if err := l.sync(); err != nil {
			return err
		}
	}
	if !sealed {
		return nil
	}
	if err := l.file.Close(); err != nil {
		return err
	}
	return l.begin(segment + 1)
}
