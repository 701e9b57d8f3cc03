package wal

import (
	"encoding/binary"
	"fmt"
	"maps"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/kvbench/kvbench/engine/vfs"
)

// writeLooks take some microseconds: longer than a write of a few KB.
const writeLooks = 20_000

// Open opens the log in dir, which must exist, and recovers it: each is called
// with every whole record from o.From on, in order. What a crash may have left
// half done is cut off; where something is missing that was durable, the error
// wraps ErrDamage. each may keep nothing of the payload, and its error ends
// Open.
//
// Nobody else may have the log open; that is for the caller to see to.
func Open(fsys vfs.FS, dir string, o Options, each func(Record) error) (*Log, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	l := &Log{fsys: fsys, logFS: vfs.Classed(fsys, vfs.Log), dir: dir, o: o}
	l.writes = newGroup(o.Commit.crowd(), l.write)
	if runtime.GOMAXPROCS(0) > 1 && !o.Direct { // a write takes a microsecond or two
		l.writes.looks = writeLooks
	}
	l.syncs = newGroup(o.Commit.crowd(), l.sync)
	r := &recovery{l: l, each: each}
	if err := r.run(); err != nil {
		r.closeFiles()
		return nil, fmt.Errorf("open log in %s: %w", dir, err)
	}
	r.adopt()
	if !o.ReadOnly {
		l.stop, l.prepare = make(chan struct{}), make(chan struct{}, 1)
		l.advance, l.drain = make(chan struct{}, 1), make(chan struct{}, 1)
		l.startBackground()
		if err := r.resume(); err != nil {
			l.endBackground()
			r.closeFiles()
			return nil, fmt.Errorf("open log in %s: %w", dir, err)
		}
	}
	return l, nil
}

// recovery is what Open finds. It reads everything before it changes anything.
type recovery struct {
	l    *Log
	each func(Record) error

	temps []string   // files that a crash left behind
	older []*segment // those before From's, not looked at
	found []*segment
	used  map[uint32]*segment // those with a link
	chain []*segment          // the log, oldest first

	end   int64 // of the log, in the last of chain
	clean bool  // the log was closed
	seal  uint32
}

func (r *recovery) run() error {
	if err := r.list(); err != nil {
		return err
	}
	if err := r.walk(); err != nil {
		return err
	}
	return r.scan()
}

// list opens what is there and reads which segments are in use.
func (r *recovery) list() error {
	names, err := r.l.fsys.List(r.l.dir)
	if err != nil {
		return err
	}
	r.used = map[uint32]*segment{}
	for _, name := range names {
		id, ok := segmentID(name)
		switch {
		case ok && id < r.l.o.From.Segment():
			if err := r.passBy(id); err != nil {
				return err
			}
		case ok:
			if err := r.look(id); err != nil {
				return err
			}
		case name == prepareName || strings.HasPrefix(name, recyclePrefix) && strings.HasSuffix(name, tempSuffix):
			r.temps = append(r.temps, filepath.Join(r.l.dir, name))
		}
	}
	return nil
}

// passBy keeps a segment from before From for reading. Any of those may be
// missing: see Drop.
func (r *recovery) passBy(id uint32) error {
	s := &segment{id: id, path: filepath.Join(r.l.dir, segmentName(id)), end: headerBytes}
	info, err := r.l.fsys.Stat(s.path)
	if err != nil {
		return err
	}
	s.size = info.Size()
	s.written.Store(maxOffset)
	r.older = append(r.older, s)
	return nil
}

func (r *recovery) look(id uint32) error {
	s, err := r.l.openSegment(id)
	if err != nil {
		return err
	}
	r.found = append(r.found, s)
	var h segmentHeader
	if s.size < headerBytes {
		return &DamageError{s.path, -1, fmt.Sprintf("segment of %d bytes, its header has %d", s.size, headerBytes)}
	}
	if err := readFull(s, h[:], 0); err != nil {
		return err
	}
	if err := h.check(id); err != nil {
		return &DamageError{s.path, 0, err.Error()}
	}
	in := r.scanner(s, headerBytes)
	rec, payload, _, err := in.next()
	if err != nil {
		return err
	}
	if rec == nil || rec.kind() != kindLink {
		return nil
	}
	if s.link, err = decodeLink(payload); err != nil {
		return &DamageError{s.path, headerBytes, err.Error()}
	}
	if s.link.prev >= id {
		return &DamageError{s.path, headerBytes, fmt.Sprintf("segment %d says that it continues segment %d", id, s.link.prev)}
	}
	r.used[id] = s
	return nil
}

