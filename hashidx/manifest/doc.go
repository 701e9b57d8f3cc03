// Package manifest keeps what must never be half true about a directory of the
// hash engine: which segments live, under which numbers the index names them,
// where recovery begins and which index snapshot it begins with. It knows no
// keys and opens no segment.
//
//	m, err := manifest.Open(fsys, dir)   // Create, the first time
//	s := m.State()
//	err = m.Apply(manifest.Edit{Drop: []uint16{7}, Add: []manifest.Segment{...}})
//	... // only now may the file of segment 7 go
//	err = m.Close()
//
// # Map
//
//   - format.go: header, frame, fields of an edit (byte tables), the crash rule
//   - state.go: State, Segment, Edit; the rules that each edit is checked by
//   - encode.go: edits to bytes and back
//   - read.go: Read, a file to its state; torn tail or damage
//   - manifest.go: Create, Open, Apply, Close, rewriting
//
// # What a caller may rely on
//
// Apply returns nil once the edit survives a power loss. After a crash the
// state is that of exactly the acknowledged edits, and maybe the one that was
// under way, whole. After the first failed write nothing more is written.
//
// # What the rules cannot see
//
// A number may be given again after a drop. Whether a place with that number
// is still somewhere, in the index, or in an index snapshot, only the engine
// knows: it must not give it again before. In the edit that drops it, it is
// never given again.
//
// # Locks
//
// Manifest.mu guards everything, also while it waits for the disk: edits are
// rare. The package starts no goroutine.
package manifest
