package store

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/kvbench/kvbench/btree/mapping"
	"github.com/kvbench/kvbench/btree/page"
)

// Map page n, from 0, says where the pages n*MapRoom+1 to (n+1)*MapRoom are;
// directory page n says where the map pages n*DirectoryRoom to
// (n+1)*DirectoryRoom-1 are. Both are sealed as other pages are, with n+1 as
// their id. All integers are little-endian.
//
//	map,        offset       size  field
//	directory   0            h     header   of package page; kind Map or
//	                                        Directory, id n+1, count of the
//	                                        entries that are not 0
//	            h            8*r   entries  of package mapping, on disk or 0
//
// h is page.HeaderBytes, r as many as there is room for. An entry of 0 in a map
// page is a page that does not exist. A directory page has none, up to the
// last map page. Whatever is behind the last page or map page is 0.
const entryBytes = 8

// The page sizes that there are.
const (
	leastPageBytes = 4 << 10
	mostPageBytes  = 32 << 10
)

func checkPageBytes(n int) error {
	if n < leastPageBytes || n > mostPageBytes || n&(n-1) != 0 {
		return fmt.Errorf("pages of %d bytes, want a power of two from %d to %d", n, leastPageBytes, mostPageBytes)
	}
	return nil
}

// Reserved is how many slots, from the first, the superblocks take.
func Reserved(pageBytes int) uint64 { return uint64(max(1, 2*blockBytes/pageBytes)) }

// MapRoom is how many pages a map page has entries for.
func MapRoom(pageBytes int) int { return (pageBytes - page.HeaderBytes) / entryBytes }

// DirectoryRoom is how many map pages a directory page has entries for.
func DirectoryRoom(pageBytes int) int { return MapRoom(pageBytes) }

// MaxPages is how many pages a superblock can reach.
func MaxPages(pageBytes int) uint64 {
	return min(maxRefs*uint64(DirectoryRoom(pageBytes))*uint64(MapRoom(pageBytes)), 1<<32-1)
}

// MapOf returns the number of the map page that has the entry of a page, and
// which of its entries that is.
func MapOf(pageBytes int, id uint32) (n, i int) {
	room := uint32(MapRoom(pageBytes))
	return int((id - 1) / room), int((id - 1) % room)
}

// FirstID is the page that the first entry of map page n is about.
func FirstID(pageBytes, n int) uint32 { return uint32(n*MapRoom(pageBytes) + 1) }

// MapPages returns how many map and directory pages a tree with the page ids 1
// to pages has.
func MapPages(pageBytes int, pages uint32) (maps, directories int) {
	return mapPages(pageBytes, pages)
}

func mapPages(pageBytes int, pages uint32) (maps, directories int) {
	maps = up(int(pages), MapRoom(pageBytes))
	return maps, up(maps, DirectoryRoom(pageBytes))
}

func up(n, by int) int { return (n + by - 1) / by }

// EncodeMap makes p map page n: entries is asked for each of MapRoom entries,
// which must be on disk or 0. The page is not sealed yet: see Seal.
func EncodeMap(p []byte, n int, entries func(i int) mapping.Entry) {
	encode(p, page.Map, n, entries)
}

// EncodeDirectory makes p directory page n: maps is asked for the refs of the
// map pages n*DirectoryRoom and on, 0 for those that there are not. The page is
// not sealed yet: see Seal.
func EncodeDirectory(p []byte, n int, maps func(i int) Ref) {
	encode(p, page.Directory, n, maps)
}

func encode(p []byte, k page.Kind, n int, entry func(i int) mapping.Entry) {
	page.Init(p, k, uint32(n)+1)
	rest, count := p[page.HeaderBytes:], 0
	for i := range MapRoom(len(p)) {
		if e := entry(i); e != 0 {
			binary.LittleEndian.PutUint64(rest[i*entryBytes:], uint64(e))
			count++
		}
	}
	page.SetCount(p, count)
}

// Seal puts the checksum into a page that is to be written to a slot, and
// returns the ref to it.
func Seal(p []byte, slot uint64) Ref { return mapping.OnDisk(slot, page.Seal(p, slot)) }

// DecodeMap calls each with the pages of map page n that exist, in order. It
// has entries up to page number pages, and refers to slots below slots only.
// The page was verified; an error that each returns is returned as it is.
func DecodeMap(p []byte, n int, pages uint32, slots uint64, each func(id uint32, e mapping.Entry) error) error {
	first := uint64(n) * uint64(MapRoom(len(p)))
	return decode(p, page.Map, n, max(uint64(pages), first)-first, slots, func(i int, e mapping.Entry) error {
		if e == 0 {
			return nil
		}
		return each(uint32(first)+1+uint32(i), e)
	})
}

// DecodeDirectory calls each with the refs of the map pages of directory page
// n, in order, of a tree that has maps of them. Otherwise it is as DecodeMap.
func DecodeDirectory(p []byte, n, maps int, slots uint64, each func(m int, ref Ref) error) error {
	first := n * DirectoryRoom(len(p))
	return decode(p, page.Directory, n, uint64(max(maps, first)-first), slots, func(i int, ref Ref) error {
		if ref == 0 {
			return fmt.Errorf("there is no map page %d of %d", first+i, maps)
		}
		return each(first+i, ref)
	})
}

var errBehind = errors.New("bytes are set behind the last entry")

// decode calls each with the first want entries, of as many as fit.
func decode(p []byte, k page.Kind, n int, want, slots uint64, each func(i int, e mapping.Entry) error) error {
	switch {
	case page.KindOf(p) != k:
		return fmt.Errorf("kind of the page is %v, want %v", page.KindOf(p), k)
	case page.IDOf(p) != uint32(n)+1:
		return fmt.Errorf("number of the page is %d, want %d", page.IDOf(p)-1, n)
	}
	rest, count := p[page.HeaderBytes:], 0
	have := int(min(want, uint64(MapRoom(len(p)))))
	for i := range have {
		e := mapping.Entry(binary.LittleEndian.Uint64(rest[i*entryBytes:]))
		if e != 0 {
			count++
			if err := checkRef(e, len(p), slots); err != nil {
				return fmt.Errorf("entry %d: %w", i, err)
			}
		}
		if err := each(i, e); err != nil {
			return err
		}
	}
	switch {
	case !zero(rest[have*entryBytes:]):
		return errBehind
	case count != page.Count(p):
		return fmt.Errorf("%d entries are not 0, the header says %d", count, page.Count(p))
	}
	return nil
}
