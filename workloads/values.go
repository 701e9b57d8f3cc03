package workloads

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/kvbench/kvbench/workloads/dist"
)

// Limits of values in bytes.
const (
	maxFields     = 1 << 12
	maxValueBytes = 64 << 20
)

// quantiles is the size of the table from which varying sizes are drawn, so
// that a draw in the timed path costs a load and no power or logarithm.
const quantiles = 1 << 14

// Values makes the values of one worker and verifies those of all. Each value
// carries a stamp (see stamp.go) and bytes of a pool that is the same for
// every worker with the same spec and pool seed. It is not safe for concurrent
// use. No method allocates except to report a damaged value.
type Values struct {
	pool []byte // as made; what values are verified against
	work []byte // a copy in which the latest value is stamped
	rand dist.Rand
	seed uint64

	version uint64
	fields  int // stamped values in a record
	size    int // of each, if constant, else 0
	least   int // of each
	most    int
	framed  bool
	lengths []uint32 // quantiles of the size of a field, if it varies
	parts   int      // field lengths in a stamped value

	saved  stamp  // the pool's bytes that the last single value's stamp replaced
	at     uint64 // where
	stamps []span // what the last record of several fields stamped
	turn   uint64
}

// span is a part of the pool.
type span struct{ at, n uint32 }

// NewValues returns the values of a worker below 1<<16. The pool seed must be
// the same wherever values of one store are made or verified; a worker id that
// differs between phases keeps versions apart.
func (s *Spec) NewValues(poolSeed uint64, worker int) (*Values, error) {
	if worker < 0 || worker >= 1<<16 {
		return nil, fmt.Errorf("new values: worker %d is not in 0..65535", worker)
	}
	v := &Values{seed: poolSeed, fields: 1, parts: s.Values.FieldCount}
	fl := s.Values.FieldLength
	if s.UpdateMode == UpdateField {
		v.fields, v.parts = s.Values.FieldCount, 1
	}
	v.least, v.most = int(fl.Min)*v.parts, int(fl.Max)*v.parts
	v.size = v.most
	if !fl.IsConstant() {
		v.size, v.framed = 0, v.fields > 1
		v.lengths = make([]uint32, quantiles)
		q := fl.Quantile()
		for i := range v.lengths {
			v.lengths[i] = uint32(q.At((float64(i) + 0.5) / quantiles))
		}
	}
	// A stamp at the last offset fits whatever the size of the value.
	v.pool = newPool(poolSeed, poolBytes+max(s.MaxValue(), stampSize), s.Values.Compress)
	v.own(worker)
	return v, nil
}

// own gives v the state that belongs to one worker.
func (v *Values) own(worker int) {
	v.rand = dist.NewRand(dist.Derive(v.seed, uint64(worker), streamValues))
	v.version = uint64(worker) << 48
	v.stamps = make([]span, 0, v.fields)
	v.work = bytes.Clone(v.pool)
	v.saved, v.at, v.turn = readStamp(v.work), 0, 0
}

// Worker returns the values of another worker: what NewValues would, but for
// the memory, half of which is shared with v. The two may be used at once.
func (v *Values) Worker(worker int) (*Values, error) {
	if worker < 0 || worker >= 1<<16 {
		return nil, fmt.Errorf("values: worker %d is not in 0..65535", worker)
	}
	other := *v
	other.own(worker)
	return &other, nil
}

// MaxValue returns the size of the largest value in bytes.
func (s *Spec) MaxValue() int {
	n := s.Values.FieldCount * int(s.Values.FieldLength.Max)
	if s.framed() {
		n += s.Values.FieldCount * frameSize
	}
	return n
}

// MeanValue returns the expected size of a value in bytes.
func (s *Spec) MeanValue() float64 {
	n := float64(s.Values.FieldCount) * s.Values.FieldLength.Mean()
	if s.framed() {
		n += float64(s.Values.FieldCount * frameSize)
	}
	return n
}

