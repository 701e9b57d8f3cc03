// Package peertest holds tests that adapters of peers share beside the
// contract's: what is true of all of them since libraries stand behind them.
//
// # Map
//
//	library.go  the version, and what becomes of a library left open
//	damage.go   Verify finds damage, and nothing else
package peertest
