// Package index maps hashes to places, in memory outside of the Go heap.
package index
