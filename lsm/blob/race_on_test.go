//go:build race

package blob

const raced = true
