package btree

import (
	"encoding/binary"
	"fmt"
	"hash/maphash"

	"github.com/kvbench/kvbench/btree/page"
	"github.com/kvbench/kvbench/btree/store"
	"github.com/kvbench/kvbench/engine/vfs"
)

// verifiedAtOnce are bytes that are read at once.
const verifiedAtOnce = 1 << 20

// A chain is a large value.
type chain struct {
	first, leaf page.ID
	length      int
	entry       uint16 // of the leaf
}

// readPages reads all pages of the tree, in the order of their slots.
func (v *verifier) readPages() error {
	size := v.sb.PageBytes
	n := uint64(len(v.owners))
	buf := vfs.AlignedBuffer(verifiedAtOnce)
	for s := uint64(0); s < n; {
		if !v.owned(s) {
			s++
			continue
		}
		end := min(s+uint64(len(buf)/size), n)
		for !v.owned(end - 1) {
			end--
		}
		if err := v.readRun(s, buf[:int(end-s)*size]); err != nil {
			return err
		}
		s = end
	}
	return v.Err()
}

// owned reports whether there is a page of the tree in a slot.
func (v *verifier) owned(slot uint64) bool { return v.owners[slot] != 0 && v.owners[slot] != mapOwner }

// readRun reads pages that follow each other in the file, with gaps.
func (v *verifier) readRun(first uint64, p []byte) error {
	if err := v.Err(); err != nil {
		return err
	}
	size := v.sb.PageBytes
	n, _ := v.file.ReadAt(p, v.offset(first))
	for at := 0; at < len(p); at += size {
		slot := first + uint64(at/size)
		if !v.owned(slot) {
			continue
		}
		id := v.owners[slot]
		c, _ := v.find(id)
		if at+size > n { // it says why
			if err := v.readAlone(id, c.ref); err != nil {
				return err
			}
			continue
		}
		if err := page.Verify(p[at:at+size], id, slot, c.ref.Check()); err != nil {
			v.blind = true
			v.damaged(slot, fmt.Sprintf("page %d", id), err, unseen)
			continue
		}
		v.look(c, id, p[at:at+size])
	}
	return nil
}

// readAlone reads one page.
func (v *verifier) readAlone(id page.ID, ref store.Ref) error {
	p := make([]byte, v.sb.PageBytes)
	ok, err := v.readPage(p, id, ref, fmt.Sprintf("page %d", id))
	if err != nil || !ok {
		v.blind = true
		return err
	}
	c, _ := v.find(id)
	v.look(c, id, p)
	return nil
}

// look checks a page that is as it was written, and remembers of it what the
// tree is held against.
func (v *verifier) look(c *checked, id page.ID, p []byte) {
	kind, slot := page.KindOf(p), c.ref.Slot()
	if err := page.Check(p); err != nil {
		v.blind = true
		v.damaged(slot, fmt.Sprintf("page %d makes no sense", id), err, unseen)
		return
	}
	if kind > page.Overflow {
		v.blind = true
		v.Problem(v.path, v.offset(slot), "page %d is a %v page", id, kind)
		return
	}
	if s := page.Stamp(p); s > v.sb.Stamp && kind != page.Overflow {
		v.Problem(v.path, v.offset(slot), "page %d (%v) is of stamp %d, the checkpoint of %d", id, kind, s, v.sb.Stamp)
	}
	c.kind, c.next = kind, page.Next(p)
	if kind == page.Overflow {
		c.bytes = uint16(page.Count(p))
		v.census.overflow(p)
		return
	}
	c.level = uint8(page.Level(p)) &^ placed
	low, high, bounded, _ := page.Fences(p)
	c.fences = v.hash(low, high, bounded)
	if kind == page.Leaf {
		v.rows(id, slot, p)
	}
	v.census.add(p)
}

// hash is of the fences of a page, or of the place that it has.
func (v *verifier) hash(low, high []byte, bounded bool) uint64 {
	var parts [17]byte
	binary.LittleEndian.PutUint64(parts[0:], maphash.Bytes(v.seed, low))
	if bounded {
		parts[16] = 1
		binary.LittleEndian.PutUint64(parts[8:], maphash.Bytes(v.seed, high))
	}
	return maphash.Bytes(v.seed, parts[:])
}

// rows looks at the cells of a leaf.
func (v *verifier) rows(id page.ID, slot uint64, p []byte) {
	var rows page.Rows
	rows.Reset(p)
	for i := range rows.Count() {
		flags, payload, _ := rows.Cell(i)
		r, ok := parseRow(flags, payload)
		if !ok {
			v.Problem(v.path, v.offset(slot), "page %d: entry %d of %d bytes with flags %#x makes no sense", id, i, len(payload), flags)
			v.blind = true
			continue
		}
		if r.expires {
			v.census.expiring++
		}
		if r.chained {
			v.chains = append(v.chains, chain{r.first, id, r.length, uint16(i)})
			v.census.chained += int64(r.length)
		}
	}
}
