package trace

import (
	"fmt"
	"time"
)

// Kind is what an operation did.
type Kind uint8

const (
	Get Kind = iota
	Put
	Delete
	// Scan read forward from the first key >= Key: N records, or up to Upper.
	Scan
	// ReverseScan read backward from the last key <= Key.
	ReverseScan
	// DeleteRange removed the keys in [Key, Upper).
	DeleteRange

	numKinds
)

var kindNames = [numKinds]string{"get", "put", "delete", "scan", "reverse-scan", "delete-range"}

// String returns the name of the kind.
func (k Kind) String() string {
	if k < numKinds {
		return kindNames[k]
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// Result is what a read found.
type Result uint8

const (
	Unknown Result = iota
	Found
	Absent
)

// Op is one operation. Its slices belong to whoever filled it in: a Writer
// copies them, and those of a Reader are valid until its next call.
type Op struct {
	Time time.Duration // of its beginning, since that of the trace
	Kind Kind
	Key  []byte
	// Upper is the end of a DeleteRange or of a Scan by bounds; nil is none.
	Upper []byte
	// Size is the size of the value that was written or found; -1 is unknown.
	Size int
	// N is the number of records that a scan was to read or did read; 0 is
	// not known.
	N int
	// Result is what a Get found.
	Result Result
	// More is set when the next operation belongs to the same call: a batch
	// of writes, or a multi-get.
	More bool
}
