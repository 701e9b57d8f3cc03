package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/kvbench/kvbench/btree/mapping"
)

// A superblock is a checkpoint: all of the tree follows from it and from the
// log behind LogFrom. All integers are little-endian.
//
//	superblock  offset  size  field
//	            0       8     magic        "kvblbt\r\n"
//	            8       4     version      1
//	            12      4     page bytes   4096, 8192, 16384 or 32768
//	            16      8     generation   counts checkpoints, from 1
//	            24      8     log from     replay begins here
//	            32      8     log through  what the log had when it was written
//	            40      8     stamp        of the newest group in it
//	            48      8     slots        length of the file: all refs are below
//	            56      8     keys         how many there are
//	            64      8     live bytes   of keys and values
//	            72      4     pages        ids go from 1 to this
//	            76      4     flags        1 logged, 2 cow
//	            80      4     directories  how many refs follow
//	            84      4     -            0
//	            88      4000  refs         of 8 bytes, of directory pages in
//	                                       order; those not used are 0
//	            4088    4     -            0
//	            4092    4     crc          CRC-32C of the 4092 bytes before
//
// A ref is what package mapping calls an entry on disk: slot and 27 bits of the
// page's checksum, so that a write that was lost, or went elsewhere, is
// noticed by whoever follows the ref.
//
// There are two blocks: block 0 at offset 0, block 1 at 4096. Generation g is
// written to block g%2 once all that it refers to is durable. Once it is
// durable itself it is written to the other block as well, which nobody waits
// for, except Close. So while a block is written, the other one is durable and
// the newest; a crash leaves the last generation, and maybe the next, torn or
// not. And where nothing tore, damage of a block loses nothing: the other is
// the same, or it is the copy that came later.
//
// A format change is a new version and a new golden file.
const (
	blockBytes    = 4096
	formatVersion = 1
	refsAt        = 88
	refBytes      = 8
	maxRefs       = 500
	crcAt         = 4092

	flagLogged = 1
	flagCow    = 2
	knownFlags = flagLogged | flagCow
)

