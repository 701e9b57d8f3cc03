package tidy

import (
	"fmt"
	"go/ast"
	"path"
	"slices"
	"strconv"
	"strings"
)

// room is the room of a package directory. For a room whose Dir ends in /*,
// each directory there is a room of its own, and the result names it; a room
// that the plan lists by its name comes first.
func (p *Policy) room(dir string) (Room, bool) {
	var best Room
	longest := -1
	for _, r := range p.Rooms {
		length := len(r.Dir)
		if parent, ok := strings.CutSuffix(r.Dir, "/*"); ok {
			rest, below := strings.CutPrefix(dir, parent+"/")
			if !below {
				continue
			}
			first, _, _ := strings.Cut(rest, "/")
			r.Dir = path.Join(parent, first)
		}
		if within(dir, r.Dir) && length > longest {
			best, longest = r, length
		}
	}
	return best, longest >= 0
}

func within(dir, root string) bool {
	return dir == root || strings.HasPrefix(dir, root+"/")
}

// matches reports whether a list of rooms names the directory, itself or by
// an entry that ends in a slash.
func matches(rooms []string, dir string) bool {
	return slices.ContainsFunc(rooms, func(r string) bool {
		if strings.HasSuffix(r, "/") {
			return strings.HasPrefix(dir, r)
		}
		return r == "..." || within(dir, r)
	})
}

// checkImports: every package has a room, imports between rooms go down only,
// outside modules are imported where the policy says, and os stays below.
func checkImports(t *Tree, p *Policy) []Violation {
	var out []Violation
	for _, pkg := range t.Packages {
		from, ok := p.room(pkg.Dir)
		if !ok {
			out = append(out, Violation{
				pkg.Files[0].Path, 0, "room",
				"the directory belongs to no room: move it, or give it a floor in cmd/tidy/policy.go",
			})
		}
		for _, f := range pkg.Files {
			for _, spec := range f.AST.Imports {
				rule, do := p.checkImport(pkg.Dir, from, ok, f, spec)
				if do != "" {
					out = append(out, Violation{f.Path, t.line(spec), rule, do})
				}
			}
		}
	}
	return out
}

func (p *Policy) checkImport(dir string, from Room, known bool, f *File, spec *ast.ImportSpec) (rule, do string) {
	name, err := strconv.Unquote(spec.Path.Value)
	if err != nil {
		return "floor", "the import path is not a string"
	}
	first, _, _ := strings.Cut(name, "/")
	inside := within(name, Module)
	switch {
	case inside && known:
		to, ok := p.room(strings.TrimPrefix(strings.TrimPrefix(name, Module), "/"))
		if !ok {
			return "floor", fmt.Sprintf("%s belongs to no room", name)
		}
		return "floor", floorFault(from, to, f.Test)
	case inside:
		return "", ""
	case name == "C" || strings.Contains(first, "."):
		return "outside", p.outsideFault(dir, name, f.Test)
	case first == "os" && from.NoOS && !f.Test:
		return "os", fmt.Sprintf("%s reaches the system through engine/vfs and engine.Env, not package %s", from.Dir, name)
	}
	return "", ""
}

// floorFault says why a file may not import the room; "" means that it may.
func floorFault(from, to Room, test bool) string {
	switch {
	case from.Dir == to.Dir:
		return ""
	case test && (to.Floor < from.Floor || to.TestsOnly || matches(from.TestsMay, to.Dir)):
		return ""
	case test:
		return fmt.Sprintf("tests in %s (floor %d) may not import %s (floor %d): move the test up, or allow it in TestsMay with a reason",
			from.Dir, from.Floor, to.Dir, to.Floor)
	case to.TestsOnly:
		return fmt.Sprintf("%s is for test files only", to.Dir)
	case to.Floor >= from.Floor:
		return fmt.Sprintf("%s (floor %d) may not import %s (floor %d): imports go down; take an interface or a function instead",
			from.Dir, from.Floor, to.Dir, to.Floor)
	case matches(from.Never, to.Dir):
		return fmt.Sprintf("%s works on any engine and may not know %s: let the caller hand it in", from.Dir, to.Dir)
	}
	return ""
}

// outsideFault says why a package may not import the path; "" means that it
// may.
func (p *Policy) outsideFault(dir, name string, test bool) string {
	for _, m := range p.Modules {
		if !within(name, m.Path) {
			continue
		}
		if matches(m.Rooms, dir) || test && matches(m.Tests, dir) {
			return ""
		}
		return fmt.Sprintf("%s (%s) is for %s only: use what that offers, or change cmd/tidy/modules.go",
			m.Path, m.Reason, allowed(m))
	}
	return fmt.Sprintf("%s is no known module: do without, or add it to cmd/tidy/modules.go with a reason", name)
}

func allowed(m Outside) string {
	var places []string
	places = append(places, m.Rooms...)
	for _, r := range m.Tests {
		places = append(places, "tests of "+r)
	}
	return strings.Join(places, ", ")
}
