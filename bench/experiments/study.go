package experiments

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/kvbench/kvbench/engine"
)

// A Study is one built-in experiment: a question, a procedure that gathers
// evidence, and the shape that the evidence should have. It is plain data and
// functions; nothing of it changes while it runs.
type Study struct {
	Name     string // as users type it: lower case, words joined by hyphens
	Title    string
	Question string
	// Story is what a student should know before looking at the figure: what
	// the designs are and why they should differ. Paragraphs are separated by
	// empty lines.
	Story string
	Paper string // authors, title, venue, year
	Look  string // what to look for in the figure

	// Needs are the features without which the study cannot run.
	Needs []Need

	// Run gathers the evidence. Everything it opens belongs below lab's
	// directory; what it does follows from lab's scale and seed.
	Run func(ctx context.Context, lab *Lab) error
	// Judge draws the figure and makes the claims. It is pure: the same
	// evidence gives the same outcome. Evidence that is missing makes a claim
	// that could not be judged, never one that held.
	Judge func(e *Evidence)
}

// A Need is an engine, or one of its settings, or one value of that.
type Need struct {
	Engine  string
	Setting string // empty: the engine alone
	Value   string // empty: any
	// Optional needs leave a side out where they are not met.
	Optional bool
}

// String names the feature as users know it.
func (n Need) String() string {
	switch {
	case n.Setting == "":
		return "engine " + n.Engine
	case n.Value == "":
		return "setting " + n.Engine + "." + n.Setting
	}
	return "setting " + n.Engine + "." + n.Setting + "=" + n.Value
}

// unmet returns why the need is not met by what lookup finds, or nil.
func (n Need) unmet(lookup Lookup) error {
	d, err := lookup(n.Engine)
	if err != nil {
		return fmt.Errorf("%w: this build has no %s", engine.ErrUnsupported, Need{Engine: n.Engine})
	}
	if n.Setting == "" {
		return nil
	}
	s, ok := d.Setting(n.Setting)
	if !ok || s.Inapplicable != "" {
		return fmt.Errorf("%w: the engine has no %s", engine.ErrUnsupported, Need{Engine: n.Engine, Setting: n.Setting})
	}
	if n.Value == "" {
		return nil
	}
	if _, err := engine.Resolve(d.Settings, map[string]string{n.Setting: n.Value}); err != nil {
		return fmt.Errorf("%w: the engine has no %s", engine.ErrUnsupported, n)
	}
	return nil
}

// Missing names the features that the study needs and lookup does not find;
// empty when it can run.
func (s *Study) Missing(lookup Lookup) string {
	var missing []string
	for _, n := range s.Needs {
		if !n.Optional && n.unmet(lookup) != nil {
			missing = append(missing, n.String())
		}
	}
	return strings.Join(missing, ", ")
}

// Lookup finds an engine's driver by name.
type Lookup func(name string) (engine.Driver, error)

// A Scale is how large a study is.
type Scale string

const (
	Tiny  Scale = "tiny"  // seconds: counters only, the same on every machine
	Small Scale = "small" // minutes: times as well, as advice
	Full  Scale = "full"  // as published
)

// Scales lists all, smallest first.
func Scales() []Scale { return []Scale{Tiny, Small, Full} }

// ParseScale reads a scale's name.
func ParseScale(text string) (Scale, error) {
	if s := Scale(strings.ToLower(text)); slices.Contains(Scales(), s) {
		return s, nil
	}
	return "", fmt.Errorf("%w: scale %q: want tiny, small or full", engine.ErrInvalid, text)
}

// pick chooses by scale.
func pick[T any](s Scale, tiny, small, full T) T {
	switch s {
	case Small:
		return small
	case Full:
		return full
	}
	return tiny
}

// Find looks a study up by name. The error names the nearest.
func Find(name string) (Study, error) {
	names := make([]string, 0, len(All()))
	for _, s := range All() {
		if strings.EqualFold(s.Name, name) {
			return s, nil
		}
		names = append(names, s.Name)
	}
	return Study{}, fmt.Errorf("%w: unknown experiment %q%s", engine.ErrInvalid, name, engine.Suggest(name, names))
}
