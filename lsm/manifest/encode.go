package manifest

import (
	"encoding/binary"

	"github.com/kvbench/kvbench/lsm/version"
)

// An edit is fields, each a tag of one byte and what belongs to it, by rising
// tag. A u is an unsigned varint, an s a signed one (zigzag), both as
// encoding/binary has them and in the shortest form; a b is a u, and so many
// bytes. What is 0 or empty is left out as a whole. So of one edit there is one
// encoding.
//
//	tag  field    what follows; any number of those marked *
//	1    deleted* u level, u id
//	2    added*   u level, u run, table
//	3    blob*    u id, u bytes, u bytes of values
//	4    logfrom  u LSN
//	5    through  u LSN
//	6    lastseq  u
//	7    nextid   u
//	8    nextrun  u
//	9    note     b
//
//	table    u id, u bytes, flags 1 byte (bit 0: largest exclusive),
//	         b smallest, b largest, u lowest seq, u highest seq - lowest,
//	         u entries, u tombstones, u range deletes, u key bytes,
//	         u value bytes, s created, s oldest tombstone, s last expiry,
//	         u expiring bytes, u n, n times (u file, u values, u bytes)
//
// Tags that are not known are damage: who does not know what a field means
// cannot know what it may ignore.
const (
	tagDeleted = 1
	tagAdded   = 2
	tagBlob    = 3
	tagLogFrom = 4
	tagThrough = 5
	tagLastSeq = 6
	tagNextID  = 7
	tagNextRun = 8
	tagNote    = 9

	flagExclusive = 1 << 0
)

// appendEdit appends the fields of an edit that State.Apply accepts.
func appendEdit(p []byte, e *version.Edit) []byte {
	for _, d := range e.Deleted {
		p = appendUvarints(append(p, tagDeleted), uint64(d.Level), d.ID)
	}
	for _, a := range e.Added {
		p = appendUvarints(append(p, tagAdded), uint64(a.Level), a.Run)
		p = appendTable(p, a.Table)
	}
	for _, b := range e.AddedBlobs {
		p = appendUvarints(append(p, tagBlob), b.ID, uint64(b.Bytes), b.ValueBytes)
	}
	for _, f := range []struct {
		tag   byte
		value uint64
	}{
		{tagLogFrom, uint64(e.LogFrom)},
		{tagThrough, uint64(e.Through)},
		{tagLastSeq, uint64(e.LastSeq)},
		{tagNextID, e.NextID},
		{tagNextRun, e.NextRun},
	} {
		if f.value != 0 {
			p = appendUvarints(append(p, f.tag), f.value)
		}
	}
	if e.Note != "" {
		p = appendBytes(append(p, tagNote), []byte(e.Note))
	}
	return p
}

func appendTable(p []byte, t *version.Table) []byte {
	p = appendUvarints(p, t.ID, uint64(t.Bytes))
	flags := byte(0)
	if t.LargestExclusive {
		flags |= flagExclusive
	}
	p = append(p, flags)
	p = appendBytes(p, t.Smallest)
	p = appendBytes(p, t.Largest)
	p = appendUvarints(p, uint64(t.MinSeq), uint64(t.MaxSeq-t.MinSeq),
		t.Entries, t.Tombstones, t.RangeDeletes, t.KeyBytes, t.ValueBytes)
	p = binary.AppendVarint(p, t.Created)
	p = binary.AppendVarint(p, t.OldestTombstone)
	p = binary.AppendVarint(p, t.LastExpiry)
	p = appendUvarints(p, t.ExpiringBytes, uint64(len(t.Blobs)))
	for _, use := range t.Blobs {
		p = appendUvarints(p, use.File, use.Values, use.Bytes)
	}
	return p
}

func appendUvarints(p []byte, all ...uint64) []byte {
	for _, x := range all {
		p = binary.AppendUvarint(p, x)
	}
	return p
}

func appendBytes(p, b []byte) []byte {
	return append(binary.AppendUvarint(p, uint64(len(b))), b...)
}