func readFull(s *segment, p []byte, off int64) error {
	n, err := s.read.ReadAt(p, off)
	if n == len(p) {
		return nil
	}
	return err
}

func (r *recovery) scanner(s *segment, off int64) *scanner {
	return &scanner{file: s.read, id: s.id, off: off, size: s.size}
}

// walk finds the chain: back from the newest segment in use, link by link.
//
// Where a link leads to a segment whose own link is not whole, all behind that
// was lost, unless something there claims that it was durable: see
// checkUnused. The walk then begins anew before it.
func (r *recovery) walk() error {
	from := r.l.o.From.Segment()
	for s := r.newest(); s != nil; {
		r.chain = append(r.chain, s)
		prev := s.link.prev
		if prev == 0 || prev < from {
			break
		}
		if s = r.used[prev]; s != nil {
			continue
		}
		if !r.exists(prev) {
			if err := r.mayBePruned(prev); err != nil {
				return err
			}
			break
		}
		maps.DeleteFunc(r.used, func(id uint32, _ *segment) bool { return id > prev })
		r.chain = r.chain[:0]
		s = r.newest()
	}
	if len(r.chain) == 0 {
		return r.walkNothing()
	}
	slices.Reverse(r.chain)
	return nil
}

// newest returns the newest segment in use, or nil.
func (r *recovery) newest() *segment {
	for _, s := range slices.Backward(r.found) {
		if r.used[s.id] != nil {
			return s
		}
	}
	return nil
}

func (r *recovery) exists(id uint32) bool {
	return slices.ContainsFunc(r.found, func(s *segment) bool { return s.id == id })
}

// walkNothing accepts a log in which nothing was written.
func (r *recovery) walkNothing() error {
	if from := max(r.l.o.From, r.l.o.Through); from != 0 {
		path := filepath.Join(r.l.dir, segmentName(from.Segment()))
		if r.exists(from.Segment()) {
			return &DamageError{path, headerBytes, fmt.Sprintf("the first record of the segment is not whole, though the log is needed from %v on", from)}
		}
		return &DamageError{path, -1, fmt.Sprintf("segment is missing, the log is needed from %v on", from)}
	}
	return r.checkUnused(0)
}

// mayBePruned says whether segment id may be gone. Segments are pruned oldest
// first, so that one before it would have to be gone too, unless it was never
// written: the making of a segment that failed may have left it.
func (r *recovery) mayBePruned(id uint32) error {
	path := filepath.Join(r.l.dir, segmentName(id))
	if from := r.l.o.From; from != 0 && from.Segment() <= id {
		return &DamageError{path, -1, fmt.Sprintf("segment is missing, the log is needed from %v on", from)}
	}
	if r.l.o.Complete {
		return &DamageError{path, -1, "segment is missing, the log should be complete"}
	}
	for _, s := range r.found {
		if s.id < id && r.used[s.id] != nil {
			return &DamageError{path, -1, fmt.Sprintf("segment is missing, though segment %d is there", s.id)}
		}
	}
	return nil
}

// checkUnused looks into the segments above id that are not in use, or are
// behind one that is not. A record there that claims anything means that the
// link before it was durable.
func (r *recovery) checkUnused(id uint32) error {
	for _, s := range r.found {
		if s.id <= id || r.used[s.id] != nil {
			continue
		}
		durable, err := r.scanner(s, headerBytes).claimed(headerBytes, s.size)
		if err != nil {
			return err
		}
		if durable > headerBytes || s.link.prev > id && s.link.durable > headerBytes {
			return &DamageError{r.broken(s, id).path, headerBytes, "the first record of the segment is not whole, though it was durable"}
		}
	}
	return nil
}

// broken follows the links back from s, but not to id, to the one that is not
// whole.
func (r *recovery) broken(s *segment, id uint32) *segment {
	for _, before := range slices.Backward(r.found) {
		if s.link.prev > id && before.id == s.link.prev {
			s = before
		}
	}
	return s
}

