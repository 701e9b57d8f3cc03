package bench

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/results"
)

func TestCombinationsTakeEveryValueOfEveryAxisOnce(t *testing.T) {
	axes := []results.Axis{{Name: "a", Values: []string{"1", "2"}}, {Name: "b", Values: []string{"x", "y", "z"}}}
	var got []string
	for _, c := range Combinations(axes) {
		got = append(got, c["a"]+c["b"])
	}
	if want := []string{"1x", "1y", "1z", "2x", "2y", "2z"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if none := Combinations(nil); len(none) != 1 || len(none[0]) != 0 {
		t.Errorf("no axis makes %v, want one empty combination", none)
	}
}

// sweepDriver has two settings and a cache.
func sweepDriver(name string) engine.Driver {
	return engine.Driver{Name: name, Settings: []engine.Setting{
		engine.DurabilityOption(engine.OS, engine.Durabilities(engine.OS)),
		engine.CacheBytesOption("1m", "blocks"), engine.NoReadOnly("it cannot"),
		{Name: "ratio", Kind: engine.IntSetting, Default: "4", Effect: "e", Min: 1, Max: 100},
	}}
}

func TestAnAxisMultipliesTheEnginesThatItConcerns(t *testing.T) {
	choices := []EngineChoice{
		{Driver: sweepDriver("lsm"), Settings: map[string]string{"ratio": "9"}},
		{Driver: sweepDriver("lsm"), Label: "lsm@small"},
		{Driver: sweepDriver("btree")},
	}
	got, err := VaryEngines(choices, []results.Axis{{Name: "lsm.ratio", Values: []string{"2", "8"}}, {Name: "cache", Values: []string{"1m"}}})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range got {
		names = append(names, fmt.Sprint(c.Name(), " ", c.Settings["ratio"], " ", c.Axes["lsm.ratio"]))
	}
	want := []string{
		"lsm@ratio=2,cache_bytes=1m 2 2", "lsm@ratio=8,cache_bytes=1m 8 8",
		"lsm@small,ratio=2,cache_bytes=1m 2 2", "lsm@small,ratio=8,cache_bytes=1m 8 8",
		"btree@cache_bytes=1m  ",
	}
	if !slices.Equal(names, want) {
		t.Errorf("got  %q\nwant %q", names, want)
	}
	if choices[0].Settings["ratio"] != "9" {
		t.Error("the choice that was given has changed")
	}
}

func TestAnAxisOfNobodyAndAValueOfNoKindAreRefused(t *testing.T) {
	choices := []EngineChoice{{Driver: sweepDriver("lsm")}}
	for _, axis := range []results.Axis{{Name: "btree.ratio", Values: []string{"2"}}, {Name: "lsm.ratio", Values: []string{"2", "many"}}} {
		_, err := VaryEngines(choices, []results.Axis{axis})
		if !errors.Is(err, engine.ErrInvalid) || !strings.Contains(err.Error(), strings.Split(axis.Name, ".")[1]) {
			t.Errorf("%v: error %v", axis, err)
		}
	}
}

func TestCellsThatAreDoneArePassedOver(t *testing.T) {
	x := experiment(t, []string{"disk", "memory"}, []string{"a"})
	p, err := x.Plan()
	if err != nil {
		t.Fatal(err)
	}
	done := map[string]bool{}
	for _, c := range p.Cells {
		if c.Spec.Cell.Engine.Name == "disk" { // then nothing needs its load either
			done[c.Spec.Cell.ID] = true
		}
	}
	w, err := results.Create(t.TempDir()+"/r", x.Manifest(p))
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	var begun []string
	watch := beginnings(func(c *results.Cell) { begun = append(begun, c.ID) })
	if err := (&Runner{Starter: InProcess{Deps: toyDeps()}, Watcher: watch, Results: w, Done: done}).Run(t.Context(), x, p); err != nil {
		t.Fatal(err)
	}
	if len(begun) != 2 || slices.ContainsFunc(begun, func(id string) bool { return done[id] || strings.HasPrefix(id, "prepare") }) {
		t.Errorf("begun: %v", begun)
	}
}

// beginnings is a Watcher that hears of beginnings alone.
type beginnings func(*results.Cell)

func (f beginnings) Begin(_, _ int, c *results.Cell, _ Task) { f(c) }
func (f beginnings) Progress(Progress)                       {}
func (f beginnings) End(*results.Cell)                       {}
