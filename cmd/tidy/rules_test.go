package tidy

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// A files is a small repository: contents by path.
type files map[string]string

// good keeps every rule of House.
var good = files{
	"go.mod":                     "module " + Module + "\n",
	"README.md":                  "See hashicorp/raft#695 and https://example.com/work/x.\n",
	"cmd/kvbench/main.go":        "// Kvbench measures.\npackage main\n\nimport \"os\"\n\nfunc main() { os.Exit(0) }\n",
	"bench/doc.go":               "// Package bench measures.\npackage bench\n",
	"bench/run.go":               "package bench\n\nimport _ \"" + Module + "/engine\"\n",
	"bench/run_test.go":          "package bench\n\nimport _ \"" + Module + "/engine/catalog\"\n",
	"bench/goycsb/db.go":         "// Package goycsb adapts.\npackage goycsb\n\nimport _ \"github.com/pingcap/go-ycsb/pkg/ycsb\"\n",
	"engine/doc.go":              "// Package engine is the contract.\npackage engine\n",
	"engine/peer/bbolt/db.go":    "//go:build any\n\n// Package bbolt adapts.\npackage bbolt\n\nimport (\n\t_ \"os\"\n\n\t_ \"go.etcd.io/bbolt\"\n\n\t_ \"" + Module + "/engine\"\n)\n",
	"engine/mem/db.go":           "// Package mem stores.\npackage mem\n",
	"engine/mem/db_test.go":      "package mem\n\nimport (\n\t_ \"os\"\n\n\t_ \"" + Module + "/engine/enginetest\"\n\t_ \"pgregory.net/rapid\"\n)\n",
	"engine/mem/testdata/bad.go": "package bad; func init() {}\n",
}

// policy is House without what is peculiar to the tree of today.
func policy() *Policy {
	p := House
	p.Exceptions = nil
	return &p
}