// scan delivers the records of the chain and finds its end.
func (r *recovery) scan() error {
	for i, s := range r.chain {
		limit := s.size
		last := i == len(r.chain)-1
		if !last {
			limit = r.chain[i+1].link.end
		}
		in := r.scanner(s, headerBytes)
		in.size = min(limit, s.size)
		why, err := r.deliver(s, in)
		if err != nil {
			return err
		}
		if !last && in.off == limit {
			s.end = limit
			s.written.Store(limit)
			continue
		}
		return r.endAt(i, in.off, why)
	}
	return nil
}

// deliver calls each until a seal or until there is no whole record, and
// returns what is there instead. Behind a seal may be what was cut off.
func (r *recovery) deliver(s *segment, in *scanner) (why string, err error) {
	for {
		at := in.off
		h, payload, why, err := in.next()
		if err != nil {
			return "", err
		}
		if h == nil {
			return why, nil
		}
		if h.kind() != kindPad {
			r.clean, r.seal = h.kind() == kindClose, 0
		}
		if h.kind() == kindSeal && len(payload) == 4 {
			r.seal = binary.LittleEndian.Uint32(payload)
			return fmt.Sprintf("the log goes on in segment %d", r.seal), nil
		}
		lsn := lsnOf(s.id, at)
		s.filled = s.filled || h.kind() <= MaxKind
		if h.kind() > MaxKind || lsn < r.l.o.From || r.each == nil {
			continue
		}
		if err := r.each(Record{lsn, h.kind(), payload}); err != nil {
			return "", err
		}
	}
}

// endAt ends the log at off of chain[i], where no whole record is, if it may.
func (r *recovery) endAt(i int, off int64, why string) error {
	r.clean = r.clean && i == len(r.chain)-1
	if err := r.mayEnd(i, off, why); err != nil {
		return err
	}
	r.chain = r.chain[:i+1]
	r.end = off
	r.chain[i].written.Store(off)
	return nil
}

// mayEnd decides whether the log may end at off of chain[i]: only if nothing
// that came later says that it was durable there.
func (r *recovery) mayEnd(i int, off int64, why string) error {
	s, last := r.chain[i], i == len(r.chain)-1
	nothing := r.clean && (why == whyEnd || why == whyZeros)
	to := s.size
	switch {
	case last && r.seal != 0: // what is behind is in the log no more
		to = off
	case nothing:
		// The next opening would stand here: a look at what it would have
		// begun with spares reading the rest of a segment that was closed.
		to = min(s.size, off+windowBytes)
	}
	durable, err := r.scanner(s, off).claimed(off, to)
	if err != nil {
		return err
	}
	damage := &DamageError{s.path, off, why + ", though the log was durable beyond"}
	switch from := max(r.l.o.From, r.l.o.Through); {
	case durable > off:
		return damage
	case lsnOf(s.id, off) < from:
		damage.Detail = fmt.Sprintf("%s, though the log is needed from %v on", why, from)
		return damage
	case nothing:
		return nil
	}
	for _, later := range r.chain[i+1:] {
		durable, err := r.scanner(later, headerBytes).claimed(headerBytes, later.size)
		if err != nil {
			return err
		}
		link := later.link
		if durable > headerBytes || link.durable > 0 && lsnOf(link.prev, link.durable) > lsnOf(s.id, off) {
			return damage
		}
	}
	if err := r.checkUnused(s.id); err != nil {
		return err
	}
	return r.checkSeal()
}

// checkSeal finds a newest segment that was deleted: the one before says that
// it was there. What Truncate has left behind may be there still, and go on
// where the seal now is.
func (r *recovery) checkSeal() error {
	if r.seal == 0 || r.exists(r.seal) {
		return nil
	}
	return &DamageError{filepath.Join(r.l.dir, segmentName(r.seal)), -1, "segment is missing, the log goes on in it"}
}

func (r *recovery) closeFiles() {
	for _, s := range append(r.found, r.l.segments...) {
		s.close()
	}
	if r.l.spare != nil {
		r.l.spare.close()
	}
}
