//go:build !amd64

package hashidx

// prefetch does nothing.
func prefetch(*byte) {}
