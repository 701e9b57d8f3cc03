package wal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
)

// Truncate removes the record at lsn and all behind it; lsn may also be the
// end. When it returns, that survives a power loss. Positions are not used
// again: the next record has a higher one than any before.
//
// It must not run at the same time as Append, whose record might be among
// those that are removed. After an error the log may end at lsn or where it
// ended before; see End.
func (l *Log) Truncate(lsn LSN) error {
	l.maintenance.Lock()
	defer l.maintenance.Unlock()
	if err := l.truncate(lsn); err != nil {
		return fmt.Errorf("truncate log at %v: %w", lsn, err)
	}
	return nil
}

func (l *Log) truncate(lsn LSN) error {
	if err := l.Sync(); err != nil {
		return err
	}
	l.mu.Lock()
	err := l.usable()
	at := l.position()
	l.mu.Unlock()
	if err != nil || lsn == at {
		return err
	}
	if err := l.checkStart(lsn); err != nil {
		return err
	}
	l.mu.Lock()
	if l.spare == nil { // one that is soon made: the caller waits for it
		l.nextSize = l.o.FirstBytes
	}
	l.mu.Unlock()
	if err := l.makeSpare(nil); err != nil {
		return err
	}
	dead, err := l.cut(lsn, at)
	if err != nil {
		return err
	}
	l.gone = append(l.gone, dead...)
	if err := l.settleLink(); err != nil {
		return err
	}
	if err := l.sealLeft(); err != nil {
		return err
	}
	return l.discard()
}

// settleLink makes the link of the current segment durable, and then a record
// that claims so: without a link that leaves out what was cut off, what was
// cut off would be back.
func (l *Log) settleLink() error {
	if err := l.Sync(); err != nil {
		return err
	}
	l.mu.Lock()
	l.addSystem(kindOpen, nil)
	l.mu.Unlock()
	return l.Sync()
}

// sealLeft puts a seal where the log has left the segment before the current
// one, over what is in the log no more. Were the current segment lost, that
// would be back else, and nothing would tell. It comes once the link is
// durable, before which the log still is what the seal would cut off.
func (l *Log) sealLeft() error {
	l.mu.Lock()
	id, from := l.current().id, l.current().link
	l.mu.Unlock()
	payload := binary.LittleEndian.AppendUint32(nil, id)
	seal := appendRecord(nil, from.prev, from.end, from.end, kindSeal, payload, payloadCRC(payload))
	path := filepath.Join(l.dir, segmentName(from.prev))
	f, err := l.logFS.OpenReadWrite(path)
	if err != nil {
		return fmt.Errorf("seal log segment: %w", err)
	}
	_, err = f.WriteAt(seal, from.end)
	if err == nil {
		err = f.SyncData()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return l.poison(fmt.Errorf("seal log segment %s: %w", path, err))
	}
	return nil
}

// checkStart refuses a position at which no record starts.
func (l *Log) checkStart(lsn LSN) error {
	_, _, err := l.ReadAt(nil, lsn)
	return err
}

// cut goes on in the spare from lsn, and returns the segments that this leaves
// behind.
func (l *Log) cut(lsn, at LSN) (dead []*segment, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.usable(); err != nil {
		return nil, err
	}
	if l.position() != at || l.spare == nil {
		return nil, errors.New("the log was appended to meanwhile")
	}
	i := slices.IndexFunc(l.segments, func(s *segment) bool { return s.id == lsn.Segment() })
	dead = slices.Clone(l.segments[i+1:])
	l.segments = l.segments[:i+1]
	next := l.spare
	l.spare, l.retryAt = nil, 0
	l.off = lsn.Offset()
	l.current().examined = true // one before From ends here too
	l.begin(next, link{prev: lsn.Segment(), end: lsn.Offset(), durable: lsn.Offset()})
	return dead, nil
}

