package trace

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
)

// parseYCSB reads what YCSB's BasicDB (site.ycsb.BasicDB, and basic of
// go-ycsb) prints instead of doing it:
//
//	READ usertable user123 [ <all fields>]
//	SCAN usertable user123 50 [ <all fields>]
//	INSERT usertable user123 [ field0=... ]
//	UPDATE usertable user123 [ field3=... ]
//	DELETE usertable user123
//
// An update is taken for a write of its key; its size is that of the fields
// that were given. Other lines (properties, the report at the end) are no
// operations.
func parseYCSB(line []byte, op *Op) (bool, error) {
	verb, rest := word(line)
	switch string(verb) {
	case "READ":
		op.Kind = Get
	case "SCAN":
		op.Kind = Scan
	case "INSERT", "UPDATE":
		op.Kind = Put
	case "DELETE":
		op.Kind = Delete
	default:
		return false, nil
	}
	table, rest := word(rest)
	key, rest := word(rest)
	if len(table) == 0 || len(key) == 0 {
		return false, fmt.Errorf("%s needs a table and a key", verb)
	}
	op.Key = key
	if op.Kind == Scan {
		count, tail := word(rest)
		n, err := strconv.ParseUint(string(count), 10, 31)
		if err != nil || n == 0 {
			return false, fmt.Errorf("SCAN needs a number of records, not %q", count)
		}
		op.N, rest = int(n), tail
	}
	if op.Kind == Delete {
		return true, nil
	}
	fields, ok := bytes.CutPrefix(bytes.TrimSpace(rest), []byte("["))
	if fields, ok2 := bytes.CutSuffix(fields, []byte("]")); ok && ok2 {
		if op.Kind == Put {
			op.Size = fieldBytes(fields)
		}
		return true, nil
	}
	return false, errors.New("the fields in brackets are missing or cut off")
}

// fieldBytes adds up the values of "name=value name=value". Values may hold
// spaces and equals signs; a name is fieldN and follows a space.
func fieldBytes(fields []byte) (total int) {
	for len(fields) > 0 {
		_, value, ok := bytes.Cut(fields, []byte("="))
		if !ok {
			break
		}
		next := nextField(value)
		total += len(bytes.TrimSuffix(value[:next], []byte(" ")))
		fields = value[next:]
	}
	return total
}

// nextField returns where the next " fieldN=" has its name, or the end.
func nextField(value []byte) int {
	for from := 0; ; {
		i := bytes.Index(value[from:], []byte(" field"))
		if i < 0 {
			return len(value)
		}
		at := from + i + len(" field")
		digits := at
		for digits < len(value) && value[digits] >= '0' && value[digits] <= '9' {
			digits++
		}
		if digits > at && digits < len(value) && value[digits] == '=' {
			return from + i + 1
		}
		from = at
	}
}
