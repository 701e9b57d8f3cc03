package trace

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"time"
)

// Types of operations in RocksDB's traces.
const (
	rocksGet = iota
	rocksPut
	rocksDelete
	rocksSingleDelete
	rocksRangeDelete
	rocksMerge
	rocksSeek
	rocksSeekForPrev
	rocksMultiGet
)

// newRocksDB reads what RocksDB's trace_analyzer writes with
// -convert_to_human_readable_trace, one key a line:
//
//	0x<key in hexadecimal> <type> <column family> <value size> <microseconds>
//
// Keys of other column families than 0 get "<family>:" in front. Merges are
// taken for writes and the keys of a multi-get for reads; iterators have no
// length in these traces, so scans get the given one. The end of a range
// delete is not in them either.
func newRocksDB(o ImportOptions) parser {
	var first int64 = -1
	var key []byte
	return func(line []byte, op *Op) (bool, error) {
		if len(line) == 0 {
			return false, nil
		}
		text, rest := word(line)
		if len(text) < 2 || text[0] != '0' || (text[1] != 'x' && text[1] != 'X') {
			return false, fmt.Errorf("the key %q is no hexadecimal number such as 0x6b6579 (was the trace converted with -no_key?)", text)
		}
		var numbers [4]uint64 // type, family, size, time
		for i := range numbers {
			var field []byte
			field, rest = word(rest)
			n, err := strconv.ParseUint(string(field), 10, 63)
			if err != nil {
				return false, fmt.Errorf("column %d is %q, want a number (key, type, column family, value size, time in us)", i+2, field)
			}
			numbers[i] = n
		}
		if extra, _ := word(rest); len(extra) > 0 {
			return false, fmt.Errorf("%q after the five columns", extra)
		}
		key = key[:0]
		if numbers[1] != 0 {
			key = append(strconv.AppendUint(key, numbers[1], 10), ':')
		}
		var err error
		if key, err = hex.AppendDecode(key, text[2:]); err != nil {
			return false, fmt.Errorf("the key %s: %w", shortened(text), err)
		}
		if op.Key = key; numbers[2] > 1<<30 {
			return false, fmt.Errorf("a value of %d bytes", numbers[2])
		}
		at := int64(numbers[3])
		if first < 0 {
			first = at
		}
		op.Time = time.Duration(at-first) * time.Microsecond
		return true, rocksKind(op, numbers[0], int(numbers[2]), o.ScanLength)
	}
}

func rocksKind(op *Op, kind uint64, size, scan int) error {
	switch kind {
	case rocksGet, rocksMultiGet:
		op.Kind = Get
	case rocksPut, rocksMerge:
		op.Kind, op.Size = Put, size
	case rocksDelete, rocksSingleDelete:
		op.Kind = Delete
	case rocksSeek:
		op.Kind, op.N = Scan, scan
	case rocksSeekForPrev:
		op.Kind, op.N = ReverseScan, scan
	case rocksRangeDelete:
		return fmt.Errorf("a range delete (type %d), whose end is not in such traces", kind)
	default:
		return fmt.Errorf("unknown type %d, want 0 to %d", kind, rocksMultiGet)
	}
	return nil
}
