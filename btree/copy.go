package btree

import (
	"errors"
	"fmt"
	"io"
	"math/bits"
	"path/filepath"

	"github.com/kvbench/kvbench/btree/store"
	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/engine/wal"
)

// Checkpoint implements engine.Checkpointer. Writers, and checkpoints of the
// tree itself, go on meanwhile.
//
// The copy is what a crash could have left at one moment: the last checkpoint
// of the tree, and the log from there up to where it was durable. The slots
// that the checkpoint refers to stay as they are until they are copied, and so
// does the log. Nothing has a second name: the file is written in place, and so
// are the segments of the log.
//
// The marker comes last: until it is there, durably, the directory opens as no
// engine's.
func (t *tree) Checkpoint(dir string) error {
	if !t.scans.TryRLock() { // only Close locks it
		return engine.ErrClosed
	}
	defer t.scans.RUnlock()
	if t.closed.Load() {
		return engine.ErrClosed
	}
	err := t.copyTo(dir)
	if err == nil || errors.Is(err, engine.ErrClosed) {
		return err
	}
	return fmt.Errorf("checkpoint to %s: %w", dir, err)
}

func (t *tree) copyTo(dir string) error {
	made, err := t.home.BeginCopy(vfs.Classed(t.counting, vfs.Meta), dir, logDir)
	if err != nil {
		return err
	}
	c := &treeCopy{Copy: made, tree: t}
	if err := c.perform(); err != nil {
		return errors.Join(err, c.Undo())
	}
	return nil
}

// A treeCopy is a copy that is being made.
type treeCopy struct {
	*engine.Copy
	tree   *tree
	blocks []byte   // the superblocks, and what else is before the first slot
	slots  []uint64 // bit s: slot s is to be copied
	reach  uint64   // slots that the superblock wants the file to have
	log    []piece  // likewise
}

// A piece is the beginning of a file of the log.
type piece struct {
	name  string // in the directory
	bytes int64
}

func (c *treeCopy) perform() error {
	t := c.tree
	if !t.readOnly {
		if err := t.Sync(); err != nil { // what was acknowledged is in it
			return err
		}
	}
	t.work.pruning.RLock()
	err := c.copyAll()
	t.work.pruning.RUnlock()
	if err != nil {
		return err
	}
	return c.Finish(func() error { return nil })
}

// copyAll copies the state of one moment. The log is not pruned meanwhile.
func (c *treeCopy) copyAll() error {
	t := c.tree
	from, err := t.counting.Open(t.home.Path(dataName))
	if err != nil {
		return err
	}
	defer from.Close()
	if err := c.begin(from); err != nil {
		return err
	}
	defer t.endKeeping()
	if err := c.data(from); err != nil {
		return err
	}
	for _, p := range c.log {
		if err := c.File(p.name, p.bytes); err != nil {
			return err
		}
	}
	return nil
}

// begin takes the state, between two checkpoints. If it succeeds, endKeeping
// must follow.
func (c *treeCopy) begin(from vfs.File) error {
	t, w := c.tree, &c.tree.work
	w.asked.Add(1)
	defer w.asked.Add(-1)
	w.hurryUp()
	w.exclusive.Lock()
	defer w.exclusive.Unlock()
	if err := t.failed(); err != nil { // then nobody knows which one counts
		return err
	}
	c.blocks = make([]byte, int(store.Reserved(t.settings.PageBytes))*t.settings.PageBytes)
	if _, err := from.ReadAt(c.blocks, 0); err != nil {
		return err
	}
	c.listLog()
	c.listSlots()
	c.reach = w.reach
	return nil
}

// listSlots notes the slots of the last checkpoint, and keeps them from being
// written. work.exclusive is held: no slot is fixed or unfixed.
func (c *treeCopy) listSlots() {
	t := c.tree
	t.mu.Lock()
	t.work.kept.copies++
	end := t.slots.End()
	c.slots = make([]uint64, end>>6+1)
	for s := uint64(0); s < end; s++ {
		if t.slots.Fixed(s) {
			c.slots[s>>6] |= 1 << (s & 63)
		}
		if s%(16*lookPages) == 16*lookPages-1 { // let writers in
			t.mu.Unlock()
			t.mu.Lock()
		}
	}
	t.mu.Unlock()
	for _, refs := range [][]store.Ref{t.work.maps.Maps, t.work.maps.Directories} {
		for _, ref := range refs {
			c.slots[ref.Slot()>>6] |= 1 << (ref.Slot() & 63)
		}
	}
}

