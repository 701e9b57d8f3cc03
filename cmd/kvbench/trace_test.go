package main

import (
	"os"
	"strings"
	"testing"

	"github.com/kvbench/kvbench/results"
)

func TestATraceIsRecordedDescribedFittedAndReplayed(t *testing.T) {
	t.Chdir(t.TempDir())
	finish(t, asProcess(t, ".", "trace", "record", "mem", "-w", "A", "--records", "500", "--ops", "3000", "--threads", "1",
		"--timing", "all", "--calibrate", "10ms", "-o", "a.trace", "--results", "rec")).must(t, exitOK)
	stat := inProcess(t, "trace", "stat", "a.trace").must(t, exitOK).out
	if !strings.Contains(stat, "one at a time") || !strings.Contains(stat, "existed before") || !strings.Contains(stat, "update ") {
		t.Errorf("stat:\n%s", stat)
	}
	fit := inProcess(t, "trace", "fit", "a.trace", "-o", "a.properties").must(t, exitOK).out
	if !strings.Contains(fit, "requestdistribution=zipfian") || !strings.Contains(fit, "operationcount=3000\n") {
		t.Errorf("fit:\n%s", fit)
	}
	inProcess(t, "workload", "show", "a.properties").must(t, exitOK)
	finish(t, asProcess(t, ".", "trace", "replay", "a.trace", "mem", "btree", "--load", "--reps", "1", "--calibrate", "10ms", "-o", "rep")).must(t, exitOK)
	run, err := results.Open("rep")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range run.Cells {
		read := c.Ops["read"]
		if c.Status != results.StatusOK || read == nil || read.NotFound != 0 || read.OK < 2900 || c.Quality.Verified != read.OK || !strings.HasPrefix(c.Load.Driver, "trace:") {
			t.Errorf("%s: %s %s, %+v", c.Engine.Name, c.Status, c.Error, read)
		}
	}
	if len(run.Cells) != 2 {
		t.Errorf("%d cells", len(run.Cells))
	}
}

func TestBadInputToTraceIsRefusedWithAdvice(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("bad.txt", []byte("READ usertable a [ <all fields>]\nREAD usertable\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("x.zst", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"trace", "import", "bad.txt", "--from", "ycsb", "-o", "t"}, "bad.txt:2"},
		{[]string{"trace", "import", "bad.txt", "-o", "t"}, "--from"},
		{[]string{"trace", "import", "bad.txt", "--from", "ycbs", "-o", "t"}, "ycsb"},
		{[]string{"trace", "import", "bad.txt", "--from", "ycsb"}, "-o"},
		{[]string{"trace", "import", "x.zst", "--from", "ycsb", "-o", "t"}, "zstd"},
		{[]string{"trace", "stat", "bad.txt"}, "not a kvbench trace"},
		{[]string{"trace", "stat", "no.trace"}, "no.trace"},
		{[]string{"trace", "replay", "bad.txt"}, "at least one engine"},
		{[]string{"trace", "replay", "bad.txt", "mem"}, "not a kvbench trace"},
		{[]string{"trace", "replay", "bad.txt", "mem", "--pace", "fast"}, "recorded"},
		{[]string{"trace", "record", "mem"}, "-o"},
		{[]string{"trace", "record", "mem", "btree", "-o", "t"}, "one engine"},
		{[]string{"trace", "relpay"}, "replay"},
		{[]string{"trace", "stat", "."}, "is a directory"},
		{[]string{"trace", "import", ".", "--from", "ycsb", "-o", "t"}, "is a directory"},
		{[]string{"trace", "record", "mem", "-o", "no/such/t"}, "no directory"},
		{[]string{"trace", "record", "mem", "-o", "t", "--find-max", "p99<1ms"}, "find-max"},
	} {
		o := inProcess(t, c.args...)
		if o.code != exitUsage || !strings.Contains(o.errs, c.want) {
			t.Errorf("%v: exit %d, %s", c.args, o.code, o.errs)
		}
		if _, err := os.Stat("t"); err == nil {
			t.Errorf("%v left a file behind", c.args)
		}
	}
	inProcess(t, "trace", "import", "bad.txt", "--from", "ycsb", "--skip-bad", "1", "-o", "good").must(t, exitOK)
	o := inProcess(t, "trace", "import", "bad.txt", "--from", "ycsb", "--skip-bad", "1", "-o", "good")
	if o.code != exitUsage || !strings.Contains(o.errs, "exists") {
		t.Errorf("over another file: %d, %s", o.code, o.errs)
	}
}

func TestWhatACacheAnsweredIsNotAskedOfAnEngine(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("c.csv", []byte("0,k,1,10,1,set,0\n1,k,1,0,1,get,0\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	inProcess(t, "trace", "import", "c.csv", "--from", "twitter", "-o", "c.trace").must(t, exitOK)
	o := inProcess(t, "trace", "stat", "c.trace")
	o.must(t, exitOK)
	if strings.Contains(o.out, "one at a time") {
		t.Errorf("a replay would be checked against what the cache had thrown out:\n%s", o.out)
	}
}
