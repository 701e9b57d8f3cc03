package goycsb

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// A record is the value that holds the fields of one go-ycsb row. Integers are
// unsigned LEB128 (encoding/binary's Uvarint) in their shortest form.
//
//	record  size     field
//	        1        version      recordVersion
//	        uvarint  count        of fields
//	        then, count times, names strictly ascending bytewise:
//	        uvarint  name length  1 or more
//	        -        name
//	        uvarint  value length
//	        -        value
//
// A set of fields has exactly one encoding, so equal records are equal bytes,
// and nothing follows the last field. The values carry no checksum: to keep
// them is the target's task. Version 0 is invalid, so that zeros are no
// record; a change of the layout takes the next number.
const recordVersion = 1

// errDamaged is what every error of decoding wraps.
var errDamaged = errors.New("damaged record")

// appendHeader begins a record of count fields.
func appendHeader(dst []byte, count int) []byte {
	return binary.AppendUvarint(append(dst, recordVersion), uint64(count))
}

// appendField appends the next field. The caller keeps names ascending.
func appendField(dst []byte, name string, value []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(name)))
	dst = append(dst, name...)
	dst = binary.AppendUvarint(dst, uint64(len(value)))
	return append(dst, value...)
}

// A recordReader takes the fields of a record one by one. What next returns
// aliases the record.
type recordReader struct {
	data []byte // not read yet
	left uint64 // fields
	last []byte // name before; names are never empty
}

// newRecordReader checks the header.
func newRecordReader(record []byte) (recordReader, error) {
	if len(record) == 0 {
		return recordReader{}, fmt.Errorf("%w: it is empty", errDamaged)
	}
	if record[0] != recordVersion {
		return recordReader{}, fmt.Errorf("%w: version %d, want %d", errDamaged, record[0], recordVersion)
	}
	r := recordReader{data: record[1:]}
	count, err := r.uvarint("count")
	r.left = count
	return r, err
}

// next returns the next field. ok is false after the last one, which must end
// the record, and after an error.
func (r *recordReader) next() (name, value []byte, ok bool, err error) {
	if r.left == 0 {
		if len(r.data) > 0 {
			err = fmt.Errorf("%w: %d bytes after the last field", errDamaged, len(r.data))
		}
		return nil, nil, false, err
	}
	r.left--
	if name, err = r.bytes("name"); err != nil {
		return nil, nil, false, err
	}
	// The names are compared as strings: an empty one follows none.
	if string(name) <= string(r.last) {
		return nil, nil, false, fmt.Errorf("%w: name %q after %q", errDamaged, name, r.last)
	}
	r.last = name
	if value, err = r.bytes("value"); err != nil {
		return nil, nil, false, err
	}
	return name, value, true, nil
}

func (r *recordReader) bytes(what string) ([]byte, error) {
	n, err := r.uvarint(what + " length")
	if err != nil {
		return nil, err
	}
	if n > uint64(len(r.data)) {
		return nil, fmt.Errorf("%w: %s of %d bytes, %d are left", errDamaged, what, n, len(r.data))
	}
	b := r.data[:n:n]
	r.data = r.data[n:]
	return b, nil
}

func (r *recordReader) uvarint(what string) (uint64, error) {
	v, n := binary.Uvarint(r.data)
	if n <= 0 {
		return 0, fmt.Errorf("%w: %s is cut off or above 64 bits", errDamaged, what)
	}
	if n > 1 && r.data[n-1] == 0 {
		return 0, fmt.Errorf("%w: %s is not in its shortest form", errDamaged, what)
	}
	r.data = r.data[n:]
	return v, nil
}
