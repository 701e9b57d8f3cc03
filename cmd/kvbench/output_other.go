//go:build !linux

package main

import "io"

// ownOutput returns out: here a library that prints can spoil a cell.
func ownOutput(out io.Writer) (io.Writer, error) { return out, nil }
