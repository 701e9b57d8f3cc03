package table

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/kvbench/kvbench/lsm/block"
	"github.com/kvbench/kvbench/lsm/compress"
	"github.com/kvbench/kvbench/lsm/filter"
	"github.com/kvbench/kvbench/lsm/ikey"
	"github.com/kvbench/kvbench/lsm/version"
)

// Properties is what a table says of itself: all that a manifest has of it,
// and how it is written.
type Properties struct {
	version.Table

	Blocks    int   // of data
	DataBytes int64 // of them in the file, trailers too
	RawBytes  int64 // of them before compression

	RangeBytes, FilterBytes, IndexBytes int64 // in the file; 0: there is none

	Block       block.Options
	BlockBytes  int // that was aimed at
	Compression compress.Kind
	Filter      filter.Policy
	// FilterPrefix: the filter also has the first so many bytes of the keys
	// that have so many; 0 is none.
	FilterPrefix int
}

// The properties of a table are 200 bytes, then keys and blob files.
//
//	properties  offset  size  field
//	            0       8     blocks       of data
//	            8       8     data         bytes of them, trailers too
//	            16      8     raw          bytes of them before compression
//	            24      16    ranges       extent of the block; zeros are none
//	            40      16    filter       extent of the block; zeros are none
//	            56      16    index        extent of the block
//	            72      8     min seq
//	            80      8     max seq
//	            88      8     entries
//	            96      8     tombstones
//	            104     8     ranges       fragments of range deletes
//	            112     8     key bytes
//	            120     8     value bytes  also of those in blob files
//	            128     8     created      nanoseconds of Unix time, as all times
//	            136     8     tombstone    the oldest; 0 is none
//	            144     8     expiry       the last; 0: some never expire
//	            152     8     expiring     bytes
//	            160     8     bits         per key of the filter: a float64
//	            168     8     block bytes  that were aimed at
//	            176     4     restarts     interval
//	            180     1     layout       of blocks: package block
//	            181     1     compression  package compress
//	            182     1     filter       kind: package filter
//	            183     1     flags        1: largest is exclusive; 2: none
//	            184     4     smallest     length
//	            188     4     largest      length
//	            192     4     blobs        how many
//	            196     4     prefix       bytes of keys that the filter has too
//	            200           smallest, largest
//	                          per blob file: 8 bytes each of number, values, bytes
//
// An extent is an offset and a length, 8 bytes each. Ranges, filter and index
// follow the data in this order, without gaps; the properties follow them.
// Flag 2 is the bound of a range delete that has none.
type propertyHeader [propertyBytes]byte

const (
	propertyBytes = 200
	blobUseBytes  = 24

	flagExclusive = 1
	flagUnbounded = 2
)

func (h *propertyHeader) u64(at int) uint64          { return binary.LittleEndian.Uint64(h[at:]) }
func (h *propertyHeader) blocks() uint64             { return h.u64(0) }
func (h *propertyHeader) data() uint64               { return h.u64(8) }
func (h *propertyHeader) raw() uint64                { return h.u64(16) }
func (h *propertyHeader) ranges() extent             { return extent{h.u64(24), h.u64(32)} }
func (h *propertyHeader) filter() extent             { return extent{h.u64(40), h.u64(48)} }
func (h *propertyHeader) index() extent              { return extent{h.u64(56), h.u64(64)} }
func (h *propertyHeader) minSeq() ikey.Seq           { return ikey.Seq(h.u64(72)) }
func (h *propertyHeader) maxSeq() ikey.Seq           { return ikey.Seq(h.u64(80)) }
func (h *propertyHeader) entries() uint64            { return h.u64(88) }
func (h *propertyHeader) tombstones() uint64         { return h.u64(96) }
func (h *propertyHeader) rangeDeletes() uint64       { return h.u64(104) }
func (h *propertyHeader) keyBytes() uint64           { return h.u64(112) }
func (h *propertyHeader) valueBytes() uint64         { return h.u64(120) }
func (h *propertyHeader) created() int64             { return int64(h.u64(128)) }
func (h *propertyHeader) tombstone() int64           { return int64(h.u64(136)) }
func (h *propertyHeader) expiry() int64              { return int64(h.u64(144)) }
func (h *propertyHeader) expiring() uint64           { return h.u64(152) }
func (h *propertyHeader) bits() float64              { return math.Float64frombits(h.u64(160)) }
func (h *propertyHeader) blockBytes() uint64         { return h.u64(168) }
func (h *propertyHeader) restarts() uint32           { return binary.LittleEndian.Uint32(h[176:]) }
func (h *propertyHeader) layout() block.Layout       { return block.Layout(h[180]) }
func (h *propertyHeader) compression() compress.Kind { return compress.Kind(h[181]) }
func (h *propertyHeader) filterKind() filter.Kind    { return filter.Kind(h[182]) }
func (h *propertyHeader) flags() uint8               { return h[183] }
func (h *propertyHeader) smallest() uint32           { return binary.LittleEndian.Uint32(h[184:]) }
func (h *propertyHeader) largest() uint32            { return binary.LittleEndian.Uint32(h[188:]) }
func (h *propertyHeader) blobs() uint32              { return binary.LittleEndian.Uint32(h[192:]) }
func (h *propertyHeader) prefix() uint32             { return binary.LittleEndian.Uint32(h[196:]) }

// extents is where the blocks behind the data are.
type extents struct {
	ranges, filter, index extent
}

