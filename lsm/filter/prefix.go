package filter

import "bytes"

// Prefix is the prefix of n bytes that all keys from lower to below upper begin
// with: a filter that knows prefixes of n bytes may say that there are none.
// It is nil if keys in between may begin otherwise; n is not 0 and upper not
// nil, which is no bound, for anything else.
func Prefix(lower, upper []byte, n int) []byte {
	if n <= 0 || len(lower) < n || upper == nil {
		return nil
	}
	prefix := lower[:n]
	if len(upper) >= n && bytes.Equal(upper[:n], prefix) {
		return prefix
	}
	// What follows all keys with the prefix: the last byte that can be raised
	// is, and the rest cut off.
	end := bytes.TrimRight(prefix, "\xff")
	last := len(end) - 1
	if last >= 0 && len(upper) == len(end) &&
		bytes.Equal(upper[:last], end[:last]) && upper[last] == end[last]+1 {
		return prefix
	}
	return nil
}
