// Package lsm is the LSM tree: writes go to a log and to a memtable, memtables
// are flushed to tables, and compactions merge tables into levels.
//
//	dir/KVBENCH     the marker
//	dir/CURRENT     names the manifest
//	dir/MANIFEST-*  which tables there are, and where recovery begins
//	dir/log/        the write-ahead log (engine/wal)
//	dir/tables/     sorted files (package table)
//	dir/blobs/      values apart from their keys (package blob)
package lsm
