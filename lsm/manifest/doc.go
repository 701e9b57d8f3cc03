// Package manifest keeps what must never be half true about the directory of a
// tree: its version, and the positions that go with it. It opens no table.
//
//	log, state, err := manifest.Open(fsys, dir, manifest.Options{})
//	state, dropped, err := log.Append(&version.Edit{...})
//	... // only now may files that were dropped go
//	err = log.Close()
//
// # Map
//
//   - format.go: the files, header and frame (byte tables), the crash rule
//   - encode.go, decode.go: edits to bytes (byte table) and back
//   - current.go: CURRENT, which names the manifest that counts
//   - read.go: a directory to its state; torn tail or damage; Scan
//   - log.go: Open, Append, Close; rotate.go: new files, Create
//
// # What a caller may rely on
//
// Append returns nil once the edit survives a power loss, and so does Open for
// all that it returns. After a crash the state is that of exactly the
// acknowledged edits, and maybe the one that was under way, whole. After the
// first failed write nothing more is written.
//
// # Recovery
//
// Open for writing reads what is there and begins a new file with all of it.
// So nothing is ever written behind a torn tail, or behind bytes of which it is
// not known that they are durable, and a tail that was torn is gone with its
// file.
//
// # Locks
//
// Log.mu guards everything, also while it waits for the disk: edits are rare.
// The package starts no goroutine. Who opens for writing holds the directory's
// lock.
package manifest
