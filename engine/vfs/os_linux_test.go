package vfs

import (
	"bytes"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// blocks returns how many 512-byte blocks a file has.
func blocks(t *testing.T, path string) int64 {
	t.Helper()
	var st syscall.Stat_t
	if err := syscall.Stat(path, &st); err != nil {
		t.Fatal(err)
	}
	return st.Blocks
}

func TestPreallocationTakesSpaceAndAHoleGivesItBack(t *testing.T) {
	const size = 1 << 20
	path := filepath.Join(t.TempDir(), "f")
	f := mustCreate(t, path, "x")
	needs(t, f.Preallocate(0, size))
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	if n := blocks(t, path); n*512 < size {
		t.Errorf("%d bytes are reserved, want %d", n*512, size)
	}
	if _, err := f.WriteAt(bytes.Repeat([]byte("x"), size), 0); err != nil {
		t.Fatal(err)
	}
	needs(t, f.PunchHole(4096, size/2))
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	if n := blocks(t, path); n*512 > size/2+64<<10 {
		t.Errorf("%d bytes are left of %d, after a hole of half of it", n*512, size)
	}
}

// TestADirectFileHasTheFlagsThatItsDurabilityRestsOn: no test without a power
// loss sees O_DSYNC.
func TestADirectFileHasTheFlagsThatItsDurabilityRestsOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	mustCreate(t, path, "x")
	for _, dsync := range []bool{false, true} {
		f, err := OS{}.OpenDirect(path, dsync)
		needs(t, err)
		defer f.Close()
		flags, err := unix.FcntlInt(f.(*osFile).Fd(), unix.F_GETFL, 0)
		if err != nil {
			t.Fatal(err)
		}
		if flags&unix.O_DIRECT == 0 || (flags&unix.O_DSYNC != 0) != dsync {
			t.Errorf("dsync %v: flags %#o", dsync, flags)
		}
	}
}