// Prune removes or recycles the segments whose records all lie before lsn,
// oldest first. It never touches the segment that is being written. Reads of
// what is gone are ErrNoRecord. After an error they are too, and the next call
// tries again to remove the files.
func (l *Log) Prune(before LSN) error {
	l.maintenance.Lock()
	defer l.maintenance.Unlock()
	l.mu.Lock()
	if err := l.usable(); err != nil {
		l.mu.Unlock()
		return err
	}
	n := 0
	for n < len(l.segments)-1 && l.segments[n].id < before.Segment() {
		n++
	}
	gone := slices.Clone(l.segments[:n])
	l.mu.Unlock()
	if n == 0 {
		return l.discard()
	}
	// What is kept may rest on what goes, as long as it is not durable.
	if l.Durable().Segment() < before.Segment() {
		if err := l.Sync(); err != nil {
			return err
		}
	}
	l.mu.Lock()
	l.segments = slices.Delete(l.segments, 0, n)
	l.mu.Unlock()
	l.gone = append(l.gone, gone...)
	return l.discard()
}

// Drop removes one segment, wherever it stands before the one that is being
// written. The log then has a gap, which is damage unless it is opened with a
// From in a later segment: that this is so from now on, also after a power
// loss, is the caller's promise. Reads of the segment are ErrNoRecord, and so
// is an id that the log does not have.
//
// The file is removed and never recycled, so that who has opened or linked it
// keeps what was in it. After an error it may be there still; the next Drop or
// Prune tries again, and so may the caller.
func (l *Log) Drop(id uint32) error {
	l.maintenance.Lock()
	defer l.maintenance.Unlock()
	if err := l.drop(id); err != nil {
		return fmt.Errorf("drop log segment %d: %w", id, err)
	}
	return l.discard()
}

// drop moves a segment to what is gone.
func (l *Log) drop(id uint32) error {
	is := func(s *segment) bool { return s.id == id }
	l.mu.Lock()
	err := l.usable()
	known := slices.ContainsFunc(l.segments, is)
	writing := known && l.current().id == id
	l.mu.Unlock()
	switch {
	case err != nil:
		return err
	case writing:
		return errors.New("it is being written")
	case !known && slices.ContainsFunc(l.gone, is):
		return nil // an earlier attempt got so far
	case !known:
		return ErrNoRecord
	}
	// What is kept may rest on what goes, as long as it is not durable.
	if l.Durable().Segment() <= id {
		if err := l.Sync(); err != nil {
			return err
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.IndexFunc(l.segments, is)
	l.segments[i].dropped = true
	l.gone = append(l.gone, l.segments[i])
	l.segments = slices.Delete(l.segments, i, i+1)
	return nil
}

// discard removes or recycles what is gone, one segment after the other: but
// for what was dropped, a later one is never missing while an earlier one is
// there, which would be damage. Where that fails the next call begins with the
// same one.
func (l *Log) discard() error {
	for ; len(l.gone) > 0; l.gone = l.gone[1:] {
		if err := l.discardOne(l.gone[0]); err != nil {
			return fmt.Errorf("remove log segment %s: %w", l.gone[0].path, err)
		}
	}
	return nil
}

func (l *Log) discardOne(s *segment) error {
	l.mu.Lock()
	size, keep := s.size, !s.dropped && len(l.recycle) < l.o.Recycle && s.size >= l.nextSize
	l.mu.Unlock()
	s.close() // what was read or written through it no longer matters
	path := filepath.Join(l.dir, recycleName(s.id))
	var err error
	if keep {
		err = l.fsys.Rename(s.path, path)
	} else {
		err = l.fsys.Remove(s.path)
	}
	if errors.Is(err, fs.ErrNotExist) { // an earlier attempt got so far
		keep, err = false, nil
	}
	if err == nil {
		err = l.fsys.SyncDir(l.dir)
	}
	if err == nil && keep {
		l.mu.Lock()
		l.recycle = append(l.recycle, recyclable{path, size})
		l.mu.Unlock()
	}
	return err
}

// A Segment describes one file of the log.
type Segment struct {
	ID    uint32
	Path  string
	Begin LSN    // of its first record
	End   LSN    // behind its last; equal to Begin for one before Options.From
	Size  int64  // as prepared, in bytes; of the file, for one before From
	Prev  uint32 // id of the segment that it goes on from; 0 for the first of all
}

// Segments describes the log, oldest segment first.
func (l *Log) Segments() []Segment {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make([]Segment, len(l.segments))
	for i, s := range l.segments {
		end := s.end
		if i == len(l.segments)-1 {
			end = l.off
		}
		all[i] = Segment{s.id, s.path, lsnOf(s.id, headerBytes), lsnOf(s.id, end), s.size, s.link.prev}
	}
	return all
}
