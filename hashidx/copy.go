package hashidx

import (
	"context"
	"errors"
	"io"
	"slices"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/engine/wal"
	"github.com/kvbench/kvbench/hashidx/index"
	"github.com/kvbench/kvbench/hashidx/manifest"
	"github.com/kvbench/kvbench/hashidx/record"
)

const (
	// sliceBytes of frames are copied while maintenance is held.
	sliceBytes = 1 << 20

	// groupBytes of frames go into a record of cold/, which saves headers.
	groupBytes = 64 << 10

	// gapBytes between two ops are rather read than skipped.
	gapBytes = 16 << 10
)

// A copier copies what is live in a victim to cold/, slice by slice.
type copier struct {
	e    *store
	v    *victim
	file io.ReaderAt
	cold *wal.Log

	buf   []byte // what was read
	group []byte // frames that are not appended yet
	moves []move // of this slice; those from first on are in group
	first int
	last  wal.LSN // of the slice's records
	err   error   // of the index
}

// A move is what becomes of a task.
type move struct {
	task    task
	expired bool
	copied  bool // else it only goes
	expire  int64

	seg   *segment // of the copy
	at    int64    // of it in group, then in seg
	bytes int
}

// place of the copy.
func (m *move) place() uint64 { return placeOf(m.seg, m.at) }

// newCopier opens the victim's file and cold/.
func (e *store) newCopier(v *victim) (*copier, func() error, error) {
	f, err := vfs.Classed(e.counting, vfs.Log).Open(v.segment.path)
	if err != nil {
		return nil, nil, damageError{err}
	}
	f.Advise(vfs.Sequential, 0, 0)
	return &copier{e: e, v: v, file: f}, f.Close, nil
}

// slice copies the next tasks and makes the index name the copies. maintenance
// is held.
func (c *copier) slice() error {
	c.moves, c.group, c.first = c.moves[:0], c.group[:0], 0
	for bytes := 0; len(c.v.tasks) > 0 && bytes < sliceBytes; {
		run := c.nextRun()
		if err := errors.Join(c.err, c.copyRun(run)); err != nil {
			return err
		}
		for i := range run {
			bytes += int(run[i].length)
		}
	}
	if err := c.flush(); err != nil {
		return err
	}
	if len(c.moves) == 0 {
		return nil
	}
	if c.last != 0 {
		// Readers of a copy go to its file.
		if err := c.cold.Wait(context.Background(), c.last, wal.Written); err != nil {
			return err
		}
	}
	for i := range c.moves {
		if i%touchOps == 0 {
			c.touchMoves(c.moves[i:])
		}
		if err := c.perform(&c.moves[i]); err != nil {
			return err
		}
	}
	return nil
}

// nextRun takes tasks that are read at once, and leaves out what has died
// since it was chosen.
func (c *copier) nextRun() []task {
	end, start, n, total := int64(0), int64(0), 0, 0
	tasks := c.v.tasks
	g := c.e.domain.Pin()
	defer g.Unpin()
	for total < len(tasks) {
		if total%touchOps == 0 {
			c.touchTasks(tasks[total:])
		}
		t := &tasks[total]
		if !c.wanted(t) {
			total++
			continue
		}
		at, behind := int64(t.offset), int64(t.offset)+int64(t.length)
		if n > 0 && (at-end > gapBytes || behind-start > sliceBytes) {
			break
		}
		if n == 0 {
			start = at
		}
		end = behind
		tasks[n] = *t
		n++
		total++
	}
	c.v.tasks = tasks[total:]
	return tasks[:n]
}

// touchTasks brings what the index has for the next tasks into the processor's
// cache, and touchMoves for the next moves. The caller of touchTasks is pinned.
func (c *copier) touchTasks(next []task) {
	var hashes [touchOps]uint64
	n := min(touchOps, len(next))
	for i := range next[:n] {
		hashes[i] = next[i].hash
	}
	c.e.index.Touch(hashes[:n])
}

func (c *copier) touchMoves(next []move) {
	var hashes [touchOps]uint64
	n := min(touchOps, len(next))
	for i := range next[:n] {
		hashes[i] = next[i].task.hash
	}
	g := c.e.domain.Pin()
	c.e.index.Touch(hashes[:n])
	g.Unpin()
}

// wanted reports whether a task has to be read. The caller is pinned.
func (c *copier) wanted(t *task) bool {
	if t.isTombstone() {
		return t.kept()
	}
	live, err := c.e.names(t.hash, placeOf(c.v.segment, int64(t.offset)))
	c.err = errors.Join(c.err, err)
	return live
}

