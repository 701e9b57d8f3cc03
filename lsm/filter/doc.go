// Package filter says of most keys that a table does not hold that it does not,
// without a look at the table.
//
//	b := filter.NewBuilder(filter.Policy{Kind: filter.Blocked, BitsPerKey: 10})
//	b.Add(xxh3.Hash(key))     // for each key, in order
//	data := b.Finish(nil)
//
//	f, err := filter.Open(data) // points into data
//	f.MayContain(xxh3.Hash(key))
//
// # Map
//
//   - policy.go: Kind, Policy, and the false positives that theory expects
//   - format.go: the bytes of a filter; Open
//   - builder.go: Builder; fuse.go: what it builds of fuse filters
//   - probe.go: Filter
//   - monkey.go: which run of a tree gets how many bits
//   - prefix.go: when a filter of prefixes can answer a scan
//
// # Kinds
//
// Bloom is the filter of the textbook: k bits anywhere. Blocked has them all in
// one cache line (Putze, Sanders, Singler 2007): one miss for each question
// and a fast build, for some more false positives. Fuse8 and Fuse16 (Graf,
// Lemire 2022) compare a fingerprint with three cells: fewer bits for fewer
// false positives, and three misses; they are built several times slower, from
// all keys at once, and their bits cannot be chosen.
//
// # Hashes
//
// Hashes are of 64 bits, and all of it counts: keys may share some bits of
// their hashes, as they do where a hash has already chosen the shard. Filters
// mix them once more.
//
// # Prefixes
//
// AddPrefix lets a filter know hashes of keys' prefixes of one length too.
// MayContain of a prefix's hash then answers for all keys that begin with it;
// Prefix finds that prefix for a scan's bounds. A prefix costs as many bits
// as a key.
//
// # Goroutines and locks
//
// None. A Builder is for one goroutine; a Filter is for many at once.
package filter
