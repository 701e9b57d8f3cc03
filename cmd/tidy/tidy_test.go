package tidy

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const root = "../.."

// TestTheRepositoryKeepsTheHouseRules is the floors test.
func TestTheRepositoryKeepsTheHouseRules(t *testing.T) {
	tree, err := Load(os.DirFS(root), tracked(t))
	if err != nil {
		t.Fatal(err)
	}
	if len(tree.Packages) == 0 {
		t.Fatalf("no packages below %s", root)
	}
	violations, err := Check(tree, &House)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range violations {
		t.Error(v)
	}
}

// tracked asks git for the files of the repository. Nil, which means all
// files, outside of a work tree: an unpacked archive holds nothing else.
func tracked(t *testing.T) []string {
	t.Helper()
	if _, err := os.Stat(filepath.Join(root, ".git")); err != nil {
		return nil
	}
	list, err := exec.Command("git", "-C", root, "ls-files", "-z").Output()
	if err != nil {
		t.Logf("git ls-files: %v; all files count as tracked", err)
		return nil
	}
	var names []string
	for name := range bytes.SplitSeq(list, []byte{0}) {
		names = append(names, string(name))
	}
	return names
}

func TestEveryDirectDependencyIsInThePolicy(t *testing.T) {
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, m := range House.Modules {
		known[m.Path] = true
	}
	for line := range strings.Lines(string(mod)) {
		fields := strings.Fields(strings.TrimPrefix(line, "require "))
		if len(fields) != 2 || !strings.HasPrefix(fields[1], "v") {
			continue // not a requirement, or one with the mark // indirect
		}
		if !known[fields[0]] {
			t.Errorf("go.mod requires %s, which cmd/tidy/modules.go lacks", fields[0])
		}
	}
}

func TestThePolicyContradictsItselfNowhere(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range House.Rooms {
		if seen[r.Dir] {
			t.Errorf("two rooms in %s", r.Dir)
		}
		seen[r.Dir] = true
		for _, never := range r.Never {
			sample := strings.TrimSuffix(never, "/") + "/x"
			if to, ok := House.room(sample); !ok || to.Floor >= r.Floor {
				t.Errorf("%s: Never names %s, which no lower floor has", r.Dir, never)
			}
		}
	}
	seen = map[string]bool{}
	for _, m := range House.Modules {
		if seen[m.Path] {
			t.Errorf("two lines for %s", m.Path)
		}
		seen[m.Path] = true
		if m.Reason == "" {
			t.Errorf("%s: no reason", m.Path)
		}
		for _, dir := range append(m.Rooms, m.Tests...) {
			if dir == "..." {
				continue
			}
			if _, ok := House.room(strings.TrimSuffix(dir, "/")); !ok {
				t.Errorf("%s: %s is no room", m.Path, dir)
			}
		}
	}
	for _, e := range House.Exceptions {
		if e.Reason == "" {
			t.Errorf("exception %s %s: no reason", e.Rule, e.Path)
		}
	}
}
