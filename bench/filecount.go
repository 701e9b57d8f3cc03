package bench

import (
	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/results"
)

// fileCounts is what an engine has done to its files at one moment, by class;
// nil when it does not tell.
type fileCounts []vfs.Counts

func readFiles(f engine.FileCounter) fileCounts {
	if f == nil {
		return nil
	}
	counts := make(fileCounts, vfs.Classes)
	for class := range vfs.Classes {
		counts[class] = f.FileCounts(class)
	}
	return counts
}

// written returns the bytes written since an earlier reading but for zeros
// ahead of a log.
func (c fileCounts) written(before fileCounts) engine.Count {
	var io results.IO
	c.into(&io, before)
	return io.FileBytes
}

// into fills in what was done since an earlier reading.
func (c fileCounts) into(io *results.IO, before fileCounts) {
	if c == nil || before == nil {
		return
	}
	var sum vfs.Counts
	io.FileClasses = make(map[string]uint64)
	for class := range vfs.Classes {
		moved := c[class].Minus(before[class])
		sum = sum.Plus(moved)
		if moved.WriteBytes > 0 && class != vfs.ZeroFill {
			io.FileClasses[class.String()] = moved.WriteBytes
		}
	}
	zeros := c[vfs.ZeroFill].Minus(before[vfs.ZeroFill]).WriteBytes
	io.FileBytes, io.FileZeros = engine.Known(sum.WriteBytes-zeros), engine.Known(zeros)
	io.FileCalls, io.Fsyncs = engine.Known(sum.Writes), engine.Known(sum.Syncs)
}
