package tidy

import (
	"fmt"
	"go/ast"
	"path"
	"slices"
	"strings"
)

const (
	maxFileLines = 500
	maxFuncLines = 70
)

// emptyNames say nothing about what a package provides.
var emptyNames = []string{
	"base", "common", "helper", "helpers", "lib", "misc", "shared", "util", "utils",
}

// exits maps a package to the functions that end the program or write to its
// terminal, which is for main to decide.
var exits = map[string][]string{
	"os":  {"Exit"},
	"fmt": {"Print", "Printf", "Println"},
	"log": {"Fatal", "Fatalf", "Fatalln", "Panic", "Panicf", "Panicln", "Print", "Printf", "Println"},
}

// checkPackages: a package has one comment, where a reader looks for it, and
// a name that says what it provides.
func checkPackages(t *Tree, _ *Policy) []Violation {
	var out []Violation
	for _, pkg := range t.Packages {
		if slices.Contains(emptyNames, path.Base(pkg.Dir)) {
			out = append(out, Violation{
				pkg.Files[0].Path, 0, "name",
				"the package is named after nothing: name it after what it provides",
			})
		}
		var code, documented []*File
		for _, f := range pkg.Files {
			if f.Test {
				continue
			}
			code = append(code, f)
			if strings.TrimSpace(f.AST.Doc.Text()) != "" {
				documented = append(documented, f)
			}
		}
		if len(code) == 0 {
			continue
		}
		if v := commentFault(code, documented); v.Do != "" {
			out = append(out, v)
		}
	}
	return out
}

func commentFault(code, documented []*File) Violation {
	if len(documented) == 0 {
		return Violation{
			code[0].Path, 0, "package-comment",
			"the package has no comment: write doc.go (a blank line before package detaches one)",
		}
	}
	if len(documented) > 1 {
		return Violation{
			documented[1].Path, 0, "package-comment",
			"the package has two comments; the other is in " + documented[0].Path + ": keep one",
		}
	}
	f := documented[0]
	if len(code) > 1 && path.Base(f.Path) != "doc.go" {
		return Violation{
			f.Path, 0, "package-comment",
			"the comment of a package with several files stands in doc.go: move it there",
		}
	}
	name := f.AST.Name.Name
	if name != "main" && !strings.HasPrefix(f.AST.Doc.Text(), "Package "+name) {
		return Violation{f.Path, 0, "package-comment", "begin the comment with Package " + name}
	}
	return Violation{}
}

// checkFiles: files and functions are short, nothing runs before main, and
// only the main.go of a program ends it or prints.
func checkFiles(t *Tree, _ *Policy) []Violation {
	var out []Violation
	for _, pkg := range t.Packages {
		for _, f := range pkg.Files {
			if f.Generated {
				continue
			}
			out = append(out, t.checkInit(f)...)
			if f.Test {
				continue
			}
			if f.Lines > maxFileLines {
				out = append(out, Violation{
					f.Path, 0, "file-length",
					fmt.Sprintf("%d lines; split files above %d by verb", f.Lines, maxFileLines),
				})
			}
			out = append(out, t.checkFuncs(f)...)
			if f.AST.Name.Name != "main" || path.Base(f.Path) != "main.go" {
				out = append(out, t.checkExits(f)...)
			}
		}
	}
	return out
}

func (t *Tree) checkInit(f *File) []Violation {
	var out []Violation
	for _, d := range f.AST.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
			out = append(out, Violation{
				f.Path, t.line(fn), "init",
				"nothing runs before main: initialise a variable, or let the caller pass a value",
			})
		}
	}
	return out
}

func (t *Tree) checkFuncs(f *File) []Violation {
	var out []Violation
	for _, d := range f.AST.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok {
			continue
		}
		first, last := t.line(fn), t.fset.Position(fn.End()).Line
		if fn.Doc != nil {
			first = t.fset.Position(fn.Type.Pos()).Line
		}
		if n := last - first + 1; n > maxFuncLines {
			out = append(out, Violation{
				f.Path, first, "func-length",
				fmt.Sprintf("%s has %d lines; split functions above %d", fn.Name.Name, n, maxFuncLines),
			})
		}
	}
	return out
}

// checkExits looks at calls by name. A local function that is called panic
// would be taken for the real one; that is a reason to rename it.
func (t *Tree) checkExits(f *File) []Violation {
	imports := importNames(f.AST)
	var out []Violation
	ast.Inspect(f.AST, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		name := ""
		switch fn := call.Fun.(type) {
		case *ast.Ident:
			if fn.Name == "panic" || fn.Name == "print" || fn.Name == "println" {
				name = fn.Name
			}
		case *ast.SelectorExpr:
			if x, ok := fn.X.(*ast.Ident); ok && slices.Contains(exits[imports[x.Name]], fn.Sel.Name) {
				name = imports[x.Name] + "." + fn.Sel.Name
			}
		}
		if name != "" {
			out = append(out, Violation{
				f.Path, t.line(call), "exit",
				name + ": return an error, or write to what the caller hands in; only main.go exits and prints",
			})
		}
		return true
	})
	return out
}

// importNames maps the names that the file's imports are known by to their
// paths. The last element stands for a name that is not given.
func importNames(f *ast.File) map[string]string {
	names := map[string]string{}
	for _, spec := range f.Imports {
		p := strings.Trim(spec.Path.Value, "\"`")
		name := path.Base(p)
		if spec.Name != nil {
			name = spec.Name.Name
		}
		names[name] = p
	}
	return names
}
