package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/kvbench/kvbench/results"
)

func TestARunThatMustBeSteadyAndIsNotEndsWithACodeOfItsOwn(t *testing.T) {
	// One row is too few to tell, and a stall of the machine adds none.
	o := finish(t, asProcess(t, t.TempDir(), quick("mem", "-w", "C", "--reps", "1", "--interval", "1m", "--require-steady", "-o", "r")...)).must(t, exitNotSteady)
	if !strings.Contains(o.errs, "not steady") || !strings.Contains(o.errs, "too few") || !strings.Contains(o.errs, "--duration") {
		t.Errorf("it says: %s", o.errs)
	}
	// A load is not asked.
	finish(t, asProcess(t, t.TempDir(), quick("mem", "-w", "load", "--reps", "1", "--require-steady", "-o", "r")...)).must(t, exitOK)
	if !errors.As(steadiness(&results.Run{Cells: []results.Cell{{Status: results.StatusOK, Quality: results.Quality{Flags: []results.Flag{{Name: results.FlagNotSteady}}}}}}), new(notSteady)) {
		t.Error("a cell that is not steady passes")
	}
}

func TestAWarmUpIsATimeOrUntilSteady(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string // of the plan
	}{
		{nil, "a warm-up until steady (500ms to 2s)"},
		{[]string{"--duration", "10ms"}, "a warm-up until steady (500ms to 500ms)"},
		{[]string{"--duration", "1h"}, "until steady (500ms to 1m0s)"},
		{[]string{"--warmup-max", "100ms"}, "until steady (100ms to 100ms)"},
		{[]string{"--warmup", "AUTO", "--warmup-max", "9"}, "until steady (500ms to 9s)"},
		{[]string{"--warmup", "3"}, "after 3s of warm-up"},
		{[]string{"--warmup", "0"}, "after 0"},
	} {
		o := inProcess(t, append([]string{"run", "mem", "--dry-run"}, c.args...)...).must(t, exitOK)
		if !strings.Contains(o.out, c.want) {
			t.Errorf("%v: the plan lacks %q:\n%s", c.args, c.want, o.out)
		}
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--warmup", "soon"}, "want auto, or a time"},
		{[]string{"--warmup", "-1s"}, "want auto, or a time"},
		{[]string{"--warmup", "3s", "--warmup-max", "9s"}, "--warmup 3s says how long"},
		{[]string{"--interval", "1ms"}, "at least 10ms"},
	} {
		o := inProcess(t, append([]string{"run", "mem", "--dry-run"}, c.args...)...).must(t, exitUsage)
		if !strings.Contains(o.errs, c.want) {
			t.Errorf("%v: %s", c.args, o.errs)
		}
	}
}

func TestARegimeIsClaimedByName(t *testing.T) {
	o := inProcess(t, "run", "mem", "--dry-run", "--regime", "cashed").must(t, exitUsage)
	if !strings.Contains(o.errs, "want cached, oscached, iobuf or iodirect") {
		t.Errorf("%s", o.errs)
	}
	o = inProcess(t, "run", "lsm", "bbolt", "--dry-run", "--regime", "iodirect").must(t, exitUsage)
	if !strings.Contains(o.errs, "bbolt cannot read past the page cache") {
		t.Errorf("%s", o.errs)
	}
	o = inProcess(t, "run", "lsm", "--dry-run", "--regime", "iobuf").must(t, exitUsage)
	if !strings.Contains(o.errs, "times the records") {
		t.Errorf("%s", o.errs)
	}
	inProcess(t, "run", "lsm", "bbolt", "--dry-run", "--regime", "cached").must(t, exitOK)
}
