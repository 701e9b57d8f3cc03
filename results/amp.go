package results

import "github.com/kvbench/kvbench/engine"

// Amplify derives every amplification factor from io: the one place and the
// one formula, for every engine.
//
//	write         = write_bytes / user_write
//	write_settled = (write_bytes + settle_write_bytes) / user_write
//	read          = read_bytes / user_read
//	space         = disk_bytes / live_bytes
//
// A factor is null when one of its terms is unknown or it would divide by
// zero. write_bytes is the kernel's count of pages made dirty by the process
// (source "proc"): a page written twice before it reaches the disk counts
// once. An engine that counts its own files gives the exact bytes (source
// "vfs").
func Amplify(io IO, source string) Amp {
	settled := io.WriteBytes.Plus(io.SettleWriteBytes)
	return Amp{
		Write:        ratio(io.WriteBytes, io.UserWrite),
		WriteSettled: ratio(settled, io.UserWrite),
		Read:         ratio(io.ReadBytes, io.UserRead),
		Space:        ratio(io.DiskBytes, io.LiveBytes),
		Source:       source,
	}
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
