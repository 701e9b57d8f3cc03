package manifest

import (
	"encoding/binary"
	"fmt"

	"github.com/kvbench/kvbench/engine/wal"
)

// encode appends the fields of an edit.
func (e *Edit) encode(p []byte) []byte {
	if e.Seed != 0 {
		p = binary.LittleEndian.AppendUint64(append(p, fieldSeed), e.Seed)
	}
	for _, n := range e.Drop {
		p = binary.LittleEndian.AppendUint16(append(p, fieldDrop), n)
	}
	for _, s := range e.Add {
		p = s.encode(append(p, fieldAdd))
	}
	for _, s := range e.Change {
		p = s.encode(append(p, fieldChange))
	}
	if e.From != 0 {
		p = binary.LittleEndian.AppendUint64(append(p, fieldFrom), uint64(e.From))
	}
	if e.ColdFrom != 0 {
		p = binary.LittleEndian.AppendUint64(append(p, fieldColdFrom), uint64(e.ColdFrom))
	}
	if e.Through != 0 || e.ColdThrough != 0 {
		p = binary.LittleEndian.AppendUint64(append(p, fieldThrough), uint64(e.Through))
		p = binary.LittleEndian.AppendUint64(p, uint64(e.ColdThrough))
	}
	if e.Snapshot != nil {
		p = binary.LittleEndian.AppendUint64(append(p, fieldSnapshot), uint64(e.Snapshot.Covers))
		p = binary.LittleEndian.AppendUint64(p, uint64(e.Snapshot.ColdCovers))
		p = binary.LittleEndian.AppendUint64(p, uint64(e.Snapshot.Through))
		p = binary.LittleEndian.AppendUint64(p, uint64(e.Snapshot.ColdThrough))
		p = append(append(p, uint8(len(e.Snapshot.Name))), e.Snapshot.Name...)
	}
	return p
}

func (s Segment) encode(p []byte) []byte {
	p = binary.LittleEndian.AppendUint16(p, s.Number)
	hinted := uint8(0)
	if s.Hinted {
		hinted = 1
	}
	p = append(p, uint8(s.Log), hinted)
	p = binary.LittleEndian.AppendUint32(p, s.ID)
	p = binary.LittleEndian.AppendUint64(p, uint64(s.Bytes))
	p = binary.LittleEndian.AppendUint64(p, uint64(s.Frames))
	p = binary.LittleEndian.AppendUint64(p, uint64(s.Live))
	p = binary.LittleEndian.AppendUint64(p, uint64(s.Expiring))
	p = binary.LittleEndian.AppendUint64(p, uint64(s.Expires))
	p = binary.LittleEndian.AppendUint64(p, s.Lowest)
	p = binary.LittleEndian.AppendUint64(p, s.Highest)
	return binary.LittleEndian.AppendUint64(p, s.Ops)
}

// decodeEdit is the inverse of encode. It checks the form only.
func decodeEdit(p []byte) (Edit, error) {
	var e Edit
	for len(p) > 0 {
		var body []byte
		tag := p[0]
		size := fieldBytes(tag)
		if size == 0 {
			return e, fmt.Errorf("field of unknown kind %d", tag)
		}
		if tag == fieldSnapshot && len(p) > size {
			size += int(p[size])
		}
		if len(p) < 1+size {
			return e, fmt.Errorf("field of kind %d has %d bytes, want %d", tag, len(p)-1, size)
		}
		body, p = p[1:][:size], p[1+size:]
		if err := e.decodeField(tag, body); err != nil {
			return e, err
		}
	}
	return e, nil
}

// fieldBytes is how many bytes follow a tag, but for the name of a snapshot; 0
// if there is no such field.
func fieldBytes(tag uint8) int {
	switch tag {
	case fieldSeed, fieldFrom, fieldColdFrom:
		return 8
	case fieldAdd, fieldChange:
		return segmentBytes
	case fieldDrop:
		return 2
	case fieldSnapshot:
		return snapshotBytes
	case fieldThrough:
		return throughBytes
	}
	return 0
}

func (e *Edit) decodeField(tag uint8, body []byte) error {
	switch tag {
	case fieldSeed:
		e.Seed = binary.LittleEndian.Uint64(body)
	case fieldDrop:
		e.Drop = append(e.Drop, binary.LittleEndian.Uint16(body))
	case fieldFrom:
		e.From = wal.LSN(binary.LittleEndian.Uint64(body))
	case fieldColdFrom:
		e.ColdFrom = wal.LSN(binary.LittleEndian.Uint64(body))
	case fieldThrough:
		e.Through = wal.LSN(binary.LittleEndian.Uint64(body))
		e.ColdThrough = wal.LSN(binary.LittleEndian.Uint64(body[8:]))
	case fieldSnapshot:
		f := (*snapshotField)(body)
		e.Snapshot = &Snapshot{
			Name:   string(body[snapshotBytes:]),
			Covers: wal.LSN(f.covers()), ColdCovers: wal.LSN(f.coldCovers()),
			Through: wal.LSN(f.through()), ColdThrough: wal.LSN(f.coldThrough()),
		}
	case fieldAdd, fieldChange:
		f := (*segmentField)(body)
		if f.hinted() > 1 {
			return fmt.Errorf("segment %d: hinted is %d", f.number(), f.hinted())
		}
		s := Segment{
			Number: f.number(), Log: Log(f.log()), ID: f.id(), Hinted: f.hinted() == 1,
			Bytes: int64(f.bytes()), Frames: int64(f.frames()), Live: int64(f.live()),
			Expiring: int64(f.expiring()), Expires: int64(f.expires()),
			Lowest: f.lowest(), Highest: f.highest(), Ops: f.ops(),
		}
		if tag == fieldAdd {
			e.Add = append(e.Add, s)
		} else {
			e.Change = append(e.Change, s)
		}
	}
	return nil
}
