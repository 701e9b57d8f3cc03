package diskindex

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/kvbench/kvbench/engine/wal"
)

// A bucket file is pages of 4096 bytes, a table of segments and a footer,
// without gaps. All integers are little-endian. Page 0 is the header, pages 1
// to buckets are the buckets in order, the others overflow pages.
//
//	header    offset  size  field
//	          0       8     magic     "kvbhdix\n"
//	          8       4     version   1
//	          12      4     crc       CRC-32C of the rest of the page
//	          16      8     covers    LSN of the hot log
//	          24      8     cold      LSN of the cold log
//	          32      8     seed      of the hash
//	          40      8     buckets   how many, at least 1
//	          48            zeros
//
//	page      offset  size  field
//	          0       4     crc       CRC-32C of the rest of the page,
//	                                  exclusive-or its number times 2654435761
//	          4       4     next      number of the page that goes on with the
//	                                  bucket, greater than this one's; 0 is none
//	          8       2     count     of entries, at most 340
//	          10      2     zeros
//	          12      12n   entries   ascending by ordinal, then place
//	                        zeros
//
//	entry     offset  size  field
//	          0       6     place     never 0
//	          6       2     ordinal   bits 0 to 15
//	          8       4     ordinal   bits 16 to 41
//
//	table     2 bytes for each segment that places name, ascending
//
//	footer    offset  size  field
//	          0       8     entries   how many
//	          8       8     pages     how many, the header's too
//	          16      4     table     how many segments
//	          20      4     crc       CRC-32C of the table
//	          24      4     crc       of the header: its crc field
//	          28      4     crc       CRC-32C of the 28 bytes before
//	          32      8     magic     "kvbhdix\n"
//
// The crc of a page covers its number, so that one in another's place is
// noticed. Where a bucket has several pages, all but the last are full, and
// their entries ascend from page to page.
//
// The file is durable before it gets its name. A crash leaves it whole or not
// at all, and maybe one with the suffix .new, which is worth nothing.
//
// A format change is a new version and a new golden file.
const (
	pageBytes     = 4096
	pageHeader    = 12
	entryBytes    = 12
	pageEntries   = 340 // as many as fit
	footerBytes   = 40
	formatVersion = 1

	// fillEntries is how many entries a bucket has on average: 80 %. Of
	// buckets with 272, one in 50,000 needs a second page.
	fillEntries = 272

	placeBits   = 48
	placeMask   = 1<<placeBits - 1
	segmentBits = 32 // of a place, below the segment's number
)

