// Package trace records, reads and describes streams of key-value operations.
//
// A trace is a file of operations in the order in which they were begun: what
// was done, on which keys, with values of which sizes, when, and what a read
// found. Values themselves are not kept.
//
// Map: op.go an operation; format.go the file format, byte by byte; writer.go,
// reader.go, dictionary.go streaming in bounded memory; recorder.go an engine
// that writes down what it is asked, record_iter.go its scans; import.go what
// foreign formats share, import_ycsb.go, import_rocksdb.go, import_twitter.go,
// import_tectonic.go those formats; stat.go what a trace looks like; fit.go a
// workload file that looks like it.
package trace