// framed reports whether records consist of frames.
func (s *Spec) framed() bool {
	return s.UpdateMode == UpdateField && s.Values.FieldCount > 1 && !s.Values.FieldLength.IsConstant()
}

// Next returns a fresh whole value for the key of number. It is valid until
// the next call of Next.
func (v *Values) Next(number uint64) []byte {
	if v.fields > 1 {
		return v.nextRecord(number)
	}
	v.saved.put(v.work[v.at:])
	n := uint64(v.size)
	if n == 0 {
		n = v.total()
	}
	v.version++
	at := v.offset()
	v.at, v.saved = at, loadStamp(v.work[at:])
	b := v.work[at : at+n : at+n]
	s := stamp{number: number, length: uint32(n), offset: uint32(at), version: v.version}
	s.put(b)
	return b
}

// offset draws where in the pool a value begins.
func (v *Values) offset() uint64 { return v.rand.Uint64() % poolBytes }

// total draws the size of a single value of varying size.
func (v *Values) total() uint64 {
	n := uint64(0)
	for range v.parts {
		n += uint64(v.lengths[v.rand.Uint64()%quantiles])
	}
	return n
}

// nextRecord is Next for several stamped fields.
func (v *Values) nextRecord(number uint64) []byte {
	for _, s := range v.stamps {
		copy(v.work[s.at:s.at+s.n], v.pool[s.at:])
	}
	v.stamps = v.stamps[:0]
	v.version++
	start := uint32(v.offset())
	at := start
	for range v.fields {
		n := uint32(v.size)
		if v.framed {
			n = v.lengths[v.rand.Uint64()%quantiles]
			binary.LittleEndian.PutUint32(v.work[at:], n)
			v.stamps = append(v.stamps, span{at, frameSize})
			at += frameSize
		}
		s := stamp{number: number, length: n, offset: at, version: v.version}
		s.put(v.work[at : at+n])
		v.stamps = append(v.stamps, span{at, min(n, stampSize)})
		at += n
	}
	return v.work[start:at:at]
}

// SetField overwrites one field of a record in place with a fresh one of the
// same length. The record belongs to the caller; only its framing is checked.
func (v *Values) SetField(number uint64, record []byte, field int) error {
	if field < 0 || field >= v.fields {
		return fmt.Errorf("set field %d of key number %d: the record has %d fields", field, number, v.fields)
	}
	b, err := v.field(number, record, field)
	if err != nil {
		return err
	}
	v.version++
	at := v.offset()
	copy(b, v.pool[at:])
	s := stamp{number: number, length: uint32(len(b)), offset: uint32(at), version: v.version}
	s.put(b)
	return nil
}

// field returns the part of a record that holds a field.
func (v *Values) field(number uint64, record []byte, field int) ([]byte, error) {
	if v.framed {
		rest := record
		for i := 0; ; i++ {
			b, after, err := v.frame(number, rest, i)
			if err != nil || i == field {
				return b, err
			}
			rest = after
		}
	}
	size := v.size
	if v.fields == 1 {
		size = len(record)
	}
	if len(record) != size*v.fields || len(record) == 0 {
		return nil, &ValueError{Number: number, Field: field, What: "size", Got: uint64(len(record)), Want: uint64(v.size * v.fields)}
	}
	return record[field*size:][:size], nil
}

// frame splits the first field off framed bytes; field is its index.
func (v *Values) frame(number uint64, b []byte, field int) (body, rest []byte, err error) {
	if len(b) < frameSize {
		return nil, nil, &ValueError{Number: number, Field: field, What: "frame", Got: uint64(len(b)), Want: frameSize}
	}
	n := binary.LittleEndian.Uint32(b)
	b = b[frameSize:]
	if uint64(n) > uint64(len(b)) || n == 0 {
		return nil, nil, &ValueError{Number: number, Field: field, What: "frame length", Got: uint64(n), Want: uint64(len(b))}
	}
	return b[:n], b[n:], nil
}