var (
	magic      = [8]byte{'k', 'v', 'b', 'h', 'd', 'i', 'x', '\n'}
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

// A Header says what a bucket file is an image of, as that of package snapshot
// does.
type Header struct {
	Covers     wal.LSN // every op of the hot log below had been applied
	ColdCovers wal.LSN // and of the cold log
	Seed       uint64  // of the hash
}

// header is the first page.
type header [pageBytes]byte

func (h *header) magic() []byte    { return h[0:][:8] }
func (h *header) version() uint32  { return binary.LittleEndian.Uint32(h[8:]) }
func (h *header) crc() uint32      { return binary.LittleEndian.Uint32(h[12:]) }
func (h *header) covers() uint64   { return binary.LittleEndian.Uint64(h[16:]) }
func (h *header) cold() uint64     { return binary.LittleEndian.Uint64(h[24:]) }
func (h *header) seed() uint64     { return binary.LittleEndian.Uint64(h[32:]) }
func (h *header) buckets() uint64  { return binary.LittleEndian.Uint64(h[40:]) }
func (h *header) checksum() uint32 { return crc32.Checksum(h[16:], castagnoli) }

func encodeHeader(x Header, buckets uint64) *header {
	var h header
	copy(h.magic(), magic[:])
	binary.LittleEndian.PutUint32(h[8:], formatVersion)
	binary.LittleEndian.PutUint64(h[16:], uint64(x.Covers))
	binary.LittleEndian.PutUint64(h[24:], uint64(x.ColdCovers))
	binary.LittleEndian.PutUint64(h[32:], x.Seed)
	binary.LittleEndian.PutUint64(h[40:], buckets)
	binary.LittleEndian.PutUint32(h[12:], h.checksum())
	return &h
}

func (h *header) decode() Header {
	return Header{Covers: wal.LSN(h.covers()), ColdCovers: wal.LSN(h.cold()), Seed: h.seed()}
}

func (h *header) check() error {
	switch {
	case !bytes.Equal(h.magic(), magic[:]):
		return fmt.Errorf("magic is %q, want %q", h.magic(), magic)
	case h.version() != formatVersion:
		return fmt.Errorf("format version is %d, this build knows %d", h.version(), formatVersion)
	case h.crc() != h.checksum():
		return errors.New("checksum of the header is wrong")
	}
	return nil
}

// A page is one page of a bucket.
type page [pageBytes]byte

func (p *page) crc() uint32  { return binary.LittleEndian.Uint32(p[0:]) }
func (p *page) next() uint64 { return uint64(binary.LittleEndian.Uint32(p[4:])) }
func (p *page) count() int   { return int(binary.LittleEndian.Uint16(p[8:])) }

func (p *page) checksum(number uint64) uint32 {
	const odd = 2654435761
	return crc32.Checksum(p[4:], castagnoli) ^ uint32(number)*odd
}

// ordinal is that of entry i.
func (p *page) ordinal(i int) ordinal {
	e := p[pageHeader+i*entryBytes:][:entryBytes]
	return ordinal(binary.LittleEndian.Uint32(e[8:]))<<16 | ordinal(binary.LittleEndian.Uint16(e[6:]))
}

// entries are the bytes of the entries from i to before j.
func (p *page) entries(i, j int) []byte {
	return p[pageHeader+i*entryBytes : pageHeader+j*entryBytes]
}

// placeOf is the place of the first entry of some.
func placeOf(some []byte) uint64 { return binary.LittleEndian.Uint64(some) & placeMask }

func (p *page) at(i int) entry { return entry{p.ordinal(i), placeOf(p.entries(i, i+1))} }

// add appends an entry to a page that is not full.
func (p *page) add(e entry) {
	n := p.count()
	to := p.entries(n, n+1)
	binary.LittleEndian.PutUint64(to, uint64(e.ordinal)<<placeBits|e.place)
	binary.LittleEndian.PutUint32(to[8:], uint32(e.ordinal>>16))
	binary.LittleEndian.PutUint16(p[8:], uint16(n+1))
}

func (p *page) seal(number, next uint64) {
	binary.LittleEndian.PutUint32(p[4:], uint32(next))
	binary.LittleEndian.PutUint32(p[0:], p.checksum(number))
}

// check says what is wrong with a page of a file with so many buckets and
// pages. It does not look at entries.
func (p *page) check(number, buckets, pages uint64) error {
	switch {
	case p.crc() != p.checksum(number):
		return fmt.Errorf("checksum of page %d is wrong", number)
	case p.count() > pageEntries:
		return fmt.Errorf("page %d has %d entries, at most %d fit", number, p.count(), pageEntries)
	case p.next() != 0 && (p.next() <= max(number, buckets) || p.next() >= pages):
		return fmt.Errorf("page %d of %d goes on in page %d", number, pages, p.next())
	}
	return nil
}

// footer is the last 40 bytes.
type footer [footerBytes]byte

func (f *footer) entries() uint64   { return binary.LittleEndian.Uint64(f[0:]) }
func (f *footer) pages() uint64     { return binary.LittleEndian.Uint64(f[8:]) }
func (f *footer) table() uint32     { return binary.LittleEndian.Uint32(f[16:]) }
func (f *footer) tableCRC() uint32  { return binary.LittleEndian.Uint32(f[20:]) }
func (f *footer) headerCRC() uint32 { return binary.LittleEndian.Uint32(f[24:]) }
func (f *footer) crc() uint32       { return binary.LittleEndian.Uint32(f[28:]) }
func (f *footer) magic() []byte     { return f[32:] }
func (f *footer) checksum() uint32  { return crc32.Checksum(f[:28], castagnoli) }

func encodeFooter(h *header, entries, pages uint64, table []byte) *footer {
	var f footer
	binary.LittleEndian.PutUint64(f[0:], entries)
	binary.LittleEndian.PutUint64(f[8:], pages)
	binary.LittleEndian.PutUint32(f[16:], uint32(len(table)/2))
	binary.LittleEndian.PutUint32(f[20:], crc32.Checksum(table, castagnoli))
	binary.LittleEndian.PutUint32(f[24:], h.crc())
	binary.LittleEndian.PutUint32(f[28:], f.checksum())
	copy(f.magic(), magic[:])
	return &f
}

// check says what is wrong with the footer of a file of size bytes.
func (f *footer) check(h *header, size int64) error {
	pages := f.pages()
	switch {
	case !bytes.Equal(f.magic(), magic[:]):
		return fmt.Errorf("magic is %q, want %q", f.magic(), magic)
	case f.crc() != f.checksum():
		return errors.New("checksum of the footer is wrong")
	case f.headerCRC() != h.crc():
		return errors.New("header is another's")
	case pages > uint64(size)/pageBytes || int64(pages)*pageBytes+2*int64(f.table())+footerBytes != size:
		return fmt.Errorf("%d pages and %d segments in %d bytes", pages, f.table(), size)
	case h.buckets() == 0 || h.buckets() >= pages || pages > maxPages:
		return fmt.Errorf("%d buckets in %d pages", h.buckets(), pages)
	case f.entries() > pages*pageEntries:
		return fmt.Errorf("%d entries in %d pages", f.entries(), pages)
	}
	return nil
}

// maxPages: they are numbered by 32 bits.
const maxPages = 1 << 32
