package tidy

// Module is the import path at the root of the repository.
const Module = "github.com/kvbench/kvbench"

// A Policy is everything that the rules take as given.
type Policy struct {
	// Rooms is the floor plan. The longest Dir that contains a package
	// decides its room.
	Rooms []Room

	// Modules lists the outside modules. What it does not name is forbidden.
	Modules []Outside

	// TopLevel holds the names that may stand at the top of the repository.
	TopLevel []string

	// Exceptions are places where a rule does not hold.
	Exceptions []Exception
}

// A Room is a directory and all below it that belongs to no other room.
//
// Its files may import rooms on strictly lower floors and its own packages.
type Room struct {
	Dir   string
	Floor int

	// TestsOnly: other rooms may import it in test files only, from any floor.
	TestsOnly bool

	// Never lists rooms on lower floors that its non-test files may not
	// import either. A name that ends in a slash stands for all rooms below.
	Never []string

	// TestsMay lists rooms on its own floor or above that its test files may
	// import.
	TestsMay []string

	// NoOS: its non-test files reach files through engine/vfs, not os.
	NoOS bool
}

// An Exception lifts one rule for one path: a file, or a directory when it
// ends in a slash.
type Exception struct {
	Rule, Path, Reason string
}

// The engines: the rooms that know how to store something.
var engineDirs = []string{"lsm", "btree", "hashidx", "engine/mem", "engine/noop", "engine/peer/"}

// whoeverIsHandedOpen: rooms that work on any engine and hence know none.
var whoeverIsHandedOpen = append([]string{"engine/catalog"}, engineDirs...)

// House is the policy of this repository.
var House = Policy{
	Rooms: []Room{
		// 8: flags, wiring, exit codes.
		{Dir: "cmd/kvbench", Floor: 8},

		// 7: measure it | many groups, one ring. Neither imports the other.
		{Dir: "bench", Floor: 7, Never: whoeverIsHandedOpen},
		{Dir: "cluster", Floor: 7, Never: whoeverIsHandedOpen},

		// 6: what to ask, what came out | one replica group.
		{Dir: "workloads", Floor: 6, Never: whoeverIsHandedOpen},
		{Dir: "results", Floor: 6, Never: whoeverIsHandedOpen, TestsMay: []string{"workloads"}},
		{Dir: "replication", Floor: 6, Never: whoeverIsHandedOpen},

		// 5: the one list of engines.
		{Dir: "engine/catalog", Floor: 5, NoOS: true},

		// 4: engines; never one another. Each package below engine/peer is a
		// room of its own (see Policy.room).
		{Dir: "lsm", Floor: 4, NoOS: true},
		{Dir: "btree", Floor: 4, NoOS: true},
		{Dir: "hashidx", Floor: 4, NoOS: true},
		{Dir: "engine/mem", Floor: 4, NoOS: true},
		{Dir: "engine/noop", Floor: 4, NoOS: true},
		{Dir: "engine/peer/*", Floor: 4},

		// 3: the contract's tests, with an oracle of its own; and what the
		// adapters of peers share.
		{Dir: "engine/enginetest", Floor: 3, TestsOnly: true},
		{Dir: "engine/peer", Floor: 3},
		{Dir: "engine/peer/internal", Floor: 3},

		// 2: the contract.
		{Dir: "engine", Floor: 2, NoOS: true},

		// 1: the kit, upper half.
		{Dir: "engine/wal", Floor: 1, NoOS: true},
		{Dir: "engine/cache", Floor: 1, NoOS: true},

		// 0: the kit, lower half: no engine knowledge. vfs is where os is.
		{Dir: "engine/vfs", Floor: 0},
		{Dir: "engine/offheap", Floor: 0, NoOS: true},
		{Dir: "engine/epoch", Floor: 0, NoOS: true},

		// Below all: what somebody meant who wrote a name wrongly.
		{Dir: "engine/nearest", Floor: -1, NoOS: true},

		// The rules look at the house from outside.
		{Dir: "cmd/tidy", Floor: 0},
	},

	Modules: modules,

	TopLevel: []string{
		"engine", "lsm", "btree", "hashidx", "replication", "cluster",
		"bench", "workloads", "results", "cmd",
		"go.mod", "go.sum", "lint.mod", "lint.sum", "Makefile",
		"README.md", "CONTRIBUTING.md", "LICENSE", "NOTICE",
		".ci", ".editorconfig", ".gitattributes", ".gitignore",
	},

	Exceptions: []Exception{
		// Temporary: keeps go.mod complete until the rooms import what they
		// need. Remove these four lines together with the directory.
	},
}
