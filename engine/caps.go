package engine

// Families that Caps and Driver name.
const (
	FamilyLSM    = "lsm"
	FamilyBTree  = "btree"
	FamilyHash   = "hash"
	FamilyMemory = "memory"
)

// Caps says what an opened engine can do. It is authoritative: a role that it
// denies is not there, even when a wrapper happens to have the method.
type Caps struct {
	Family string `json:"family"` // one of the Family constants

	Ordered      bool `json:"ordered"`       // is a Scanner
	Reverse      bool `json:"reverse"`       // iterators also go backwards
	Snapshots    bool `json:"snapshots"`     // is a Snapshotter
	IterSnapshot bool `json:"iter_snapshot"` // an iterator sees the moment of its birth

	AtomicBatch bool `json:"atomic_batch"` // Apply is all or nothing, also for readers and crashes
	RangeDelete bool `json:"range_delete"` // is a RangeDeleter; batches may hold range deletes
	BulkLoad    bool `json:"bulk_load"`    // is a BulkLoader
	TTL         bool `json:"ttl"`          // is an Expirer

	Checkpoint       bool `json:"checkpoint"`         // is a Checkpointer
	UnorderedScan    bool `json:"unordered_scan"`     // is an UnorderedScanner
	LargerThanMemory bool `json:"larger_than_memory"` // works when data exceed memory

	Persistent      bool `json:"persistent"`        // reopening the directory finds the data
	PowerLossPrefix bool `json:"power_loss_prefix"` // a crash leaves a prefix of the acknowledged writes
	VerifiesReads   bool `json:"verifies_reads"`    // every read from disk is checked by checksum

	// Durabilities is the set of levels that writes may ask for.
	Durabilities DurabilitySet `json:"durabilities"`

	// Limits in bytes; 0 means no limit of the engine's own.
	MaxKey   int `json:"max_key"`
	MaxValue int `json:"max_value"`
	MaxBatch int `json:"max_batch"`
}
