package tidy

import (
	"bufio"
	"bytes"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
)

// maxTextSize: larger files are data, which nobody wrote.
const maxTextSize = 4 << 20

// A word is something that means nothing to a reader of this repository.
type word struct {
	pattern *regexp.Regexp
	do      string
}

// words: the patterns are written so that none matches itself.
var words = []word{
	{
		regexp.MustCompile(`(^|[^\w.~-])/work[/]`),
		"a path of one machine: use a relative one",
	},
	{
		regexp.MustCompile(`(?i)\bissues?[ _-]#?[0-9]`),
		"say what the matter is; a report of another project is written owner/repository#695",
	},
	{
		regexp.MustCompile(`\bdesign[.]md\b|\bresearch/\w+[.]md\b`),
		"there is no such file here: state the fact itself",
	},
}

// checkTopLevel: the names at the top of the repository are the floor plan.
func checkTopLevel(t *Tree, p *Policy) []Violation {
	var out []Violation
	seen := map[string]bool{}
	for _, name := range t.Files {
		top, _, below := strings.Cut(name, "/")
		if !t.isTracked(name) || seen[top] || slices.Contains(p.TopLevel, top) {
			continue
		}
		seen[top] = true
		if below {
			top = name
		}
		out = append(out, Violation{
			top, 0, "top-level",
			"the top level is fixed: move this into a room, or change TopLevel in cmd/tidy/policy.go",
		})
	}
	return out
}

// checkWords: text says what a reader outside can follow.
func checkWords(t *Tree, _ *Policy) ([]Violation, error) {
	var out []Violation
	for _, name := range t.Files {
		if !t.isTracked(name) || path.Ext(name) == ".sum" {
			continue
		}
		text, err := fs.ReadFile(t.fsys, name)
		if err != nil {
			return nil, err
		}
		if len(text) > maxTextSize || bytes.IndexByte(text[:min(len(text), 8000)], 0) >= 0 {
			continue
		}
		lines := bufio.NewScanner(bytes.NewReader(text))
		lines.Buffer(nil, maxTextSize+1)
		for n := 1; lines.Scan(); n++ {
			for _, w := range words {
				if w.pattern.Match(lines.Bytes()) {
					out = append(out, Violation{name, n, "words", w.do})
				}
			}
		}
		if err := lines.Err(); err != nil {
			return nil, err
		}
	}
	return out, nil
}
