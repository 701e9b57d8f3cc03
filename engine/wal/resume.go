package wal

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/kvbench/kvbench/engine/vfs"
)

// resume makes a recovered log ready to be written.
//
// After a clean close it goes on where it ended, once a record that says so is
// durable. Else it goes on in a new segment: behind the end there may be whole
// records of a lost past, which a new record of the right length would make
// part of the log again. The link of the new segment is durable before
// anything of the old state is removed, so that a crash meanwhile finds either.
func (r *recovery) resume() error {
	l := r.l
	if err := r.removeTemps(); err != nil {
		return err
	}
	// A segment that was found may have its name in memory only: who gave it
	// ended, or failed, before the directory was synced.
	if err := l.fsys.SyncDir(l.dir); err != nil {
		return fmt.Errorf("sync log directory: %w", err)
	}
	if len(r.chain) == 0 {
		if err := r.startFresh(link{}); err != nil {
			return err
		}
		return r.removeUnused()
	}
	if r.clean {
		return r.goOn()
	}
	for _, s := range r.chain { // what was read may be in memory only
		if err := s.file.SyncData(); err != nil {
			return fmt.Errorf("sync log segment %s: %w", s.path, err)
		}
	}
	tail := l.current()
	if err := r.startFresh(link{prev: tail.id, end: r.end, durable: r.end}); err != nil {
		return err
	}
	if err := l.settleLink(); err != nil {
		return err
	}
	if err := l.sealLeft(); err != nil {
		return err
	}
	return r.removeUnused()
}

// adopt fills in the log's state from what was found.
func (r *recovery) adopt() {
	l := r.l
	l.segments = slices.Concat(r.older, r.chain)
	l.off = r.end
	l.nextID = 1
	l.nextSize = l.o.FirstBytes
	for _, s := range r.found {
		l.nextID = max(l.nextID, s.id+1)
	}
	// That of From is above all before it, also those that are gone.
	l.nextID = max(l.nextID, r.seal+1, l.o.From.Segment()+1)
}

// startFresh begins a new segment, small enough to be made at once.
func (r *recovery) startFresh(from link) error {
	l := r.l
	fill := l.o.Fill
	if fill == FillAuto {
		fill = FillZero
	}
	id := l.nextID
	l.nextID++
	s, err := l.makeSegment(id, l.nextSize, fill, nil)
	if err != nil {
		return err
	}
	l.grow(s.size)
	l.mu.Lock()
	defer l.mu.Unlock()
	start := lsnOf(id, headerBytes)
	l.writes.horizon.Store(uint64(start))
	l.syncs.horizon.Store(uint64(start))
	l.begin(s, from)
	return nil
}

// goOn appends behind a clean end.
func (r *recovery) goOn() error {
	l := r.l
	tail := l.current()
	if err := r.takeSpare(tail.id); err != nil {
		return err
	}
	tail.size = max(tail.size, l.o.FirstBytes)
	l.grow(tail.size)
	if l.spare != nil {
		l.grow(l.spare.size)
	}
	if l.o.Direct {
		n := int(l.off % vfs.DirectAlign)
		block := vfs.AlignedBuffer(vfs.DirectAlign)
		if _, err := tail.read.ReadAt(block[:n], l.off-int64(n)); n > 0 && err != nil {
			return fmt.Errorf("read log segment %s: %w", tail.path, err)
		}
		l.tail = append(l.tail, block[:n]...)
	}
	l.mu.Lock()
	end := l.position()
	l.writes.horizon.Store(uint64(end))
	l.syncs.horizon.Store(uint64(end))
	l.addSystem(kindOpen, nil)
	l.mu.Unlock()
	if err := l.Sync(); err != nil {
		return err
	}
	return r.removeUnused()
}

// takeSpare keeps the segment that was prepared before the log was closed. It
// was never written: nothing is, behind a close.
func (r *recovery) takeSpare(tail uint32) error {
	for i, s := range r.found {
		if s.id > tail && r.used[s.id] == nil {
			s.size = max(s.size, r.l.o.FirstBytes)
			r.l.spare = s
			r.found = slices.Delete(r.found, i, i+1)
			return nil
		}
	}
	return nil
}

// removeUnused removes the segments that are not part of the log.
func (r *recovery) removeUnused() error {
	removed := false
	for _, s := range r.found {
		if slices.Contains(r.chain, s) {
			continue
		}
		if err := errors.Join(s.close(), r.l.fsys.Remove(s.path)); err != nil {
			return fmt.Errorf("remove log segment that is not in use: %w", err)
		}
		removed = true
	}
	r.found = nil
	if !removed {
		return nil
	}
	return r.l.fsys.SyncDir(r.l.dir)
}

// removeTemps keeps as many recycled files as are wanted.
func (r *recovery) removeTemps() error {
	l := r.l
	for _, path := range r.temps {
		info, err := l.fsys.Stat(path)
		if err != nil {
			return err
		}
		if filepath.Base(path) != prepareName && len(l.recycle) < l.o.Recycle {
			l.recycle = append(l.recycle, recyclable{path, info.Size()})
			continue
		}
		if err := l.fsys.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
