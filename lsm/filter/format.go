package filter

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// A filter is a body and a footer. Integers are little-endian. There is no
// checksum: that is for whoever stores it. No bytes at all are the filter None.
//
//	body    bloom    words of 8 bytes, at least 1; bit i is bit i%8 of byte i/8
//	        blocked  blocks of 64 bytes, at least 1, bits likewise
//	        fuse8    cells of 1 byte: (segments+2) << shift of them
//	        fuse16   cells of 2 bytes, likewise
//
//	footer  offset  size  field
//	        0       8     seed      fuse: added to hashes; else 0
//	        8       4     segments  fuse: that a first cell may be in, at least 1;
//	                                else 0
//	        12      1     shift     fuse: log2 of the cells in a segment; else 0
//	        13      1     probes    bloom 1 to 28, blocked 1 to 14: bits per key;
//	                                else 0
//	        14      1     kind
//	        15      1     version   1
//
// The footer is at the end so that blocks are cache lines where the filter
// begins with one. A format change is a new version and new golden files.
const (
	footerBytes   = 16
	blockBytes    = 64
	formatVersion = 1

	maxShift = 18 // the library's largest segment
)

// footer is the last 16 bytes.
type footer [footerBytes]byte

func (f *footer) seed() uint64     { return binary.LittleEndian.Uint64(f[0:]) }
func (f *footer) segments() uint32 { return binary.LittleEndian.Uint32(f[8:]) }
func (f *footer) shift() uint8     { return f[12] }
func (f *footer) probes() uint8    { return f[13] }
func (f *footer) kind() Kind       { return Kind(f[14]) }
func (f *footer) version() uint8   { return f[15] }

func appendFooter(dst []byte, kind Kind, seed uint64, segments uint32, shift, probes uint8) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, seed)
	dst = binary.LittleEndian.AppendUint32(dst, segments)
	return append(dst, shift, probes, byte(kind), formatVersion)
}

// Open is the filter that data, which Finish made, holds. The filter points
// into data, which must stay as it is; a Blocked filter has one cache miss per
// question if data begins at a multiple of 64 bytes.
//
// Bytes that are no filter are an error. Those that are pass, though they may
// be wrong: Open only sees to it that MayContain finds its way.
func Open(data []byte) (Filter, error) {
	if len(data) == 0 {
		return Filter{}, nil
	}
	if len(data) < footerBytes {
		return Filter{}, fmt.Errorf("filter has %d bytes, its footer alone %d", len(data), footerBytes)
	}
	n := len(data) - footerBytes
	f, body := (*footer)(data[n:]), data[:n:n]
	if f.version() != formatVersion {
		return Filter{}, fmt.Errorf("filter has version %d, this build knows %d", f.version(), formatVersion)
	}
	switch f.kind() {
	case Bloom:
		return f.openBits(body, 8, 8*uint64(n), maxProbes)
	case Blocked:
		return f.openBits(body, blockBytes, uint64(n/blockBytes), maxBlockedProbes)
	case Fuse8:
		return f.openFuse(body, uint64(n))
	case Fuse16:
		if n%2 != 0 {
			return Filter{}, errors.New("half a cell is in the filter")
		}
		return f.openFuse(body, uint64(n/2))
	}
	return Filter{}, fmt.Errorf("filter has %v, which cannot be stored", f.kind())
}

func (f *footer) openBits(body []byte, unit int, size uint64, probes uint8) (Filter, error) {
	switch {
	case len(body) == 0 || len(body)%unit != 0:
		return Filter{}, fmt.Errorf("%v filter of %d bytes, want a multiple of %d", f.kind(), len(body), unit)
	case f.probes() == 0 || f.probes() > probes:
		return Filter{}, fmt.Errorf("%v filter has %d probes, want 1 to %d", f.kind(), f.probes(), probes)
	case f.seed() != 0 || f.segments() != 0 || f.shift() != 0:
		return Filter{}, fmt.Errorf("%v filter has a seed or segments", f.kind())
	}
	return Filter{body: body, size: size, kind: f.kind(), probes: f.probes()}, nil
}

func (f *footer) openFuse(body []byte, cells uint64) (Filter, error) {
	switch {
	case f.shift() > maxShift:
		return Filter{}, fmt.Errorf("segments of 2^%d cells, at most 2^%d", f.shift(), maxShift)
	case f.segments() == 0 || (uint64(f.segments())+2)<<f.shift() != cells:
		return Filter{}, fmt.Errorf("%d+2 segments of 2^%d cells are not %d", f.segments(), f.shift(), cells)
	case cells > 1<<32:
		return Filter{}, fmt.Errorf("%d cells, more than numbers of 32 bits tell apart", cells)
	case f.probes() != 0:
		return Filter{}, fmt.Errorf("%v filter has %d probes", f.kind(), f.probes())
	}
	return Filter{
		body: body, size: uint64(f.segments()) << f.shift(),
		seed: f.seed(), segment: 1 << f.shift(), kind: f.kind(),
	}, nil
}
