package bench

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// fakeGroups is the memory controller as files: none of it limits anything.
func fakeGroups(t *testing.T, path string) (root, list string) {
	t.Helper()
	root, list = t.TempDir(), filepath.Join(t.TempDir(), "cgroup")
	if err := os.WriteFile(list, []byte("9:cpu:/\n4:memory:"+path+"\n0::/\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return root, list
}

func TestAProcessIsLimitedInAGroupBelowItsOwn(t *testing.T) {
	for _, path := range []string{"/", "/some/group", "/seen/from/outside"} {
		root, list := fakeGroups(t, path)
		own := root
		if path == "/some/group" {
			own = filepath.Join(root, path)
		}
		if err := os.MkdirAll(own, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(own, "memory.limit_in_bytes"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
		leave, err := limitMemory(root, list, 12345)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		pid := strconv.Itoa(os.Getpid())
		group := filepath.Join(own, "kvbench-"+pid)
		for name, want := range map[string]string{"memory.limit_in_bytes": "12345", "cgroup.procs": pid} {
			got, err := os.ReadFile(filepath.Join(group, name))
			if err != nil || string(got) != want {
				t.Errorf("%s: %s is %q, want %q: %v", path, name, got, want, err)
			}
			os.Remove(filepath.Join(group, name)) // as the kernel's files go with their directory
		}
		if err := leave(); err != nil {
			t.Errorf("%s: leave: %v", path, err)
		}
		if got, _ := os.ReadFile(filepath.Join(own, "cgroup.procs")); string(got) != pid {
			t.Errorf("%s: the process is not back in its group: %q", path, got)
		}
		if _, err := os.Stat(group); err == nil {
			t.Errorf("%s: the group is left", path)
		}
	}
}

func TestWithoutTheControllerMemoryIsNotLimited(t *testing.T) {
	root, list := fakeGroups(t, "/")
	if _, err := limitMemory(root, list, 1); err == nil || !strings.Contains(err.Error(), "no memory controller") {
		t.Errorf("limited by what: %v", err)
	}
	if _, err := limitMemory(root, list+".absent", 1); err == nil {
		t.Error("limited without knowing the group")
	}
}

func TestForgottenFilesAreStillThere(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "sub", "f")
	if err := os.Mkdir(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("data"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := dropCache(dir); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != "data" {
		t.Errorf("%q, %v", got, err)
	}
}
