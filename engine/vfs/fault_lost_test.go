package vfs

import (
	"errors"
	"path/filepath"
	"syscall"
	"testing"
)

func TestAFileThatLostItsDataIsFollowedToEachOfItsNames(t *testing.T) {
	inner := NewFault(NewMem())
	f := NewFault(inner)
	if err := errors.Join(f.MkdirAll("/d"), f.MkdirAll("/dd")); err != nil {
		t.Fatal(err)
	}
	file, other := create(t, f, "/d/a"), create(t, f, "/dd/a")
	setRules(t, f, "sync path=a nth=1 error=EIO lost")
	if err := file.Sync(); !errors.Is(err, syscall.EIO) {
		t.Fatal(err)
	}
	setRules(t, f, "")
	if err := errors.Join(f.Link("/d/a", "/link"), f.Rename("/d", "/e"), f.MkdirAll("/d")); err != nil {
		t.Fatal(err)
	}
	reaches := func(file File) bool {
		before := inner.Calls().Of(KindSync)
		if err := file.Sync(); err != nil {
			t.Fatal(err)
		}
		return inner.Calls().Of(KindSync) > before
	}
	for _, path := range []string{"/link", filepath.Join("/e", "a")} {
		again, err := f.OpenReadWrite(path)
		if err != nil {
			t.Fatal(err)
		}
		defer again.Close()
		if reaches(again) {
			t.Errorf("a sync of %s reached the disk", path)
		}
	}
	if !reaches(other) {
		t.Error("a sync in a directory whose name begins alike did not reach the disk")
	}
	if !reaches(create(t, f, "/d/a")) {
		t.Error("a sync of a new file under the old name did not reach the disk")
	}
}
