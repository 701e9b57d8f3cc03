// Package memtable is a memtable.
package memtable
