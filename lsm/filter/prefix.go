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
	last := n - 1
	for last >= 0 && prefix[last] == 0xff {
		last--
	}
	if last >= 0 && len(upper) == last+1 &&
		bytes.Equal(upper[:last], prefix[:last]) && upper[last] == prefix[last]+1 {
		return prefix
	}
	return nil
}
