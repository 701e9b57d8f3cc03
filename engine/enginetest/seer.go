package enginetest

import (
	"maps"
	"slices"
	"sync"

	"github.com/kvbench/kvbench/engine/vfs"
)

// classSeer is a file system that remembers which files were opened as what:
// the loops treat the end of a log as what it is. It passes every call on.
type classSeer struct {
	vfs.FS
	class vfs.Class
	seen  *sightings
}

type sightings struct {
	mu   sync.Mutex
	logs map[string]bool
}

var _ vfs.Classifier = (*classSeer)(nil)

func newClassSeer(fsys vfs.FS) *classSeer {
	return &classSeer{fsys, vfs.Other, &sightings{logs: map[string]bool{}}}
}

// Classed is vfs.Classifier.
func (s *classSeer) Classed(c vfs.Class) vfs.FS { return &classSeer{s.FS, c, s.seen} }

// see notes that a file is opened to be written.
func (s *classSeer) see(path string) {
	if s.class == vfs.Log || s.class == vfs.ZeroFill {
		s.seen.mu.Lock()
		defer s.seen.mu.Unlock()
		s.seen.logs[path] = true
	}
}

// logs are the files that were written as a log, by path.
func (s *classSeer) logs() []string {
	s.seen.mu.Lock()
	defer s.seen.mu.Unlock()
	return slices.Sorted(maps.Keys(s.seen.logs))
}

// Create is FS.Create.
func (s *classSeer) Create(path string) (vfs.File, error) {
	s.see(path)
	return s.FS.Create(path)
}

// OpenReadWrite is FS.OpenReadWrite.
func (s *classSeer) OpenReadWrite(path string) (vfs.File, error) {
	s.see(path)
	return s.FS.OpenReadWrite(path)
}

// OpenDirect is FS.OpenDirect.
func (s *classSeer) OpenDirect(path string, dsync bool) (vfs.File, error) {
	s.see(path)
	return s.FS.OpenDirect(path, dsync)
}

// Rename is FS.Rename. What a file was, it is under its new name.
func (s *classSeer) Rename(from, to string) error {
	if err := s.FS.Rename(from, to); err != nil {
		return err
	}
	s.seen.mu.Lock()
	defer s.seen.mu.Unlock()
	if s.seen.logs[from] {
		delete(s.seen.logs, from)
		s.seen.logs[to] = true
	}
	return nil
}
