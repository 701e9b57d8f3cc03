package results

import (
	"fmt"

	"github.com/kvbench/kvbench/engine"
)

// Sources of the bytes written in Amp.
const (
	SourceVFS   = "vfs"   // IO.FileBytes, the engine's count of its files
	SourceCalls = "calls" // IO.WriteChars less OwnChars, the kernel's count of write calls
	SourceProc  = "proc"  // IO.WriteBytes, the kernel's count of pages made dirty
)

// Amplify derives every amplification factor from io: the one place and the
// one formula, for every engine.
//
//	write         = written / user_write
//	write_settled = (written + written from there to the end of settling) / user_write
//	read          = read_bytes / user_read
//	space         = disk_bytes / live_bytes
//
// A factor is null when one of its terms is unknown or it would divide by
// zero.
//
// Written is what the engine handed to the file system, so that all engines
// stand in one column: file_bytes where the engine counts its own files
// (source "vfs"), else wchar less the harness's own (source "calls"). The
// first leaves zeros ahead of a log out, which the second cannot tell; a peer
// that fills its log ahead by writing is charged for it.
//
// Neither sees writes through a mapping. They show as more dirty pages
// (write_bytes) than the write calls can have touched, which is Audit's
// objection to an engine that counts its files; any other is then taken at its
// dirty pages (source "proc"). That is the least it wrote: a page written
// again while dirty counts once, and on a file system in memory none counts.
//
// What the device writes is more than this where small writes are synced, each
// a page at least, and less where pages are overwritten in the page cache;
// write_bytes and device_write tell.
func Amplify(io IO) Amp {
	written, settling, source := io.written()
	return Amp{
		Write:        ratio(written, io.UserWrite),
		WriteSettled: ratio(written.Plus(settling), io.UserWrite),
		Read:         ratio(io.ReadBytes, io.UserRead),
		Space:        ratio(io.DiskBytes, io.LiveBytes),
		Source:       source,
	}
}

// written is what Amplify calls so, in the measured phase and after it.
func (io *IO) written() (measured, settling engine.Count, source string) {
	if _, ok := io.FileBytes.Value(); ok {
		return io.FileBytes, io.SettleFileBytes, SourceVFS
	}
	chars, ok := io.WriteChars.Value()
	own, known := io.OwnChars.Value()
	if !ok || !known { // a result of before they were told apart
		return io.WriteBytes, io.SettleWriteBytes, SourceProc
	}
	dirty := io.WriteBytes.Or(0) + io.SettleWriteBytes.Or(0)
	calls := io.WriteCalls.Or(0) + io.SettleCalls.Or(0)
	if dirty > chars+io.SettleChars.Or(0)+2*pageBytes*calls {
		return io.WriteBytes, io.SettleWriteBytes, SourceProc
	}
	return engine.Known(chars - min(own, chars)), io.SettleChars, SourceCalls
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
	passed, ok := io.WriteChars.Value()
	passed -= min(io.OwnChars.Or(0), passed)
	if ok && (beyond(passed, counted) || beyond(counted, passed)) {
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
