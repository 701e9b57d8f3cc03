package experiments

import (
	"path/filepath"
	"time"

	"github.com/kvbench/kvbench/engine/vfs"
)

// A slowDisk is a file system that takes its time over what it writes, so that
// a fast machine meets in a second what a large store meets in an hour. Logs
// cost nothing: it is the background work that is to be slow.
type slowDisk struct {
	vfs.FS
	perByte time.Duration
}

// diskOf returns a disk of so many bytes a second.
func diskOf(inner vfs.FS, bytesPerS int) slowDisk {
	return slowDisk{FS: inner, perByte: time.Second / time.Duration(bytesPerS)}
}

func (d slowDisk) Create(path string) (vfs.File, error) {
	f, err := d.FS.Create(path)
	if err != nil || filepath.Base(filepath.Dir(path)) == "log" {
		return f, err
	}
	return slowFile{File: f, perByte: d.perByte}, nil
}

type slowFile struct {
	vfs.File
	perByte time.Duration
}

func (f slowFile) Write(p []byte) (int, error) {
	time.Sleep(f.perByte * time.Duration(len(p)))
	return f.File.Write(p)
}

func (f slowFile) WriteAt(p []byte, off int64) (int, error) {
	time.Sleep(f.perByte * time.Duration(len(p)))
	return f.File.WriteAt(p, off)
}