// check returns "path:line rule" for what breaks a rule in good with more
// files on top.
func check(t *testing.T, p *Policy, tracked []string, more files) []string {
	t.Helper()
	all := maps.Clone(good)
	maps.Copy(all, more)
	fsys := fstest.MapFS{}
	for name, text := range all {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	tree, err := Load(fsys, tracked)
	if err != nil {
		t.Fatal(err)
	}
	violations, err := Check(tree, p)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, v := range violations {
		if v.Do == "" {
			t.Errorf("%v does not say what to do", v)
		}
		got = append(got, fmt.Sprintf("%s:%d %s", v.Path, v.Line, v.Rule))
	}
	return got
}

func TestAGoodHouseBreaksNoRule(t *testing.T) {
	if got := check(t, policy(), nil, nil); len(got) > 0 {
		t.Errorf("got %q", got)
	}
}

// importing is a package of one file with one import, in line 4.
func importing(name, path string) string {
	return "// Package " + name + " is small.\npackage " + name + "\n\nimport _ \"" + path + "\"\n"
}

// TestEachRuleFires breaks one rule at a time.
func TestEachRuleFires(t *testing.T) {
	const in = Module + "/"
	for _, c := range []struct {
		name string
		more files
		want string // one violation; empty: none
	}{
		{"an import goes up", files{"engine/a.go": "package engine\n\nimport _ \"" + in + "bench\"\n"}, "engine/a.go:3 floor"},
		{"a kit of the lower half knows the contract", files{"engine/vfs/a.go": importing("vfs", in+"engine")}, "engine/vfs/a.go:4 floor"},
		{"an engine imports another", files{"lsm/a.go": importing("lsm", in+"engine/mem")}, "lsm/a.go:4 floor"},
		{"a peer imports another", files{"engine/peer/badger/a.go": importing("badger", in+"engine/peer/bbolt")}, "engine/peer/badger/a.go:4 floor"},
		{"an engine imports its own package", files{"lsm/a.go": importing("lsm", in+"lsm/table")}, ""},
		{"adapters share a package", files{"engine/peer/badger/a.go": importing("badger", in+"engine/peer/internal/dir")}, ""},
		{"bench imports cluster", files{"bench/a.go": "package bench\n\nimport _ \"" + in + "cluster\"\n"}, "bench/a.go:3 floor"},
		{"cluster imports bench", files{"cluster/a.go": importing("cluster", in+"bench")}, "cluster/a.go:4 floor"},
		{"results imports workloads", files{"results/a.go": importing("results", in+"workloads")}, "results/a.go:4 floor"},
		{"bench knows a peer", files{"bench/a.go": "package bench\n\nimport _ \"" + in + "engine/peer/bbolt\"\n"}, "bench/a.go:3 floor"},
		{"replication knows the catalog", files{"replication/a.go": importing("replication", in+"engine/catalog")}, "replication/a.go:4 floor"},
		{"the suite outside of a test", files{"lsm/a.go": importing("lsm", in+"engine/enginetest")}, "lsm/a.go:4 floor"},
		{"a test imports up", files{"engine/a_test.go": "package engine\n\nimport _ \"" + in + "bench\"\n"}, "engine/a_test.go:3 floor"},
		{"a test imports up where the plan lets it", files{"results/a_test.go": "package results\n\nimport _ \"" + in + "workloads\"\n"}, ""},
		{"an import of no room", files{"lsm/a.go": importing("lsm", in+"attic")}, "lsm/a.go:4 floor"},
		{"a package in no room", files{"engine.go": "// Package x is small.\npackage x\n"}, "engine.go:0 room|engine.go:0 top-level"},
		{"a tagged file imports up", files{"lsm/a.go": "//go:build never\n\n" + importing("lsm", in+"bench")}, "lsm/a.go:6 floor"},

		{"a module nobody knows", files{"lsm/a.go": importing("lsm", "example.com/x")}, "lsm/a.go:4 outside"},
		{"a module in the wrong room", files{"lsm/a.go": importing("lsm", "go.etcd.io/bbolt/errors")}, "lsm/a.go:4 outside"},
		{"a module for tests outside of one", files{"lsm/a.go": importing("lsm", "pgregory.net/rapid")}, "lsm/a.go:4 outside"},
		{"a module for tests in one", files{"workloads/a_test.go": "package workloads\n\nimport _ \"github.com/pingcap/go-ycsb/pkg/ycsb\"\n"}, ""},
		{"a module for tests of another room", files{"lsm/a_test.go": "package lsm\n\nimport _ \"github.com/pingcap/go-ycsb/pkg/ycsb\"\n"}, "lsm/a_test.go:3 outside"},
		{"a module whose path begins alike", files{"engine/peer/bbolt/a_test.go": "package bbolt\n\nimport _ \"go.etcd.io/bboltx\"\n"}, "engine/peer/bbolt/a_test.go:3 outside"},
		{"cgo", files{"lsm/a.go": importing("lsm", "C")}, "lsm/a.go:4 outside"},
		{"an engine imports os", files{"lsm/a.go": importing("lsm", "os")}, "lsm/a.go:4 os"},
		{"an engine imports os/exec", files{"engine/mem/a_test.go": "package mem\n\nimport _ \"os/exec\"\n", "lsm/a.go": importing("lsm", "os/exec")}, "lsm/a.go:4 os"},

		{"no package comment", files{"lsm/a.go": "// Copyright.\n\npackage lsm\n"}, "lsm/a.go:0 package-comment"},
		{"two package comments", files{"engine/z.go": "// Package engine again.\npackage engine\n"}, "engine/z.go:0 package-comment"},
		{"a comment in a place of its own", files{"lsm/a.go": "// Package lsm is small.\npackage lsm\n", "lsm/b.go": "package lsm\n"}, "lsm/a.go:0 package-comment"},
		{"a comment that begins otherwise", files{"lsm/a.go": "// All about trees.\npackage lsm\n"}, "lsm/a.go:0 package-comment"},
		{"a name that says nothing", files{"lsm/util/a.go": "// Package util is small.\npackage util\n"}, "lsm/util/a.go:0 name"},

		{"init", files{"bench/a.go": "package bench\n\nfunc init() {}\n"}, "bench/a.go:3 init"},
		{"init in a test", files{"bench/a_test.go": "package bench\n\nfunc init() {}\n"}, "bench/a_test.go:3 init"},
		{"a method called init", files{"bench/a.go": "package bench\n\ntype t int\n\nfunc (t) init() {}\n"}, ""},
		{"a file of 501 lines", files{"bench/a.go": "package bench\n" + strings.Repeat("\n", maxFileLines)}, "bench/a.go:0 file-length"},
		{"a file of 500 lines", files{"bench/a.go": "package bench\n" + strings.Repeat("\n", maxFileLines-1)}, ""},
		{"a function of 71 lines", files{"bench/a.go": longFunc(maxFuncLines + 1)}, "bench/a.go:5 func-length"},
		{"a function of 70 lines", files{"bench/a.go": longFunc(maxFuncLines)}, ""},
		{"long generated code", files{"bench/a.go": "// Code generated by x. DO NOT EDIT.\n\n" + longFunc(999)}, ""},
		{"long test code", files{"bench/a_test.go": longFunc(999)}, ""},

		{"os.Exit", files{"bench/a.go": calling("os", "os.Exit(1)")}, "bench/a.go:5 exit"},
		{"os.Exit under another name", files{"bench/a.go": calling("os", "sys.Exit(1)", "sys ")}, "bench/a.go:5 exit"},
		{"log.Fatal", files{"bench/a.go": calling("log", "log.Fatalf(``)")}, "bench/a.go:5 exit"},
		{"fmt.Println", files{"bench/a.go": calling("fmt", "fmt.Println()")}, "bench/a.go:5 exit"},
		{"panic", files{"bench/a.go": calling("fmt", "panic(1)")}, "bench/a.go:5 exit"},
		{"fmt.Fprintln", files{"bench/a.go": calling("fmt", "fmt.Fprintln(nil)")}, ""},
		{"panic in a test", files{"bench/a_test.go": calling("fmt", "panic(1)")}, ""},
		{"exit beside main.go", files{"cmd/kvbench/main.go": "package main\n\nimport \"os\"\n\nfunc main() { os.Exit(0) }\n", "cmd/kvbench/doc.go": "// Kvbench measures.\npackage main\n", "cmd/kvbench/a.go": strings.Replace(calling("os", "os.Exit(1)"), "bench", "main", 1)}, "cmd/kvbench/a.go:5 exit"},

		{"a new name at the top", files{"attic/notes.txt": ""}, "attic/notes.txt:0 top-level"},
		{"a path of one machine", files{"README.md": "Hello,\nlook in /wo" + "rk/x.\n"}, "README.md:2 words"},
		{"a number of our own", files{"README.md": "Done in Issue" + " 7.\n"}, "README.md:1 words"},
		{"a number with a hash", files{"README.md": "Done in issue" + " #7.\n"}, "README.md:1 words"},
		{"a page that is elsewhere", files{"README.md": "As design" + ".md says.\n"}, "README.md:1 words"},
		{"a word in a binary file", files{"bench/x.bin": "\x00 /wo" + "rk/x"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var want []string
			if c.want != "" {
				want = strings.Split(c.want, "|")
			}
			if got := check(t, policy(), nil, c.more); !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func longFunc(lines int) string {
	return "package bench\n\n// F is long\n// and has a comment.\nfunc F() {" + strings.Repeat("\n", lines-1) + "}\n"
}

// calling is a file with one import, which may have a name, and one call, in
// line 5.
func calling(path, call string, name ...string) string {
	return "package bench\n\nimport " + strings.Join(name, "") + "\"" + path + "\"\n\nfunc f() { " + call + " }\n"
}

func TestAnExceptionLiftsItsRuleOnly(t *testing.T) {
	p := policy()
	p.Exceptions = append(p.Exceptions, Exception{"init", "bench/", "a test"})
	got := check(t, p, nil, files{"bench/a.go": calling("fmt", "panic(1)") + "\nfunc init() {}\n"})
	if want := []string{"bench/a.go:5 exit"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAnExceptionThatLiftsNothingIsAViolation(t *testing.T) {
	p := policy()
	p.Exceptions = append(p.Exceptions, Exception{"init", "bench/run.go", "a test"})
	got := check(t, p, nil, nil)
	if want := []string{"bench/run.go:0 exception"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTextThatIsNotTrackedIsFree(t *testing.T) {
	more := files{"attic/notes.txt": "/wo" + "rk/x\n", "lsm/a.go": "package lsm\n"}
	got := check(t, policy(), []string{"README.md"}, more)
	if want := []string{"lsm/a.go:0 package-comment"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAFileThatDoesNotParseIsAnErrorWithItsPlace(t *testing.T) {
	_, err := Load(fstest.MapFS{"lsm/a.go": {Data: []byte("package lsm\n}\n")}}, nil)
	if err == nil || !strings.Contains(err.Error(), "lsm/a.go:2") {
		t.Errorf("got %v", err)
	}
}
