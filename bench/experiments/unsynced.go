package experiments

import "github.com/kvbench/kvbench/engine/vfs"

// unsynced is the machine's file system without its waits: a sync is passed
// over. What an engine on a Rig does is counted and never timed, and nobody
// needs its files after a power loss.
type unsynced struct{ vfs.FS }

func (u unsynced) Create(path string) (vfs.File, error) { return lazy(u.FS.Create(path)) }
func (u unsynced) Open(path string) (vfs.File, error)   { return lazy(u.FS.Open(path)) }
func (u unsynced) OpenReadWrite(path string) (vfs.File, error) {
	return lazy(u.FS.OpenReadWrite(path))
}
func (u unsynced) SyncDir(string) error { return nil }

// lazyFile is a file whose syncs do nothing.
type lazyFile struct{ vfs.File }

func lazy(f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return lazyFile{f}, nil
}

func (lazyFile) Sync() error     { return nil }
func (lazyFile) SyncData() error { return nil }
