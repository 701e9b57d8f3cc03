package machine

import (
	"golang.org/x/sys/unix"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/results"
)

// readDisk describes what holds an existing path.
func readDisk(d *results.Disk, path string) {
	var fs unix.Statfs_t
	if unix.Statfs(path, &fs) == nil && fs.Blocks > 0 {
		unit := uint64(max(fs.Frsize, 0))
		if unit == 0 {
			unit = uint64(max(fs.Bsize, 0))
		}
		d.Total, d.Free = engine.Known(fs.Blocks*unit), engine.Known(fs.Bavail*unit)
	}
	r := system()
	mounts := parseMounts([]byte(r.text("proc/self/mountinfo")))
	if m, ok := mountOf(mounts, mountID(path), path); ok {
		describe(d, r, m)
	}
}

// mountID asks the kernel (5.8 or later) which mount holds path; 0 is unknown.
func mountID(path string) int {
	var st unix.Statx_t
	err := unix.Statx(unix.AT_FDCWD, path, 0, unix.STATX_MNT_ID, &st)
	if err != nil || st.Mask&unix.STATX_MNT_ID == 0 {
		return 0
	}
	return int(st.Mnt_id)
}
