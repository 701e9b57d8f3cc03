package machine

import (
	"os"
	"path/filepath"

	"github.com/kvbench/kvbench/results"
)

// Disk describes what holds path, or what will: when path does not exist, its
// nearest parent that does. The path is recorded as given.
//
// Rotational, Scheduler and WriteCache are what the device says of itself;
// virtual disks often claim to rotate. Free is what an ordinary user may still
// write. Of a file system over the network or of a host's directory the source
// is left out, of mount options the values that are paths or names.
func Disk(path string) results.Disk {
	d := results.Disk{Path: path}
	existing, err := nearestExisting(path)
	if err != nil {
		return d
	}
	readDisk(&d, existing)
	return d
}

// nearestExisting returns the absolute path, free of links, of path or of its
// nearest parent that exists and can be reached.
func nearestExisting(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	for {
		resolved, err := filepath.EvalSymlinks(path)
		if err == nil {
			return resolved, nil
		}
		parent := filepath.Dir(path)
		if parent == path {
			return "", &os.PathError{Op: "find disk", Path: path, Err: err}
		}
		path = parent
	}
}

// describe fills in what mountinfo and /sys tell of a mount.
func describe(d *results.Disk, r root, m mount) {
	b := readBlock(r, m)
	d.Device = m.publicSource()
	if b.name != "" && (d.Device == "" || d.Device == "/dev/root") {
		d.Device = "/dev/" + b.name
	}
	d.FileSystem, d.Options = m.fs, m.allOptions()
	d.Rotational, d.Scheduler, d.WriteCache = b.rotational, b.scheduler, b.writeCache
}
