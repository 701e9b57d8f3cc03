package hashidx

import (
	"context"
	"sync/atomic"

	"github.com/kvbench/kvbench/engine/offheap"
	"github.com/kvbench/kvbench/engine/wal"
)

// Residents are segments that are in memory whole. While all segments fit into
// what cache_bytes leaves for records, they are: a read then finds its frame
// where the place says, and there is nothing to miss. The record cache gets
// what they leave. Once the segments have outgrown the limit, all of it is the
// record cache's.
//
// What is not sealed is in the tail, and of the segment that Open has found
// unfinished, what was there before.
type residents struct {
	limit int64 // bytes; 0: there are none
	bytes atomic.Int64
}

// residentRoom: segments become resident only where one in so many bytes of the
// limit stays free, so that they do not come and go.
const residentRoom = 8

// A resident is the memory of a segment up to some offset. Only frames are in
// it, at their offsets; their checksums were compared.
type resident struct {
	region *offheap.Region
	bytes  []byte
	owner  *residents
}

// residentBytes is the limit for residents.
func (s *settings) residentBytes() int64 {
	if !s.Resident {
		return 0
	}
	return s.recordBytes()
}

// held returns what is in memory from an offset of a resident segment on, or
// nil. The caller is pinned.
func (s *segment) held(off int64) []byte {
	r := s.resident.Load()
	if r == nil || off >= int64(len(r.bytes)) {
		return nil
	}
	return r.bytes[off:]
}

// free gives the memory back. Nobody reads it.
func (r *resident) free() {
	r.owner.bytes.Add(-int64(len(r.bytes)))
	_ = r.region.Free() // there is nobody to tell
}

// size is what the segment takes, or will when it is sealed.
func (s *segment) size() int64 { return max(s.end.Load(), s.bytes.Load()) }

// reside makes segments resident, or not any more. maintenance is held.
func (e *store) reside(ctx context.Context) error {
	t := &e.residents
	if t.limit == 0 {
		return nil
	}
	list, total := e.segments.list(), int64(0)
	for _, s := range list {
		total += s.size()
	}
	before := t.bytes.Load()
	switch {
	case total > t.limit:
		e.endResidents(list)
	case total <= t.limit-t.limit/residentRoom:
		for _, s := range list {
			if err := e.makeResident(ctx, s); err != nil {
				return err
			}
		}
	}
	if t.bytes.Load() == before || e.records.cache == nil {
		return nil
	}
	err := e.records.cache.Resize(max(t.limit-t.bytes.Load(), t.limit/residentRoom))
	if err != nil { // of memory, which is no reason to end writing
		e.env.Log.Warn("resize the record cache", "dir", e.home.Dir, "error", err)
	}
	return nil
}

func (e *store) endResidents(list []*segment) {
	for _, s := range list {
		if r := s.resident.Swap(nil); r != nil {
			e.domain.Retire(len(r.bytes), r.free)
		}
	}
	e.domain.Reclaim()
}

// makeResident reads a segment that is sealed, or what Open has found of the
// one that is written. One that is damaged stays in its file, where reads will
// tell.
func (e *store) makeResident(ctx context.Context, s *segment) error {
	to := s.base
	if s.settled.Load() {
		to = s.end.Load()
	}
	if s.resident.Load() != nil || s.damaged.Load() || to == 0 || to >= 1<<offsetBits {
		return nil
	}
	region, err := offheap.Map(int(to), offheap.Options{HugePages: e.settings.huge(to)})
	if err != nil {
		e.env.Log.Warn("no memory for segments", "dir", e.home.Dir, "error", err)
		e.residents.limit = 0
		return nil
	}
	r := &resident{region: region, bytes: region.Bytes()[:to], owner: &e.residents}
	e.residents.bytes.Add(to)
	err = asCorrupt(wal.Scan(e.counting, e.segments.dir(s.log), s.id, 0, to, func(rec wal.Record) error {
		copy(r.bytes[rec.LSN.Offset()+wal.PayloadOffset:], rec.Payload)
		return ctx.Err()
	}))
	if err == nil {
		s.resident.Store(r)
		return nil
	}
	r.free()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	e.env.Log.Warn("leave a segment in its file", "segment", s.path, "error", err)
	return nil
}
