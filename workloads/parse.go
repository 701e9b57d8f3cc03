package workloads

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/magiconair/properties"

	near "github.com/kvbench/kvbench/engine/nearest"
)

// File is a property file that has been read.
type File struct {
	Name string
	Data []byte
}

// Input is where a workload comes from. Later sources win: the preset, then
// the files in order, then the overrides in order.
type Input struct {
	Preset    string   // name of a preset, or empty
	Files     []File   // as given with -P
	Overrides []string // "property=value", as given with -p
	// ReadFile reads the histogram files that properties name; os.ReadFile if
	// nil.
	ReadFile func(name string) ([]byte, error)
}

// setting is a given property and where it was given.
type setting struct {
	value, where string
	order        int // of the source; later sources win
}

// settings collects given properties.
type settings struct {
	known    map[string]PropertyInfo
	names    []string // of all properties, for suggestions
	given    map[string]setting
	warnings []string
	errs     []error
	sources  int
}

// Parse resolves an input to a workload. It is strict: an unknown property, an
// ill-typed or contradictory value is an error, and the error lists all that
// was found. What is known but has no effect here is in Spec.Warnings.
func Parse(in Input) (*Spec, error) {
	s := &settings{known: map[string]PropertyInfo{}, given: map[string]setting{}}
	for _, p := range Properties() {
		s.known[p.Name] = p
		s.names = append(s.names, p.Name)
	}
	name, err := s.gather(in)
	if err != nil {
		return nil, err
	}
	read := in.ReadFile
	if read == nil {
		read = os.ReadFile
	}
	r := &resolver{settings: s, readFile: read, spec: &Spec{Name: name, Source: sourceOf(in)}}
	return r.resolve()
}

// gather reads all sources and returns the name of the workload.
func (s *settings) gather(in Input) (name string, err error) {
	name = "custom"
	if in.Preset != "" {
		info, data, err := preset(in.Preset)
		if err != nil {
			return "", err
		}
		name = info.Name
		s.addFile(File{Name: "preset " + info.Name, Data: data})
		if s.wantsGoYCSB(in) {
			s.addFile(goYCSBOverlay(info.Name))
		}
	}
	for _, f := range in.Files {
		s.addFile(f)
		name = strings.TrimSuffix(filepath.Base(f.Name), ".properties")
	}
	for _, o := range in.Overrides {
		s.sources++
		key, value, ok := strings.Cut(o, "=")
		if !ok {
			s.errs = append(s.errs, fmt.Errorf("override %q: want property=value", o))
			continue
		}
		s.add(strings.TrimSpace(key), value, "-p "+o)
	}
	return name, nil
}

// sourceOf names the preset and the files of an input.
func sourceOf(in Input) string {
	var parts []string
	if in.Preset != "" {
		parts = append(parts, "preset")
	}
	for _, f := range in.Files {
		parts = append(parts, f.Name)
	}
	return strings.Join(parts, ", ")
}

// wantsGoYCSB reports whether the sources after the preset choose go-ycsb.
func (s *settings) wantsGoYCSB(in Input) bool {
	probe := &settings{known: s.known, names: s.names, given: map[string]setting{}}
	for _, f := range in.Files {
		probe.addFile(f)
	}
	for _, o := range in.Overrides {
		key, value, _ := strings.Cut(o, "=")
		probe.add(strings.TrimSpace(key), value, "")
	}
	return probe.given["ycsbcompat"].value == string(GoYCSB)
}

func (s *settings) addFile(f File) {
	s.sources++
	l := properties.Loader{Encoding: properties.UTF8, DisableExpansion: true}
	p, err := l.LoadBytes(f.Data)
	if err != nil {
		s.errs = append(s.errs, fmt.Errorf("%s: %w", f.Name, err))
		return
	}
	for _, key := range p.Keys() {
		value, _ := p.Get(key)
		lines := linesOf(f.Data, key)
		where := f.Name
		if len(lines) > 0 {
			where = fmt.Sprintf("%s:%d", f.Name, lines[len(lines)-1])
		}
		if len(lines) > 1 {
			s.warnings = append(s.warnings, fmt.Sprintf("%s: %s is set %d times; the last one counts", where, key, len(lines)))
		}
		s.add(key, value, where)
	}
}

// linesOf returns the numbers of the lines that set key, as far as the key is
// spelled plainly.
func linesOf(data []byte, key string) []int {
	var at []int
	for i, line := range strings.Split(string(data), "\n") {
		rest, ok := strings.CutPrefix(strings.TrimLeft(line, " \t\f"), key)
		if ok && (strings.TrimSpace(rest) == "" || strings.ContainsAny(rest[:1], "=: \t\f")) {
			at = append(at, i+1)
		}
	}
	return at
}

// add records a property, or an error or a warning about it.
func (s *settings) add(key, value, where string) {
	key = canonical(key)
	info, ok := s.known[key]
	switch {
	case !ok && s.foreign(key):
		s.warnings = append(s.warnings, fmt.Sprintf("%s: %s is a property of a database binding; it has no effect here", where, key))
		return
	case !ok:
		s.errs = append(s.errs, fmt.Errorf("%s: unknown property %q; nearest is %q", where, key, nearest(key, s.names)))
		return
	case info.Ignored:
		s.warnings = append(s.warnings, fmt.Sprintf("%s: %s has no effect (%s)", where, key, strings.TrimPrefix(info.Effect, "none: ")))
	}
	s.given[key] = setting{value: strings.TrimSpace(value), where: where, order: s.sources}
}

// foreign reports whether a key belongs to somebody else: it has a prefix and
// is no misspelling of one of ours.
func (s *settings) foreign(key string) bool {
	if i := strings.IndexByte(key, '.'); i <= 0 || strings.HasPrefix(key, "kvbench.") {
		return false
	}
	for _, n := range s.names {
		if strings.Contains(n, ".") && len(key) < 64 && near.Distance(key, n) <= 2 {
			return false
		}
	}
	return true
}

// value returns what was given, or the default.
func (s *settings) value(name string) string {
	if g, ok := s.given[name]; ok {
		return g.value
	}
	return s.known[name].Default
}

func (s *settings) has(name string) bool {
	_, ok := s.given[name]
	return ok
}

// where says where a property was given.
func (s *settings) where(name string) string {
	if g, ok := s.given[name]; ok {
		return g.where
	}
	return "default"
}

// err joins everything that was found, each thing once.
func (s *settings) err() error {
	seen := map[string]bool{}
	return errors.Join(slices.DeleteFunc(s.errs, func(e error) bool {
		dup := seen[e.Error()]
		seen[e.Error()] = true
		return dup
	})...)
}
