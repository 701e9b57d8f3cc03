package tidy

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// A Tree is the repository: its files, and the Go files among them parsed.
type Tree struct {
	Files    []string // slash-separated, sorted
	Packages []*Package

	fsys    fs.FS
	tracked map[string]bool // nil: all
	fset    *token.FileSet
}

// A Package is the Go files of one directory.
type Package struct {
	Dir   string
	Files []*File
}

// A File is one parsed Go file.
type File struct {
	Path      string
	Test      bool // its name ends in _test.go
	Generated bool // as go generate marks files
	Lines     int
	AST       *ast.File
}

// Load reads the tree below the root of fsys. Directories that go ignores
// hold no packages for it either. The rules on text hold for the tracked
// files only; nil means that all are.
func Load(fsys fs.FS, tracked []string) (*Tree, error) {
	t := &Tree{fsys: fsys, fset: token.NewFileSet()}
	if tracked != nil {
		t.tracked = map[string]bool{}
		for _, name := range tracked {
			t.tracked[name] = true
		}
	}
	packages := map[string]*Package{}
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (name == ".git" || name == "bin" || name == "kvbench-results"):
			return fs.SkipDir
		case !d.Type().IsRegular():
			return nil
		}
		t.Files = append(t.Files, name)
		if !isGo(name) {
			return nil
		}
		f, err := t.parse(name)
		if err != nil {
			return err
		}
		dir := path.Dir(name)
		if packages[dir] == nil {
			packages[dir] = &Package{Dir: dir}
			t.Packages = append(t.Packages, packages[dir])
		}
		packages[dir].Files = append(packages[dir].Files, f)
		return nil
	})
	return t, err
}

func (t *Tree) parse(name string) (*File, error) {
	src, err := fs.ReadFile(t.fsys, name)
	if err != nil {
		return nil, err
	}
	parsed, err := parser.ParseFile(t.fset, name, src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, fmt.Errorf("parse: %w", err)
	}
	return &File{
		Path:      name,
		Test:      strings.HasSuffix(name, "_test.go"),
		Generated: ast.IsGenerated(parsed),
		Lines:     bytes.Count(src, []byte("\n")),
		AST:       parsed,
	}, nil
}

// isGo reports whether go would take the file for part of a package.
func isGo(name string) bool {
	ignored := func(element string) bool {
		return element == "testdata" || strings.HasPrefix(element, ".") || strings.HasPrefix(element, "_")
	}
	return strings.HasSuffix(name, ".go") && !slices.ContainsFunc(strings.Split(name, "/"), ignored)
}

// isTracked reports whether the file belongs to the repository.
func (t *Tree) isTracked(name string) bool {
	return t.tracked == nil || t.tracked[name]
}

// line is where the node starts.
func (t *Tree) line(n ast.Node) int {
	return t.fset.Position(n.Pos()).Line
}

// A Violation is a place that breaks a rule. Line 0 is the whole file.
type Violation struct {
	Path string
	Line int
	Rule string
	Do   string // what is wrong and what to do
}

func (v Violation) String() string {
	return fmt.Sprintf("%s:%d: %s: %s", v.Path, max(v.Line, 1), v.Rule, v.Do)
}
