package btree

import (
	"encoding/binary"
	"errors"

	"github.com/kvbench/kvbench/btree/page"
	"github.com/kvbench/kvbench/engine"
)

// appendReference appends what a cell has of a value in a chain; parseRow
// reads it.
func appendReference(dst []byte, first page.ID, length int) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, first)
	return binary.LittleEndian.AppendUint64(dst, uint64(length))
}

// writeOverflow makes a chain with a value and returns its first page. The
// chain is made from its end, so that each page knows the next.
func (t *tree) writeOverflow(value []byte) (first page.ID, err error) {
	room := page.OverflowRoom(t.settings.PageBytes)
	n := max(1, (len(value)+room-1)/room)
	for i := n - 1; i >= 0; i-- {
		part := value[i*room:]
		part = part[:min(room, len(part))]
		next := first
		first, _, err = t.create(false, func(p []byte, id page.ID) { page.InitOverflow(p, id, next, part) })
		if err != nil {
			return 0, err
		}
		// Nobody looks for it yet, so it may be cleaned and evicted again:
		// the chain may have more pages than the pool has frames.
		t.unlockLast()
	}
	return first, nil
}

// unlockLast unlocks the frame that was locked last.
func (t *tree) unlockLast() {
	w := &t.writer
	n := len(w.locked) - 1
	t.pool.Unlock(w.locked[n])
	w.locked = w.locked[:n]
}

// freeOverflow frees a chain. What is behind a page that is damaged stays:
// nobody refers to it any more, and Verify finds it. A write must not fail of
// what it throws away.
func (t *tree) freeOverflow(id page.ID) error {
	for n := 0; id != 0; n++ {
		f, err := t.bring(id)
		if errors.Is(err, engine.ErrCorrupt) {
			t.env.Log.Warn("the rest of a value stays that nobody needs", "page", id, "error", err)
			return nil
		}
		if err != nil {
			return err
		}
		p := t.pool.Page(f)
		if page.KindOf(p) != page.Overflow || n > maxValue {
			return t.senseless(id)
		}
		next := page.Next(p)
		if err := t.discard(id); err != nil {
			return err
		}
		id = next
	}
	return nil
}
