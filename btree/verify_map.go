package btree

import (
	"fmt"
	"math"

	"github.com/kvbench/kvbench/btree/mapping"
	"github.com/kvbench/kvbench/btree/page"
	"github.com/kvbench/kvbench/btree/store"
)

// A sheet has the pages of one map page; nil if that could not be read.
type sheet []checked

// A checked page is what is remembered of it. Without a ref there is none.
type checked struct {
	ref    store.Ref
	fences uint64    // hash of them
	next   page.ID   // as the page says
	bytes  uint16    // of a value, in an overflow page
	kind   page.Kind // 0: it was not read, or is damaged
	level  uint8     // with placed
}

// placed is a bit of checked.level: something refers to the page.
const placed = 1 << 7

func (c *checked) place()       { c.level |= placed }
func (c *checked) placed() bool { return c.level&placed != 0 }
func (c *checked) height() int  { return int(c.level &^ placed) }

// mapOwner owns the slots of map and directory pages.
const mapOwner = math.MaxUint32

// find returns what is known of a page. There is none of that id if missing;
// if both are false, nobody knows.
func (v *verifier) find(id page.ID) (c *checked, missing bool) {
	if id == 0 || id > v.sb.Pages {
		return nil, true
	}
	n, i := store.MapOf(v.sb.PageBytes, id)
	switch {
	case v.sheets[n] == nil:
		return nil, false
	case v.sheets[n][i].ref == 0:
		return nil, true
	}
	return &v.sheets[n][i], false
}

// place is where in the file a page is that exists.
func (v *verifier) place(id page.ID) int64 {
	n, i := store.MapOf(v.sb.PageBytes, id)
	return v.offset(v.sheets[n][i].ref.Slot())
}

// readMap reads the map, and gives slots to who is in them.
func (v *verifier) readMap() error {
	if !v.known {
		return nil
	}
	size := v.sb.PageBytes
	maps, _ := store.MapPages(size, v.sb.Pages)
	v.owners = make([]uint32, min(v.sb.Slots, uint64(v.size)/uint64(size)))
	v.sheets = make([]sheet, maps)
	refs := make([]store.Ref, maps)
	p := make([]byte, size)
	for n, ref := range v.sb.Directories {
		what := fmt.Sprintf("directory page %d", n)
		decode := func() error {
			return store.DecodeDirectory(p, n, maps, mapping.MaxSlot+1, func(m int, ref store.Ref) error {
				refs[m] = ref
				return nil
			})
		}
		if err := v.readPart(p, n, ref, what, decode); err != nil {
			return err
		}
	}
	for n, ref := range refs {
		if ref == 0 {
			v.blind = true
			continue
		}
		if err := v.readSheet(p, n, ref); err != nil {
			return err
		}
	}
	if c, missing := v.find(page.RootID); c == nil && missing {
		v.Problem(v.path, -1, "the map has no root")
	}
	return nil
}

func (v *verifier) readSheet(p []byte, n int, ref store.Ref) error {
	what := fmt.Sprintf("map page %d", n)
	return v.readPart(p, n, ref, what, func() error {
		first := store.FirstID(v.sb.PageBytes, n)
		v.sheets[n] = make(sheet, min(store.MapRoom(len(p)), int(v.sb.Pages-first)+1))
		return store.DecodeMap(p, n, v.sb.Pages, mapping.MaxSlot+1, func(id uint32, e mapping.Entry) error {
			i := int(id - first)
			v.sheets[n][i].ref = e
			at := v.offset(ref.Slot()) + page.HeaderBytes + 8*int64(i)
			return v.claim(e, id, at, fmt.Sprintf("page %d", id))
		})
	})
}

// readPart reads a map or directory page.
func (v *verifier) readPart(p []byte, n int, ref store.Ref, what string, decode func() error) error {
	if err := v.Err(); err != nil {
		return err
	}
	if err := v.claim(ref, mapOwner, -1, what); err != nil {
		return err
	}
	if ref.Slot() >= uint64(len(v.owners)) { // is said
		v.blind = true
		return nil
	}
	ok, err := v.readPage(p, page.ID(n)+1, ref, what)
	if err != nil || !ok {
		v.blind = true
		return err
	}
	if err := decode(); err != nil {
		if ended := v.Err(); ended != nil {
			return ended
		}
		v.blind = true
		v.damaged(ref.Slot(), what, err, unseen)
	}
	return nil
}

// claim gives a slot to who is in it. at is where the ref is, if that is known.
func (v *verifier) claim(ref store.Ref, owner uint32, at int64, what string) error {
	slot := ref.Slot()
	switch {
	case slot >= v.sb.Slots:
		v.Problem(v.path, at, "%s is in slot %d, and all are below %d", what, slot, v.sb.Slots)
	case slot >= uint64(len(v.owners)):
		v.Problem(v.path, v.offset(slot), "%s: the file ends before it does", what)
	case v.owners[slot] == 0:
		v.owners[slot] = owner
		return nil
	default:
		v.Problem(v.path, v.offset(slot), "%s is in slot %d, which %s has", what, slot, v.owner(slot))
		if owner == mapOwner {
			return nil // is read all the same
		}
		return v.readAlone(owner, ref)
	}
	v.blind = true
	return nil
}

func (v *verifier) owner(slot uint64) string {
	if v.owners[slot] == mapOwner {
		return "the map"
	}
	return fmt.Sprintf("page %d", v.owners[slot])
}
