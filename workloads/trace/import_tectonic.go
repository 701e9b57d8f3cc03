package trace

import "fmt"

// parseTectonic reads the workloads of KV-WorkloadGenerator and Tectonic, a
// line an operation:
//
//	I key value      insert
//	U key value      update
//	D key            point delete
//	P key, Q key     point query
//	S first last     range query
//	R first last     range delete
//
// Ranges do not include their last key.
func parseTectonic(line []byte, op *Op) (bool, error) {
	verb, rest := word(line)
	if len(verb) == 0 {
		return false, nil
	}
	key, rest := word(rest)
	op.Key = key
	second := false
	switch string(verb) {
	case "I", "U":
		op.Kind, op.Size, second = Put, len(rest), true
	case "D":
		op.Kind = Delete
	case "P", "Q":
		op.Kind = Get
	case "S":
		op.Kind, op.Upper, second = Scan, rest, true
	case "R":
		op.Kind, op.Upper, second = DeleteRange, rest, true
	default:
		return false, fmt.Errorf("unknown operation %q, want I, U, D, P, Q, S or R", verb)
	}
	switch {
	case second && len(rest) == 0:
		return false, fmt.Errorf("%s needs a key and a second word", verb)
	case !second && len(rest) > 0:
		return false, fmt.Errorf("%s takes a key alone", verb)
	}
	return true, nil
}
