package results

// UnitCosts are what single steps of an engine's work take on the machine, in
// nanoseconds, as probes found them when the run began. An explanation prices
// counters with them. What a probe could not measure is null.
type UnitCosts struct {
	// DRAM is one read from memory whose address depends on the read before,
	// in more memory than the processor caches.
	DRAM *float64 `json:"dram_ns"`
	// CopyKiB is the copy of 1 KiB between large buffers, one after another.
	CopyKiB *float64 `json:"copy_kib_ns"`
	// CRCKiB is the CRC-32C of 1 KiB that is in the processor's cache.
	CRCKiB *float64 `json:"crc_kib_ns"`
	// Read4K is a pread of 4 KiB that the page cache holds.
	Read4K *float64 `json:"read_4k_ns"`
	// DeviceRead4K is a pread of 4 KiB past the page cache, one at a time.
	DeviceRead4K *float64 `json:"device_read_4k_ns"`
	// WriteCall is a write of one byte to the end of a file: the call alone.
	WriteCall *float64 `json:"write_call_ns"`
	// WriteKiB is each KiB more of such a write, up to 64 KiB.
	WriteKiB *float64 `json:"write_kib_ns"`
	// Fdatasync makes an append of 4 KiB durable, the write included.
	Fdatasync *float64 `json:"fdatasync_ns"`
	// Alloc is an allocation of a small object on the Go heap. Neither it nor
	// AllocKiB contains the collector's processor time, which cells measure.
	Alloc *float64 `json:"alloc_ns"`
	// AllocKiB is each KiB more of an allocation, cleared.
	AllocKiB *float64 `json:"alloc_kib_ns"`
	// Handoff is the way of a value through an unbuffered channel to another
	// goroutine: half a round trip.
	Handoff *float64 `json:"handoff_ns"`
	// Mutex is locking and unlocking a mutex that nobody else wants.
	Mutex *float64 `json:"mutex_ns"`
	// Syscall is the cheapest call of the kernel.
	Syscall *float64 `json:"syscall_ns"`
	// Clock is one reading of the clock.
	Clock *float64 `json:"clock_ns"`
}