var (
	magic      = [8]byte{'k', 'v', 'b', 'l', 'b', 't', '\r', '\n'}
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

// A Ref is where a map or directory page is: an entry on disk.
type Ref = mapping.Entry

// A Superblock is what a checkpoint says of the tree.
type Superblock struct {
	Generation uint64 // counts checkpoints, from 1
	PageBytes  int    // fixed when the file is made

	LogFrom    uint64 // recovery replays the log from here
	LogThrough uint64 // what the log had when the checkpoint was written
	Logged     bool   // writes go to the log
	Cow        bool   // the tree is in mode cow

	Stamp     uint64 // of the newest group in it
	Keys      uint64
	LiveBytes uint64 // of keys and values

	Pages       uint32 // ids 1 to Pages were ever given out
	Slots       uint64 // length of the file; all refs are below
	Directories []Ref  // of directory pages, in order

	// Damage is what is wrong with the block that Open did not take, if
	// anything is. Fallback says that it may have been a newer generation.
	// Most likely a crash tore it before Commit returned, or it is a copy; but
	// if it was damaged after Commit had returned, and power failed before the
	// copy was written back, then this generation is too old, and some of its
	// slots may have been used again. Who knows from elsewhere what was
	// committed should compare. Neither is stored.
	Damage   error
	Fallback bool
}

type superblock [blockBytes]byte

func (b *superblock) magic() []byte       { return b[0:][:8] }
func (b *superblock) version() uint32     { return binary.LittleEndian.Uint32(b[8:]) }
func (b *superblock) pageBytes() uint32   { return binary.LittleEndian.Uint32(b[12:]) }
func (b *superblock) generation() uint64  { return binary.LittleEndian.Uint64(b[16:]) }
func (b *superblock) logFrom() uint64     { return binary.LittleEndian.Uint64(b[24:]) }
func (b *superblock) logThrough() uint64  { return binary.LittleEndian.Uint64(b[32:]) }
func (b *superblock) stamp() uint64       { return binary.LittleEndian.Uint64(b[40:]) }
func (b *superblock) slots() uint64       { return binary.LittleEndian.Uint64(b[48:]) }
func (b *superblock) keys() uint64        { return binary.LittleEndian.Uint64(b[56:]) }
func (b *superblock) liveBytes() uint64   { return binary.LittleEndian.Uint64(b[64:]) }
func (b *superblock) pages() uint32       { return binary.LittleEndian.Uint32(b[72:]) }
func (b *superblock) flags() uint32       { return binary.LittleEndian.Uint32(b[76:]) }
func (b *superblock) directories() uint32 { return binary.LittleEndian.Uint32(b[80:]) }
func (b *superblock) crc() uint32         { return binary.LittleEndian.Uint32(b[crcAt:]) }
func (b *superblock) checksum() uint32    { return crc32.Checksum(b[:crcAt], castagnoli) }

func (b *superblock) ref(i int) Ref {
	return Ref(binary.LittleEndian.Uint64(b[refsAt+i*refBytes:]))
}

// reserved says whether the bytes without a meaning are zero.
func (b *superblock) reserved() bool {
	used := refsAt + int(b.directories())*refBytes
	return zero(b[84:88]) && zero(b[used:crcAt])
}

func zero(p []byte) bool {
	for _, c := range p {
		if c != 0 {
			return false
		}
	}
	return true
}

// encode fails where decode would.
func (sb *Superblock) encode() (*superblock, error) {
	if err := sb.check(); err != nil {
		return nil, err
	}
	b := new(superblock)
	copy(b.magic(), magic[:])
	binary.LittleEndian.PutUint32(b[8:], formatVersion)
	binary.LittleEndian.PutUint32(b[12:], uint32(sb.PageBytes))
	for i, v := range [...]uint64{sb.Generation, sb.LogFrom, sb.LogThrough, sb.Stamp, sb.Slots, sb.Keys, sb.LiveBytes} {
		binary.LittleEndian.PutUint64(b[16+8*i:], v)
	}
	binary.LittleEndian.PutUint32(b[72:], sb.Pages)
	var flags uint32
	if sb.Logged {
		flags |= flagLogged
	}
	if sb.Cow {
		flags |= flagCow
	}
	binary.LittleEndian.PutUint32(b[76:], flags)
	binary.LittleEndian.PutUint32(b[80:], uint32(len(sb.Directories)))
	for i, ref := range sb.Directories {
		binary.LittleEndian.PutUint64(b[refsAt+i*refBytes:], uint64(ref))
	}
	binary.LittleEndian.PutUint32(b[crcAt:], b.checksum())
	return b, nil
}

func (b *superblock) decode() (Superblock, error) {
	switch {
	case !bytes.Equal(b.magic(), magic[:]):
		return Superblock{}, fmt.Errorf("magic is %q, want %q", b.magic(), magic)
	case b.version() != formatVersion:
		return Superblock{}, fmt.Errorf("format version is %d, this build knows %d", b.version(), formatVersion)
	case b.crc() != b.checksum():
		return Superblock{}, errors.New("checksum of the superblock is wrong")
	case b.flags()&^knownFlags != 0:
		return Superblock{}, fmt.Errorf("flags are %#x, this build knows %#x", b.flags(), knownFlags)
	case b.directories() > maxRefs:
		return Superblock{}, fmt.Errorf("%d directory pages, want at most %d", b.directories(), maxRefs)
	case !b.reserved():
		return Superblock{}, errors.New("bytes are set that have no meaning")
	}
	sb := Superblock{
		Generation: b.generation(), PageBytes: int(b.pageBytes()),
		LogFrom: b.logFrom(), LogThrough: b.logThrough(),
		Logged: b.flags()&flagLogged != 0, Cow: b.flags()&flagCow != 0,
		Stamp: b.stamp(), Keys: b.keys(), LiveBytes: b.liveBytes(),
		Pages: b.pages(), Slots: b.slots(),
		Directories: make([]Ref, b.directories()),
	}
	for i := range sb.Directories {
		sb.Directories[i] = b.ref(i)
	}
	return sb, sb.check()
}

// check says what cannot be, in a superblock with any checksum.
func (sb *Superblock) check() error {
	if err := checkPageBytes(sb.PageBytes); err != nil {
		return err
	}
	_, directories := mapPages(sb.PageBytes, sb.Pages)
	switch reserved := Reserved(sb.PageBytes); {
	case sb.Generation == 0:
		return errors.New("generation is 0")
	case sb.Pages == 0:
		return errors.New("there is no page, not even the root")
	case uint64(sb.Pages) > MaxPages(sb.PageBytes):
		return fmt.Errorf("%d pages, want at most %d", sb.Pages, MaxPages(sb.PageBytes))
	case sb.Slots <= reserved || sb.Slots > mapping.MaxSlot+1:
		return fmt.Errorf("length of %d slots, want %d to %d", sb.Slots, reserved+1, mapping.MaxSlot+1)
	case len(sb.Directories) != directories:
		return fmt.Errorf("%d directory pages, %d pages need %d", len(sb.Directories), sb.Pages, directories)
	}
	for i, ref := range sb.Directories {
		if err := checkRef(ref, sb.PageBytes, sb.Slots); err != nil {
			return fmt.Errorf("directory page %d: %w", i, err)
		}
	}
	return nil
}

// checkRef says why a ref is none to a page of a file of so many slots.
func checkRef(ref Ref, pageBytes int, slots uint64) error {
	switch {
	case ref.Resident():
		return fmt.Errorf("%v is not on disk", ref)
	case ref.Slot() < Reserved(pageBytes):
		return fmt.Errorf("%v is where superblocks are", ref)
	case ref.Slot() >= slots:
		return fmt.Errorf("%v is past the end, at slot %d", ref, slots)
	}
	return nil
}
