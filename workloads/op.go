package workloads

import (
	"encoding/json"
	"fmt"
	"math"
)

// Kind is what an operation does.
type Kind uint8

const (
	// Read gets the value of an existing key.
	Read Kind = iota
	// Update writes to an existing key as Spec.UpdateMode says.
	Update
	// Insert writes the next new key, whose number comes from a Sequence.
	Insert
	// Scan reads Len records forward from an existing key, which is the first.
	Scan
	// ReadModifyWrite reads an existing key and then does an Update of it. It
	// counts as one operation.
	ReadModifyWrite
	// Delete removes a key of the request range.
	Delete
	// ReadAbsent gets a key that no insert produces.
	ReadAbsent
	// ReverseScan reads Len records backward from an existing key.
	ReverseScan
	// DeleteRange removes the keys of the numbers [n, n+Len).
	DeleteRange
	// Put writes a whole value to a key of the request range, whether it
	// exists or not, and reads nothing.
	Put
	// NumKinds is the number of kinds.
	NumKinds
)

var kindNames = [NumKinds]string{
	"read", "update", "insert", "scan", "read-modify-write", "delete",
	"read-absent", "reverse-scan", "delete-range", "put",
}

// String returns the name that results use.
func (k Kind) String() string {
	if k < NumKinds {
		return kindNames[k]
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// hasLen reports whether operations of this kind carry a length.
func (k Kind) hasLen() bool { return k == Scan || k == ReverseScan || k == DeleteRange }

// Op is one pre-drawn operation in 8 bytes.
//
//	bits 63..60  kind
//	bits 59..44  length of a scan, width of a range delete
//	bits 43..0   key number, or the distance behind the newest record
//
// What the number means depends on the distribution; [Generator.Resolve]
// turns it into a key number.
type Op uint64

const (
	numberBits = 44
	lenBits    = 16
	// maxNumber is the largest key number, maxLen the longest scan.
	maxNumber = 1<<numberBits - 1
	maxLen    = 1<<lenBits - 1
)

func makeOp(k Kind, length, number uint64) Op {
	return Op(uint64(k)<<(numberBits+lenBits) | length<<numberBits | number)
}

// Kind returns what the operation does.
func (o Op) Kind() Kind { return Kind(o >> (numberBits + lenBits)) }

// Len returns the length of a scan or the width of a range delete, else 0.
func (o Op) Len() int { return int(o >> numberBits & maxLen) }

// Number returns the drawn number, to be resolved before use.
func (o Op) Number() uint64 { return uint64(o & maxNumber) }

// Mix is the share of each kind among the operations. The shares of a used
// mix sum to 1.
type Mix [NumKinds]float64

func (m Mix) sum() float64 {
	total := 0.0
	for _, p := range m {
		total += p
	}
	return total
}

// normalized returns m scaled to the sum 1, clearing rounding noise.
func (m Mix) normalized() Mix {
	total := m.sum()
	for k := range m {
		m[k] = math.Round(m[k]/total*1e12) / 1e12
	}
	return m
}

// MarshalJSON writes the kinds with a share, by name.
func (m Mix) MarshalJSON() ([]byte, error) {
	named := map[string]float64{}
	for k, p := range m {
		if p != 0 {
			named[Kind(k).String()] = p
		}
	}
	return json.Marshal(named)
}

// UnmarshalJSON reads what MarshalJSON writes.
func (m *Mix) UnmarshalJSON(data []byte) error {
	var named map[string]float64
	if err := json.Unmarshal(data, &named); err != nil {
		return err
	}
	*m = Mix{}
	for name, p := range named {
		k, err := kindNamed(name)
		if err != nil {
			return err
		}
		m[k] = p
	}
	return nil
}

func kindNamed(name string) (Kind, error) {
	for k, n := range kindNames {
		if n == name {
			return Kind(k), nil
		}
	}
	return 0, fmt.Errorf("unknown operation kind %q; nearest is %q", name, nearest(name, kindNames[:]))
}
