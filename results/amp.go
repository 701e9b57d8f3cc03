package results

import (
	"fmt"

	"github.com/kvbench/kvbench/engine"
)

// Sources of the bytes written in Amp.
const (
	SourceProc = "proc" // IO.WriteBytes, the kernel's count for the process
	SourceVFS  = "vfs"  // IO.FileBytes, the engine's count of its files
)

// Amplify derives every amplification factor from io: the one place and the
// one formula, for every engine.
//
//	write         = written / user_write
//	write_settled = (written + written while settling) / user_write
//	read          = read_bytes / user_read
//	space         = disk_bytes / live_bytes
//
// A factor is null when one of its terms is unknown or it would divide by
// zero.
//
// Written is file_bytes where the engine counts its own files (source "vfs"),
// else write_bytes (source "proc"). They are not the same thing. The first is
// what the engine handed to the file system, to the byte and without zeros
// ahead of a log. The second is the pages that became dirty, in pages of 4
// KiB: a page written twice before it reaches the disk counts once, and a
// hundred bytes that are synced alone count as a page. So with writes that are
// not synced the second is smaller where pages are written again and again,
// and with small synced ones it is larger. Comparing engines of different
// sources takes that into account; Audit holds the two against each other.
func Amplify(io IO) Amp {
	written, settling, source := io.WriteBytes, io.SettleWriteBytes, SourceProc
	if _, ok := io.FileBytes.Value(); ok {
		written, settling, source = io.FileBytes, io.SettleFileBytes, SourceVFS
	}
	return Amp{
		Write:        ratio(written, io.UserWrite),
		WriteSettled: ratio(written.Plus(settling), io.UserWrite),
		Read:         ratio(io.ReadBytes, io.UserRead),
		Space:        ratio(io.DiskBytes, io.LiveBytes),
		Source:       source,
	}
}

// Bounds of Audit.
const (
	auditShare = 0.10
	// auditFloor is what a process may write besides its files without being
	// noticed: progress to its parent, a log line.
	auditFloor = 1 << 20
	pageBytes  = 4096
)

// Audit compares the engine's count of the bytes it wrote with the kernel's,
// and says how they disagree; empty when they agree, or when one is not known.
//
// What can be equal has to be: the bytes of all write calls, zeros included,
// against those that the kernel saw passing (wchar), within a tenth. Pages
// made dirty (write_bytes) may be far fewer than the bytes, since a page that
// is written again while dirty counts once, but no more than the pages that
// the calls can have touched, of which there are two more than the bytes fill
// for every call: more come from writes that nobody counts, such as those
// through a mapping.
func Audit(io IO) string {
	counted, ok := io.FileBytes.Plus(io.FileZeros).Value()
	if !ok {
		return ""
	}
	beyond := func(more, less uint64) bool {
		return float64(more-min(more, less)) > max(auditShare*float64(less), auditFloor)
	}
	if passed, ok := io.WriteChars.Value(); ok && (beyond(passed, counted) || beyond(counted, passed)) {
		return fmt.Sprintf("the engine counted %d bytes written to its files, the kernel saw %d pass", counted, passed)
	}
	calls, ok := io.FileCalls.Value()
	dirty, known := io.WriteBytes.Value()
	if touched := counted + 2*pageBytes*calls; ok && known && beyond(dirty, touched) {
		return fmt.Sprintf("the kernel counted %d bytes of dirty pages; the writes that the engine counted can have touched %d", dirty, touched)
	}
	return ""
}

func ratio(a, b engine.Count) *float64 {
	above, ok1 := a.Value()
	below, ok2 := b.Value()
	if !ok1 || !ok2 || below == 0 {
		return nil
	}
	return Num(float64(above) / float64(below))
}

// Num returns a known number.
func Num(x float64) *float64 { return &x }

// number returns a Count as a number, null when it is unknown.
func number(c engine.Count) *float64 {
	n, ok := c.Value()
	if !ok {
		return nil
	}
	return Num(float64(n))
}
