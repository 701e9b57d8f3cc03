package bench

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// cgroupRoot is where control groups of version 1 have the memory controller.
const cgroupRoot = "/sys/fs/cgroup/memory"

// canLimitMemory says why the memory of a process cannot be limited here.
func canLimitMemory() error {
	own, err := ownMemoryGroup(cgroupRoot, "/proc/self/cgroup")
	if err != nil {
		return err
	}
	if unix.Access(own, unix.W_OK) != nil {
		return fmt.Errorf("the control group %s is not writable for this user", own)
	}
	return nil
}

// ownMemoryGroup returns the directory of this process's group.
func ownMemoryGroup(root, list string) (string, error) {
	text, err := os.ReadFile(list)
	if err != nil {
		return "", fmt.Errorf("find the control group: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		_, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		controllers, path, _ := strings.Cut(rest, ":")
		if controllers != "memory" {
			continue
		}
		for _, dir := range []string{filepath.Join(root, path), root} { // inside a container the path is another's
			if _, err := os.Stat(filepath.Join(dir, "memory.limit_in_bytes")); err == nil {
				return dir, nil
			}
		}
	}
	return "", errors.New("memory cannot be limited here: no memory controller of control groups version 1")
}

// limitMemory moves this process into a group below its own that may use so
// many bytes, page cache included. leave moves it back and removes the group.
func limitMemory(root, list string, bytes uint64) (leave func() error, err error) {
	own, err := ownMemoryGroup(root, list)
	if err != nil {
		return nil, err
	}
	pid := strconv.Itoa(os.Getpid())
	group := filepath.Join(own, "kvbench-"+pid)
	if err := os.Mkdir(group, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("make a control group: %w", err)
	}
	write := func(dir, name, text string) error {
		return os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644)
	}
	leave = func() error {
		return errors.Join(write(own, "cgroup.procs", pid), unix.Rmdir(group))
	}
	err = write(group, "memory.limit_in_bytes", strconv.FormatUint(bytes, 10))
	if err == nil {
		err = write(group, "cgroup.procs", pid)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("limit memory to %d bytes: %w", bytes, err), unix.Rmdir(group))
	}
	return leave, nil
}

// dropCache asks the kernel to forget the files below dir, which it has charged
// to whoever wrote them.
func dropCache(dir string) error {
	return filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := f.Sync(); err != nil { // dirty pages stay
			return err
		}
		return unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
	})
}