func appendProperties(dst []byte, p *Properties, e extents) []byte {
	var h propertyHeader
	for i, v := range [...]uint64{
		uint64(p.Blocks), uint64(p.DataBytes), uint64(p.RawBytes),
		e.ranges.offset, e.ranges.length, e.filter.offset, e.filter.length, e.index.offset, e.index.length,
		uint64(p.MinSeq), uint64(p.MaxSeq), p.Entries, p.Tombstones, p.RangeDeletes, p.KeyBytes, p.ValueBytes,
		uint64(p.Created), uint64(p.OldestTombstone), uint64(p.LastExpiry), p.ExpiringBytes,
		math.Float64bits(p.Filter.BitsPerKey), uint64(p.BlockBytes),
	} {
		binary.LittleEndian.PutUint64(h[8*i:], v)
	}
	binary.LittleEndian.PutUint32(h[176:], uint32(p.Block.RestartInterval))
	h[180], h[181], h[182] = byte(p.Block.Layout), byte(p.Compression), byte(p.Filter.Kind)
	if p.LargestExclusive {
		h[183] |= flagExclusive
		if p.Largest == nil {
			h[183] |= flagUnbounded
		}
	}
	binary.LittleEndian.PutUint32(h[184:], uint32(len(p.Smallest)))
	binary.LittleEndian.PutUint32(h[188:], uint32(len(p.Largest)))
	binary.LittleEndian.PutUint32(h[192:], uint32(len(p.Blobs)))
	binary.LittleEndian.PutUint32(h[196:], uint32(p.FilterPrefix))
	dst = append(dst, h[:]...)
	dst = append(dst, p.Smallest...)
	dst = append(dst, p.Largest...)
	for _, b := range p.Blobs {
		dst = binary.LittleEndian.AppendUint64(dst, b.File)
		dst = binary.LittleEndian.AppendUint64(dst, b.Values)
		dst = binary.LittleEndian.AppendUint64(dst, b.Bytes)
	}
	return dst
}

// readProperties reads the content of a properties block at an offset. ID and
// Bytes are left to the caller. Nothing of p is kept.
func readProperties(p []byte, at uint64) (Properties, extents, error) {
	if len(p) < propertyBytes {
		return Properties{}, extents{}, fmt.Errorf("properties of %d bytes, want at least %d", len(p), propertyBytes)
	}
	h := (*propertyHeader)(p)
	e := extents{h.ranges(), h.filter(), h.index()}
	x := Properties{
		Table: version.Table{
			LargestExclusive: h.flags()&flagExclusive != 0,
			MinSeq:           h.minSeq(), MaxSeq: h.maxSeq(),
			Entries: h.entries(), Tombstones: h.tombstones(), RangeDeletes: h.rangeDeletes(),
			KeyBytes: h.keyBytes(), ValueBytes: h.valueBytes(),
			Created: h.created(), OldestTombstone: h.tombstone(),
			LastExpiry: h.expiry(), ExpiringBytes: h.expiring(),
		},
		Blocks: int(h.blocks()), DataBytes: int64(h.data()), RawBytes: int64(h.raw()),
		RangeBytes: int64(e.ranges.length), FilterBytes: int64(e.filter.length), IndexBytes: int64(e.index.length),
		Block:      block.Options{Layout: h.layout(), RestartInterval: int(h.restarts())},
		BlockBytes: int(h.blockBytes()), Compression: h.compression(),
		Filter:       filter.Policy{Kind: h.filterKind(), BitsPerKey: h.bits()},
		FilterPrefix: int(h.prefix()),
	}
	rest := p[propertyBytes:]
	want := uint64(h.smallest()) + uint64(h.largest()) + blobUseBytes*uint64(h.blobs())
	if want != uint64(len(rest)) {
		return x, e, fmt.Errorf("keys and blob files take %d bytes, and %d are there", want, len(rest))
	}
	keys := append([]byte(nil), rest[:h.smallest()+h.largest()]...)
	x.Smallest, x.Largest = keys[:h.smallest():h.smallest()], keys[h.smallest():]
	if h.flags()&flagUnbounded != 0 {
		x.Largest = nil
	}
	rest = rest[len(keys):]
	for range h.blobs() {
		x.Blobs = append(x.Blobs, version.BlobUse{
			File:   binary.LittleEndian.Uint64(rest),
			Values: binary.LittleEndian.Uint64(rest[8:]),
			Bytes:  binary.LittleEndian.Uint64(rest[16:]),
		})
		rest = rest[blobUseBytes:]
	}
	return x, e, e.check(h.data(), at)
}

// check fails unless the blocks follow each other from the end of the data to
// the properties.
func (e *extents) check(data, properties uint64) error {
	end := data
	for _, x := range [...]struct {
		name     string
		extent   extent
		optional bool
	}{
		{"range deletes", e.ranges, true},
		{"filter", e.filter, true},
		{"index", e.index, false},
	} {
		if x.optional && x.extent == (extent{}) {
			continue
		}
		if x.extent.offset != end || x.extent.length <= trailerBytes || x.extent.length > properties-min(properties, end) {
			return fmt.Errorf("block of %s at %d, %d bytes, want it at %d and before %d", x.name, x.extent.offset, x.extent.length, end, properties)
		}
		end = x.extent.end()
	}
	if end != properties {
		return fmt.Errorf("blocks end at %d, want %d", end, properties)
	}
	return nil
}
