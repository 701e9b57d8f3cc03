package tidy

// An Outside is a module of others and the rooms that may import it.
type Outside struct {
	Path string

	// Rooms that may import it, in test files as in others. A name that ends
	// in a slash stands for all packages below.
	Rooms []string

	// Tests lists the rooms that may import it in test files only; "..." is
	// every room.
	Tests []string

	Reason string
}

var everyRoom = []string{"..."}

// modules: a line here and in go.mod belong in one commit, with the reason.
// "C" stands for cgo.
var modules = []Outside{
	// Engines, each behind the one adapter that knows it.
	{Path: "github.com/google/btree", Rooms: []string{"engine/mem"}, Reason: "the ordered map in memory"},
	{Path: "github.com/cockroachdb/pebble/v2", Rooms: []string{"engine/peer/pebble"}, Reason: "a peer"},
	{Path: "go.etcd.io/bbolt", Rooms: []string{"engine/peer/bbolt"}, Reason: "a peer"},
	{Path: "github.com/dgraph-io/badger/v4", Rooms: []string{"engine/peer/badger"}, Reason: "a peer"},
	{Path: "github.com/syndtr/goleveldb", Rooms: []string{"engine/peer/goleveldb"}, Reason: "a peer"},
	{Path: "github.com/akrylysov/pogreb", Rooms: []string{"engine/peer/pogreb"}, Reason: "a peer"},
	{Path: "github.com/linxGnu/grocksdb", Rooms: []string{"engine/peer/rocksdb"}, Reason: "a peer, behind a build tag"},
	{Path: "github.com/PowerDNS/lmdb-go", Rooms: []string{"engine/peer/lmdb"}, Reason: "a peer, behind a build tag"},
	{Path: "C", Rooms: []string{"engine/peer/rocksdb", "engine/peer/lmdb"}, Reason: "what the bindings lack"},

	// What to ask.
	{Path: "github.com/magiconair/properties", Rooms: []string{"workloads", "bench/goycsb"}, Reason: "YCSB's file format, and how go-ycsb is told what to do"},
	{
		Path: "github.com/pingcap/go-ycsb", Rooms: []string{"bench/goycsb"}, Tests: []string{"workloads"},
		Reason: "its client runs against our targets; its generators check ours",
	},
	{
		Path: "github.com/klauspost/compress", Rooms: []string{"lsm/compress"}, Tests: []string{"workloads"},
		Reason: "snappy and zstd, for blocks; that values compress as asked",
	},
	{Path: "github.com/pierrec/lz4/v4", Rooms: []string{"lsm/compress"}, Reason: "lz4, for blocks"},
	{Path: "github.com/FastFilter/xorfilter", Rooms: []string{"lsm/filter"}, Reason: "building binary fuse filters"},

	// Measuring.
	{Path: "github.com/HdrHistogram/hdrhistogram-go", Rooms: []string{"bench", "results"}, Reason: "export format and oracle of our histograms"},
	{Path: "github.com/shirou/gopsutil/v4", Rooms: []string{"bench"}, Reason: "the machine, recorded with each result"},
	{Path: "golang.org/x/perf", Rooms: []string{"results"}, Reason: "rank tests and the format that benchstat reads"},

	// The program.
	{Path: "github.com/spf13/cobra", Rooms: []string{"cmd/kvbench"}, Reason: "commands"},
	{Path: "github.com/spf13/pflag", Rooms: []string{"cmd/kvbench"}, Reason: "cobra's flags, where a flag has a type of its own"},
	{Path: "github.com/vbauerster/mpb/v8", Rooms: []string{"cmd/kvbench"}, Reason: "progress on a terminal"},
	{Path: "github.com/olekukonko/tablewriter", Rooms: []string{"cmd/kvbench", "results"}, Reason: "tables on a terminal"},
	{Path: "github.com/goccy/go-yaml", Rooms: []string{"cmd/kvbench", "results"}, Reason: "settings files and resolved specifications, strictly"},

	// The system and small tools.
	{
		Path: "golang.org/x/sys", Rooms: []string{"engine/vfs", "engine/offheap", "bench", "cmd/kvbench"},
		Reason: "calls that os lacks: fdatasync, mmap, counters of a process, is it a terminal",
	},
	{
		Path:   "github.com/zeebo/xxh3",
		Rooms:  []string{"engine", "engine/", "lsm", "lsm/", "btree", "hashidx", "bench", "workloads"},
		Reason: "the hash",
	},
	{
		Path: "pgregory.net/rapid", Rooms: []string{"engine/enginetest"}, Tests: everyRoom,
		Reason: "random histories that shrink",
	},
}
