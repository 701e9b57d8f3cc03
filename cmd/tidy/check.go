package tidy

import (
	"cmp"
	"slices"
	"strings"
)

// Check applies every rule to the tree and returns what breaks one, in the
// order of files and lines. An exception that lifts nothing is returned as a
// violation too. The error is about reading the tree.
func Check(t *Tree, p *Policy) ([]Violation, error) {
	found, err := checkWords(t, p)
	if err != nil {
		return nil, err
	}
	found = append(found, checkImports(t, p)...)
	found = append(found, checkPackages(t, p)...)
	found = append(found, checkFiles(t, p)...)
	found = append(found, checkTopLevel(t, p)...)
	found = p.except(found)
	slices.SortFunc(found, func(a, b Violation) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Rule, b.Rule))
	})
	return found, nil
}

// except removes what the exceptions lift and adds the idle exceptions.
func (p *Policy) except(found []Violation) []Violation {
	used := make([]bool, len(p.Exceptions))
	var out []Violation
	for _, v := range found {
		lifted := false
		for i, e := range p.Exceptions {
			if e.covers(v) {
				lifted, used[i] = true, true
			}
		}
		if !lifted {
			out = append(out, v)
		}
	}
	for i, e := range p.Exceptions {
		if !used[i] {
			out = append(out, Violation{
				e.Path, 0, "exception",
				"nothing breaks the rule " + e.Rule + " here: remove the line from cmd/tidy/policy.go",
			})
		}
	}
	return out
}

func (e Exception) covers(v Violation) bool {
	if e.Rule != v.Rule {
		return false
	}
	return v.Path == e.Path || strings.HasSuffix(e.Path, "/") && strings.HasPrefix(v.Path, e.Path)
}
