package trace

import (
	"bytes"
	"fmt"
	"strconv"
	"time"
)

// newTwitter reads Twitter's cache traces (Yang, Yue and Rashmi, "A large
// scale analysis of hundreds of in-memory cache clusters at Twitter", OSDI
// 2020), decompressed:
//
//	timestamp in s,key,key size,value size,client,operation,TTL
//
// Keys are as anonymized, which may be another length than the key size, and
// may hold commas. What reads found shows in the value size, which is 0 for a
// miss. incr, decr, append, prepend, cas, add and replace are taken for
// writes. Times have whole seconds, so operations of one second are at one
// time.
func newTwitter(ImportOptions) parser {
	first := int64(-1)
	return func(line []byte, op *Op) (bool, error) {
		if len(line) == 0 {
			return false, nil
		}
		ts, rest, ok := bytes.Cut(line, []byte(","))
		parts := bytes.Split(rest, []byte(","))
		if n := len(parts); !ok || n < 6 {
			return false, fmt.Errorf("%d columns, want 7: timestamp,key,key size,value size,client,operation,TTL", n+1)
		}
		tail := parts[len(parts)-5:]
		op.Key = rest[:len(rest)-len(bytes.Join(tail, []byte(",")))-1]
		at, err := strconv.ParseInt(string(ts), 10, 40)
		if err != nil || at < 0 {
			return false, fmt.Errorf("timestamp %q is no number of seconds", ts)
		}
		if _, err := strconv.ParseUint(string(tail[0]), 10, 31); err != nil {
			return false, fmt.Errorf("key size %q is no number", tail[0])
		}
		size, err := strconv.ParseUint(string(tail[1]), 10, 30)
		if err != nil {
			return false, fmt.Errorf("value size %q is no number", tail[1])
		}
		if first < 0 {
			first = at
		}
		op.Time = time.Duration(at-first) * time.Second
		return true, twitterKind(op, string(tail[3]), int(size))
	}
}

func twitterKind(op *Op, verb string, size int) error {
	switch verb {
	case "get", "gets":
		op.Kind, op.Result = Get, Absent
		if size > 0 {
			op.Result, op.Size = Found, size
		}
	case "set", "add", "replace", "cas", "append", "prepend", "incr", "decr":
		op.Kind, op.Size = Put, size
	case "delete":
		op.Kind = Delete
	default:
		return fmt.Errorf("unknown operation %q, want get, gets, set, add, replace, cas, append, prepend, delete, incr or decr", verb)
	}
	return nil
}