// copyRun reads tasks with one read and encodes their copies.
func (c *copier) copyRun(run []task) error {
	if len(run) == 0 {
		return nil
	}
	first, last := &run[0], &run[len(run)-1]
	base := int64(first.offset)
	n := int(int64(last.offset) + int64(last.length) - base)
	c.buf = slices.Grow(c.buf[:0], n)[:n]
	if got, err := c.file.ReadAt(c.buf, base); got < n {
		c.e.corruptions.Add(1)
		return damageError{engine.Corrupt(c.v.segment.path, base+int64(got), "the file cannot be read", err)}
	}
	c.e.gc.read.Add(uint64(n))
	for i := range run {
		t := &run[i]
		op, err := c.parse(t, c.buf[int64(t.offset)-base:])
		if err != nil {
			c.e.corruptions.Add(1)
			return damageError{engine.Corrupt(c.v.segment.path, int64(t.offset), "no op where its hint has one", err)}
		}
		if err := c.encode(t, &op); err != nil {
			return err
		}
	}
	return nil
}

var errOtherOp = errors.New("it is another")

// parse decodes the op of a task, and makes sure that it is that.
func (c *copier) parse(t *task, p []byte) (record.Op, error) {
	op, n, err := record.Parse(p[:t.length])
	switch {
	case err != nil:
		return op, err
	case n != int(t.length) || op.Kind != t.kind() || !index.Same(c.e.hash(op.Key), t.hash),
		op.Sequenced != (c.v.segment.log == manifest.Cold), op.Sequenced && op.Sequence != t.sequence:
		return op, errOtherOp
	}
	return op, nil
}

// encode adds the copy of an op to the group, if there is to be one.
func (c *copier) encode(t *task, op *record.Op) error {
	m := move{task: *t, expire: op.Expire, copied: true}
	op.Sequenced, op.Sequence = true, t.sequence
	if op.Kind == record.PutExpiring && c.v.now >= op.Expire {
		// It hides what is older, as a delete does.
		m.expired, m.copied = true, t.kept()
		op.Kind, op.Value = record.Delete, nil
	}
	if !m.copied {
		c.moves = append(c.moves, m)
		return nil
	}
	if limit := c.e.groupBytes(); len(c.group) > 0 && len(c.group)+len(op.Key)+len(op.Value) > limit {
		if err := c.flush(); err != nil {
			return err
		}
	}
	m.at = int64(len(c.group))
	c.group = record.Append(c.group, op)
	m.bytes = len(c.group) - int(m.at)
	c.moves = append(c.moves, m)
	return nil
}

// groupBytes keeps records well below the size of a segment.
func (e *store) groupBytes() int { return int(min(groupBytes, e.settings.SegmentBytes/8)) }

// flush appends the group to cold/ as one record.
func (c *copier) flush() error {
	if len(c.group) == 0 {
		return nil
	}
	cold, err := c.e.openCold()
	if err != nil {
		return err
	}
	c.cold = cold
	kind, ops := uint8(manyOps), 0
	for i := c.first; i < len(c.moves); i++ {
		if c.moves[i].copied {
			ops++
		}
	}
	if ops == 1 {
		kind = oneOp
	}
	lsn, err := cold.Append(kind, c.group)
	if err != nil {
		return err
	}
	c.last = lsn
	seg, err := c.e.segments.of(manifest.Cold, lsn.Segment(), 1<<offsetBits)
	if err != nil {
		return err
	}
	off := lsn.Offset() + wal.PayloadOffset
	for ; c.first < len(c.moves); c.first++ {
		if m := &c.moves[c.first]; m.copied {
			m.seg, m.at = seg, m.at+off
			c.e.received(m)
		}
	}
	c.e.gc.written.Add(uint64(len(c.group)))
	c.e.gc.copies.Add(uint64(ops))
	c.group = c.group[:0]
	return nil
}

// received accounts for a copy, before any reader can come to it.
func (e *store) received(m *move) {
	m.seg.bytes.Add(int64(m.bytes))
	m.seg.ops.Add(1)
	raise(&m.seg.highest, m.task.sequence)
	e.gc.filters.noteCold(m.seg, m.task.hash, m.task.sequence)
	if m.task.isTombstone() || m.expired {
		m.seg.kept.Add(int64(m.bytes))
		m.seg.surveyed.Store(e.gc.drops)
	}
}

// perform makes the index name the copy, if it still names the op; what has
// expired it names no more. The op may have been overwritten meanwhile: then
// the copy is dead.
func (c *copier) perform(m *move) error {
	if m.task.isTombstone() {
		return nil
	}
	from := c.v.segment
	old := placeOf(from, int64(m.task.offset))
	l := c.e.index.Lock(m.task.hash)
	defer l.Unlock()
	if m.expired {
		gone, err := l.Delete(old)
		if gone {
			from.lose(int(m.task.length), true)
		}
		return err
	}
	moved, err := l.Replace(old, m.place())
	if moved {
		from.lose(int(m.task.length), m.task.mayExpire())
		m.seg.gain(m.bytes, m.task.mayExpire(), m.expire)
	}
	return err
}

// openCold returns cold/, which begins when something is copied first.
func (e *store) openCold() (*wal.Log, error) {
	if l := e.cold.Load(); l != nil {
		return l, nil
	}
	o := wal.Options{SegmentBytes: e.settings.SegmentBytes, Fill: wal.FillReserve, Complete: true}
	l, err := wal.Open(e.counting, e.segments.dir(manifest.Cold), o, nil)
	if err != nil {
		return nil, err
	}
	e.cold.Store(l)
	return l, nil
}
