package mapping

import "fmt"

// An Entry says where a page is. The zero Entry: there is no such page.
//
//	bit 63 set    bits  0..31  frame of the pool that holds the page
//	bit 63 clear  bits  0..35  slot of the file
//	              bits 36..62  low 27 bits of the page's checksum
//
// Slot 0 holds a superblock and never a page, so no page on disk has the zero
// Entry.
type Entry uint64

const (
	slotBits  = 36
	checkBits = 27
	resident  = Entry(1) << 63

	// MaxSlot is the last slot that an entry can name: 256 TiB of pages of
	// 4 KiB.
	MaxSlot = 1<<slotBits - 1

	// MaxCheck masks the part of a checksum that an entry holds.
	MaxCheck = 1<<checkBits - 1
)

// Resident is the entry of a page that is in a frame.
func Resident(frame uint32) Entry { return resident | Entry(frame) }

// OnDisk is the entry of a page that is in slot 1 to MaxSlot only. Of check the
// low 27 bits count.
func OnDisk(slot uint64, check uint32) Entry {
	return Entry(slot&MaxSlot) | Entry(check&MaxCheck)<<slotBits
}

// Resident reports whether the page is in a frame.
func (e Entry) Resident() bool { return e&resident != 0 }

// Frame is the frame of a resident page.
func (e Entry) Frame() uint32 { return uint32(e) }

// Slot is the slot of a page on disk.
func (e Entry) Slot() uint64 { return uint64(e) & MaxSlot }

// Check is the part of the checksum that the page on disk must have.
func (e Entry) Check() uint32 { return uint32(e>>slotBits) & MaxCheck }

// String is for people: "frame 7", "slot 12 (check 0x1a2b3c)" or "none".
func (e Entry) String() string {
	switch {
	case e == 0:
		return "none"
	case e.Resident():
		return fmt.Sprintf("frame %d", e.Frame())
	}
	return fmt.Sprintf("slot %d (check %#x)", e.Slot(), e.Check())
}
