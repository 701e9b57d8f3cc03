//go:build !race

package blob

const raced = false
