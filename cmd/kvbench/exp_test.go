package main

import (
	"encoding/json"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kvbench/kvbench/bench/experiments"
	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/catalog"
	"github.com/kvbench/kvbench/results"
)

func TestAnExperimentLeavesAResultsDirectoryWithItsClaims(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	o := finish(t, asProcess(t, dir, "exp", "run", "filters", "--scale", "tiny", "--out", "r", "--no-progress")).must(t, exitOK)
	run := openRun(t, filepath.Join(dir, "r"))
	s := run.Manifest.Study
	if s == nil || s.Name != "filters" || s.Scale != "tiny" || len(s.Claims) == 0 || len(s.Figure.Points) == 0 || len(run.Cells) == 0 {
		t.Fatalf("the study is not recorded: %d cells, %+v", len(run.Cells), s)
	}
	if run.Manifest.Status != results.StatusOK || run.Manifest.Finished == nil || run.Manifest.Host.CPUs == 0 {
		t.Errorf("manifest: %s, finished %v, %d CPUs", run.Manifest.Status, run.Manifest.Finished, run.Manifest.Host.CPUs)
	}
	for _, words := range []string{"bloom10", "held ", s.Claims[0].Text, "What to look for:", "Results: r"} {
		if !strings.Contains(o.out, words) {
			t.Errorf("the output does not say %q:\n%s", words, o.out)
		}
	}
	if exists(filepath.Join(dir, "r", "data")) {
		t.Error("the data are still there")
	}
}

func TestAnExperimentAsJSONIsNothingElse(t *testing.T) {
	t.Parallel()
	o := finish(t, asProcess(t, t.TempDir(), "exp", "run", "scan-crossover", "--scale", "tiny", "--out", "r", "--format", "json")).must(t, exitOK)
	var s results.Study
	if err := json.Unmarshal([]byte(o.out), &s); err != nil || s.Name != "scan-crossover" {
		t.Errorf("%v: %q", err, o.out)
	}
}

func TestWhatIsWrongWithTheNameOfAnExperimentIsSaid(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"exp", "run", "monky"}, "did you mean monkey?"},
		{[]string{"exp", "describe", "monky"}, "did you mean monkey?"},
		{[]string{"exp", "run"}, "exp list"},
		{[]string{"exp", "run", "monkey", "monkey"}, "named twice"},
		{[]string{"exp", "run", "all", "monkey"}, "all has every one"},
		{[]string{"exp", "run", "monkey", "--scale", "huge"}, "tiny, small or full"},
		{[]string{"exp", "run", "monkey", "--format", "xml"}, "xml"},
		{[]string{"exp", "run", "monkey", "--reps", "-1"}, "at least 0"},
		{[]string{"exp", "rum"}, "unknown command"},
	} {
		if o := inProcess(t, c.args...).must(t, exitUsage); !strings.Contains(o.errs, c.want) {
			t.Errorf("%v: %q, want %q in it", c.args, o.errs, c.want)
		}
	}
}

func TestExperimentsAreListedAndDescribed(t *testing.T) {
	t.Parallel()
	list := inProcess(t, "exp", "list").must(t, exitOK).out
	for _, s := range experiments.All() {
		if !strings.Contains(list, s.Name) {
			t.Errorf("%s is not listed", s.Name)
		}
		text := inProcess(t, "exp", "describe", s.Name).must(t, exitOK).out
		for _, head := range []string{s.Title, "What to look for", "From", "--scale tiny"} {
			if !strings.Contains(text, head) {
				t.Errorf("describe %s does not say %q:\n%s", s.Name, head, text)
			}
		}
	}
	var all []studyText
	if err := json.Unmarshal([]byte(inProcess(t, "exp", "list", "--format", "json").must(t, exitOK).out), &all); err != nil || len(all) != len(experiments.All()) {
		t.Errorf("%d experiments as JSON, error %v", len(all), err)
	}
}

func TestAnExperimentWhoseEngineIsMissingSaysWhich(t *testing.T) {
	t.Parallel()
	var out, errs strings.Builder
	a := newApp([]string{"exp"}, strings.NewReader(""), &out, io.MultiWriter(&errs), func(int) {})
	a.lookup = func(name string) (engine.Driver, error) {
		if name == "lsm" {
			return engine.Driver{}, errors.New("not in this build")
		}
		return catalog.Lookup(name)
	}
	dir := filepath.Join(t.TempDir(), "r")
	err := a.expRun(t.Context(), &expOptions{scale: "tiny", outDir: dir, format: "table"}, []string{"monkey"})
	if exitCode(err) != exitUsage || !strings.Contains(err.Error(), "engine lsm") {
		t.Errorf("error %v, exit code %d", err, exitCode(err))
	}
	if run := openRun(t, dir); run.Manifest.Study == nil || !strings.Contains(run.Manifest.Study.Missing, "engine lsm") {
		t.Errorf("recorded: %+v", run.Manifest.Study)
	}
	if !strings.Contains(out.String(), "not run: this build has no engine lsm") {
		t.Errorf("printed: %q", out.String())
	}
}

func TestTheWorstOfSeveralExperimentsDecides(t *testing.T) {
	t.Parallel()
	no, yes := false, true
	fine := studyOutcome{study: &results.Study{Name: "fine", Claims: []results.Claim{{Held: &yes}, {Held: &no, Advisory: true}}}}
	unshaped := studyOutcome{study: &results.Study{Name: "unshaped", Claims: []results.Claim{{Text: "a", Held: &yes}, {Text: "b", Held: &no}}}}
	unknown := studyOutcome{study: &results.Study{Name: "unknown", Claims: []results.Claim{{Text: "c"}}}}
	missing := studyOutcome{study: &results.Study{Name: "missing", Missing: "engine x"}}
	failed := studyOutcome{study: &results.Study{Name: "failed"}, invalid: invalidRun{"1 of 2 cells failed"}}
	for _, c := range []struct {
		list []studyOutcome
		code int
		want string
	}{
		{[]studyOutcome{fine}, exitOK, ""},
		{[]studyOutcome{fine, unshaped}, exitMissed, "1 of 2 claims did not hold; the first: b"},
		{[]studyOutcome{unknown}, exitMissed, "the first: c"},
		{[]studyOutcome{missing, fine}, exitUsage, "engine x"},
		{[]studyOutcome{missing, unshaped}, exitMissed, "unshaped"},
		{[]studyOutcome{failed, unshaped}, exitInvalid, "cells failed"},
	} {
		err := worst(c.list)
		if exitCode(err) != c.code || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: exit code %d, error %v, want %d and %q", c.list[0].study.Name, exitCode(err), err, c.code, c.want)
		}
	}
	text := summaryOf([]studyOutcome{fine, unshaped, missing, failed})
	for _, words := range []string{"1 of 2", "NOT HELD", "missing engine x", "failed"} {
		if !strings.Contains(text, words) {
			t.Errorf("the summary does not say %q:\n%s", words, text)
		}
	}
}