// listLog lists the segments that there are, up to where they are durable.
// work.exclusive is held: there is no record of a later checkpoint.
func (c *treeCopy) listLog() {
	log := c.tree.log
	if log == nil {
		return
	}
	end := log.Durable()
	if c.tree.readOnly {
		end = log.End()
	}
	for _, g := range log.Segments() {
		if g.ID > end.Segment() {
			continue
		}
		p := piece{logDir + "/" + filepath.Base(wal.SegmentPath("", g.ID)), g.End.Offset()}
		if g.ID == end.Segment() {
			p.bytes = end.Offset()
		}
		c.log = append(c.log, p)
	}
}

// copiedBytes are copied at once.
const copiedBytes = 1 << 20

// data copies the file of pages: what the checkpoint refers to. Where it does
// not, there is a hole.
func (c *treeCopy) data(from vfs.File) error {
	to, err := c.tree.counting.Create(filepath.Join(c.Dir, dataName))
	if err != nil {
		return err
	}
	_, err = to.WriteAt(c.blocks, 0)
	size := int64(c.tree.settings.PageBytes)
	buf := make([]byte, copiedBytes)
	for s, n := c.run(0); n > 0 && err == nil; s, n = c.run(s + n) {
		err = c.copyRun(to, from, int64(s)*size, buf[:int64(n)*size])
	}
	if err == nil { // the superblock may reach beyond the last page
		err = to.Truncate(int64(c.reach) * size)
	}
	if err == nil {
		err = to.Sync()
	}
	return errors.Join(err, to.Close())
}

// run finds slots in a row from slot s on, as many as are copied at once; 0 if
// there are none any more.
func (c *treeCopy) run(s uint64) (first, n uint64) {
	for w := s >> 6; w < uint64(len(c.slots)); w++ {
		word := c.slots[w]
		if w == s>>6 {
			word &= ^uint64(0) << (s & 63)
		}
		if word != 0 {
			first = w<<6 + uint64(bits.TrailingZeros64(word))
			break
		}
	}
	if first == 0 { // where the superblocks are
		return 0, 0
	}
	for n = 1; n < copiedBytes/uint64(c.tree.settings.PageBytes); n++ {
		if at := first + n; at>>6 >= uint64(len(c.slots)) || c.slots[at>>6]>>(at&63)&1 == 0 {
			break
		}
	}
	return first, n
}

func (c *treeCopy) copyRun(to, from vfs.File, off int64, buf []byte) error {
	n, err := from.ReadAt(buf, off)
	switch {
	case n == len(buf):
	case err == nil || errors.Is(err, io.EOF):
		t := c.tree
		return t.damaged(engine.Corrupt(t.home.Path(dataName), off+int64(n), "the file ends, and the checkpoint does not", nil))
	default:
		return err
	}
	_, err = to.WriteAt(buf, off)
	return err
}

// kept are slots that only checkpoints before the last one refer to, while
// somebody copies one of these. tree.mu guards them.
type kept struct {
	copies int      // under way
	fixed  []uint64 // of pages
	held   []uint64 // of the map
}

// unfix gives back the slot of a page that the last checkpoint has no more. mu
// is held.
func (t *tree) unfix(slot uint64) {
	if k := &t.work.kept; k.copies > 0 {
		k.fixed = append(k.fixed, slot)
		return
	}
	if err := t.slots.Unfix(slot); err != nil {
		_ = t.broken(err)
	}
}

// dropMap gives back the slot of a page of the map that the last checkpoint has
// no more. mu is held.
func (t *tree) dropMap(slot uint64) {
	if k := &t.work.kept; k.copies > 0 {
		k.held = append(k.held, slot)
		return
	}
	if err := t.slots.Drop(slot); err != nil {
		_ = t.broken(err)
	}
}

// endKeeping ends what listSlots began.
func (t *tree) endKeeping() {
	k := &t.work.kept
	t.mu.Lock()
	defer t.mu.Unlock()
	if k.copies--; k.copies > 0 {
		return
	}
	fixed, held := k.fixed, k.held
	k.fixed, k.held = nil, nil
	for i, s := range fixed {
		t.unfix(s)
		if i%lookPages == lookPages-1 { // let writers in
			t.mu.Unlock()
			t.mu.Lock()
		}
	}
	for _, s := range held {
		t.dropMap(s)
	}
}
