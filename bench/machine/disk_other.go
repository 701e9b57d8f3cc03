//go:build !linux

package machine

import (
	"github.com/shirou/gopsutil/v4/disk"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/results"
)

// readDisk describes what holds an existing path.
func readDisk(d *results.Disk, path string) {
	usage, err := disk.Usage(path)
	if err != nil || usage.Total == 0 {
		return
	}
	d.FileSystem = usage.Fstype
	d.Total, d.Free = engine.Known(usage.Total), engine.Known(usage.Free)
}
