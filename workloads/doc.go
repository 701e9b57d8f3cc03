// Package workloads says what to ask a store: which operations, on which keys,
// with which values.
//
// A workload is a YCSB property file: one of the presets beside this file or
// the user's. [Parse] resolves it to a [Spec], plain data that results record.
// From a spec come the pieces of a benchmark, each of them seeded and free of
// allocation once built:
//
//	Generator  draws the operations of one worker ahead of time (Fill) and
//	           turns a drawn number into that of an existing record (Resolve)
//	Sequence   hands out numbers for inserts and knows which are acknowledged
//	Loader     the numbers of the load phase
//	Keys       turns a number into a key
//	Values     makes values that anybody with the same seed can verify
//
// The semantics are those of Java YCSB's core workload, to the bit where it is
// deterministic (key names, which keys are hot) and to the formula where it is
// random. "zipfian" is YCSB's flat distribution, "zipf:<theta>" the true law.
// Compat GoYCSB reproduces go-ycsb v1.0.1 instead.
//
// Where this package differs from YCSB on purpose: the constructor of a
// zipfian burns no draw; latest and exponential never go below insertstart;
// there is no limit of 2^31 records; an unknown property is an error; the
// proportions of operations that YCSB lacks (delete, absent read, reverse
// scan, range delete, put) are properties like the others; and a field whose
// length varies keeps its length when it is updated.
//
// Map: op.go operations and mixes; spec.go the resolved workload; property.go
// the table of properties; parse.go sources and strictness; parsenumber.go,
// resolve.go, resolvevalues.go, check.go from properties to a spec; presets.go
// the built-in files; generator.go, sequence.go, loader.go, keys.go; pool.go,
// stamp.go, values.go, verify.go values and their format; preview.go what a
// workload looks like; schema.go the JSON Schema of a spec. Package dist has
// the distributions.
package workloads
