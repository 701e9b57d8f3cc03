package page

import "hash/crc32"

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checkBits are those of a checksum that a reference to a page has.
const checkBits = 1<<27 - 1

// checksum is that of a page at a slot: of the slot's 8 bytes, little-endian,
// and then of the page. The slot's are taken here, since what is given to
// crc32 is allocated.
func checksum(p []byte, slot uint64) uint32 {
	sum := ^uint32(0)
	for range 8 {
		sum = castagnoli[byte(sum)^byte(slot)] ^ sum>>8
		slot >>= 8
	}
	return crc32.Update(^sum, castagnoli, p[atID:])
}

// Seal writes the checksum of a page that goes to a slot of the file. What it
// returns is kept with the reference to the page: 27 bits of the checksum.
func Seal(p []byte, slot uint64) (check uint32) {
	sum := checksum(p, slot)
	put32(p, atCRC, sum)
	return sum & checkBits
}

// Verify reports a *DamageError, unless p is a page as Seal left it, has the id
// and belongs to the slot and to the reference.
func Verify(p []byte, id ID, slot uint64, check uint32) error {
	if len(p) < HeaderBytes {
		return damage(0, "is %d bytes, the header is %d", len(p), HeaderBytes)
	}
	want, have := checksum(p, slot), get32(p, atCRC)
	switch {
	case want != have:
		return damage(atCRC, "checksum is %#08x, of what is in slot %d it would be %#08x", have, slot, want)
	case have&checkBits != check:
		return damage(atCRC, "checksum ends in %#07x, its reference says %#07x: this is another version", have&checkBits, check)
	case IDOf(p) != id:
		return damage(atID, "is page %d, not %d", IDOf(p), id)
	}
	return nil
}
