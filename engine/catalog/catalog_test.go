package catalog

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/kvbench/kvbench/engine"
)

func TestEachNameIsListedOnceAndFoundInAnyCase(t *testing.T) {
	seen := map[string]bool{}
	for _, d := range All() {
		if seen[d.Name] || d.Open == nil {
			t.Errorf("%s is listed twice, or cannot be opened", d.Name)
		}
		seen[d.Name] = true
		found, err := Lookup(strings.ToUpper(d.Name))
		if err != nil || found.Name != d.Name {
			t.Errorf("%s: found %q, %v", d.Name, found.Name, err)
		}
	}
	if len(Names()) != len(seen) {
		t.Errorf("names %v", Names())
	}
}

func TestRailsStandLast(t *testing.T) {
	all := All()
	first := slices.IndexFunc(all, func(d engine.Driver) bool { return d.Rail })
	for _, d := range all[max(first, 0):] {
		if !d.Rail {
			t.Errorf("%s stands after a rail", d.Name)
		}
	}
}

func TestABlankEngineIsARail(t *testing.T) {
	for _, d := range All() {
		if d.Blank && !d.Rail {
			t.Errorf("%s is blank, but no rail", d.Name)
		}
	}
}

func TestAnUnknownEngineNamesTheNearest(t *testing.T) {
	_, err := Open("mme", t.TempDir(), nil, engine.Env{})
	if !errors.Is(err, engine.ErrInvalid) || !strings.Contains(err.Error(), "did you mean mem?") {
		t.Error(err)
	}
}

func TestOpenOpensByName(t *testing.T) {
	e, err := Open("Mem", t.TempDir(), map[string]string{"degree": "8"}, engine.Env{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if err := e.Put([]byte("k"), []byte("v"), engine.Default); err != nil {
		t.Error(err)
	}
	if v, err := e.Get(nil, []byte("k")); err != nil || string(v) != "v" {
		t.Errorf("%q, %v", v, err)
	}
}
