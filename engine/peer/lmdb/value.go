//go:build lmdb

package lmdb

// LMDB's file holds values as they are, except for those of zero bytes only:
// they have one more zero byte.
//
//	value   stored
//	""      00
//	00      00 00
//	other   the same
//
// So nothing stored is empty. An empty value that is the last thing on the
// last page ends where the file ends, and the binding, which hands out slices
// of the map, looks at the byte there: a SIGBUS.

// stored returns what is stored for value.
func stored(value []byte) []byte {
	if !allZero(value) {
		return value
	}
	return make([]byte, len(value)+1)
}

// loaded returns the value of which s is stored.
func loaded(s []byte) []byte {
	if len(s) > 0 && allZero(s) {
		return s[:len(s)-1]
	}
	return s
}

// allZero is true for the empty value, too.
func allZero(p []byte) bool {
	for _, b := range p {
		if b != 0 {
			return false
		}
	}
	return true
}
