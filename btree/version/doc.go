// Package version keeps what pages of a tree were before they changed, as long
// as a snapshot or a checkpoint needs them that way.
//
// A version of a page is what it was from group Stamp on until group Until
// changed it. A snapshot at n needs it if Stamp <= n < Until. A checkpoint
// needs it, whatever its stamps, if it was dirty when the checkpoint began and
// is not written yet. A version has a frame, a home on disk, or both; that of
// a long reader goes to disk in time, so that it does not hold memory.
//
// # Map
//
//   - set.go: Set: Add, Find, what changes with a version
//   - prune.go: which versions go
//   - heap.go: versions by stamp, in heaps that can be joined
//   - spill.go: versions with frames, oldest first
//   - slab.go: where versions are kept, by number
//
// # Which versions go
//
// The witness of a version is the highest live number below its Until. If that
// is below its Stamp too, no live snapshot needs the version; otherwise the
// witness does. No other number has to be looked at, and numbers of new
// snapshots are not below an Until that exists already, so the witness stays
// until its last snapshot is gone.
//
// The set keeps for each witness a heap of its versions, the highest stamp
// first. When a witness is gone, the next lower live number p is the witness
// of all its versions: those with Stamp > p are taken from the top of the heap
// and go, and what remains is joined to the heap of p. A version that was
// added lately is looked at for the first time by the next Prune. So Prune
// leaves exactly the versions that are needed, and its cost is that of what
// was added or goes (logarithmic for each) and of the list of live numbers.
// Versions that stay cost nothing, however many there are.
//
// A version that only a checkpoint needs is in no heap. When the checkpoint is
// done with it, it waits for the next Prune like one that was added lately.
//
// # Horizon
//
// Snapshots come while Prune works with a list that was made before. The last
// number of the list is its horizon x: the list is complete below x, and about
// x and above it says nothing. A version with Until <= x can be judged by it;
// one with a later Until waits for the next Prune, and no witness at x or
// above is taken for gone. Lists may also arrive out of order: a number that
// is in an old list and has left since only keeps versions until the next
// Prune.
//
// # Concurrency
//
// Everything may be called from many goroutines at once. One lock guards the
// set, Finds share it; Prune releases it now and then. Nothing in the set is a Go pointer but one to each large
// chunk, so the collector does not scan it.
package version
