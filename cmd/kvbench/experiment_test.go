package main

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"github.com/kvbench/kvbench/bench"
	"github.com/kvbench/kvbench/workloads"
)

// experimentOf is what run makes of its arguments.
func experimentOf(t *testing.T, line string) (*bench.Experiment, []string) {
	t.Helper()
	o := &runOptions{}
	f := pflag.NewFlagSet("run", pflag.ContinueOnError)
	o.add(f)
	if err := f.Parse(strings.Fields(line)); err != nil {
		t.Fatal(err)
	}
	x, notes, err := o.experiment(f.Args())
	if err != nil {
		t.Fatalf("run %s: %v", line, err)
	}
	return x, notes
}

func TestWhatEndsTheMeasuredPhaseIsTheFlagsThenTheFilesThenTheDefault(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "ops.properties", "recordcount=10\noperationcount=700\n")
	write(t, "time.properties", "recordcount=10\nmaxexecutiontime=9\n")
	write(t, "plain.properties", "recordcount=10\n")
	for line, want := range map[string]struct {
		duration time.Duration
		ops      uint64 // of the experiment and, without, of the first workload
	}{
		"mem":                                      {defaultDuration, 0},
		"mem -w plain.properties":                  {defaultDuration, 0},
		"mem -d 5":                                 {5 * time.Second, 0},
		"mem --ops 2k":                             {0, 2000},
		"mem --ops 2k -d 5s":                       {5 * time.Second, 2000},
		"mem -p operationcount=30":                 {0, 30},
		"mem --ops 2k -p operationcount=30":        {0, 30},
		"mem -P ops.properties":                    {0, 700},
		"mem -P ops.properties --ops 40":           {0, 40},
		"mem -w ops.properties -d 5s":              {5 * time.Second, 700},
		"mem -P time.properties":                   {9 * time.Second, 0},
		"mem -P time.properties -d 5s":             {5 * time.Second, 0},
		"mem -P time.properties -P ops.properties": {9 * time.Second, 700},
	} {
		x, _ := experimentOf(t, line)
		ops := x.Operations
		if x.Duration == 0 && ops == 0 {
			ops = x.Workloads[0].Spec.Operations
		}
		if x.Duration != want.duration || ops != want.ops {
			t.Errorf("run %s: %v and %d operations, want %v and %d", line, x.Duration, ops, want.duration, want.ops)
		}
	}
}

func TestRecordsAreTheUsersOrAPresetsUpToADefault(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "many.properties", "recordcount=3000000\n")
	for line, want := range map[string]uint64{
		"mem":                         200_000,
		"mem -w C":                    200_000,
		"mem -n 1m":                   1_000_000,
		"mem -n 5k -p recordcount=7":  7,
		"mem -P many.properties":      3_000_000,
		"mem -w many.properties":      3_000_000,
		"mem -w B -P many.properties": 3_000_000,
		"mem -w load":                 200_000,
		"mem -w load -n 12":           12,
	} {
		if x, _ := experimentOf(t, line); x.Workloads[0].Spec.Records != want {
			t.Errorf("run %s: %d records, want %d", line, x.Workloads[0].Spec.Records, want)
		}
	}
}

func TestEveryPresetCanBeRun(t *testing.T) {
	for _, p := range workloads.List() {
		x, _ := experimentOf(t, "mem noop -w "+p.Name)
		if spec := x.Workloads[0].Spec; spec.Name != p.Name || spec.Records > maxPresetRecords || spec.Source != "preset" {
			t.Errorf("%s: %q with %d records from %q", p.Name, spec.Name, spec.Records, spec.Source)
		}
		if _, err := x.Plan(); err != nil {
			t.Errorf("%s: %v", p.Name, err)
		}
	}
}

func TestAPresetsOperationsStayInProportionToItsRecords(t *testing.T) {
	for line, want := range map[string]uint64{"mem -w E": 200_000, "mem -w E -n 1m": 1_000_000, "mem -w E -n 7k": 7_000} {
		if x, _ := experimentOf(t, line); x.Workloads[0].Spec.Operations != want || x.Duration == 0 {
			t.Errorf("run %s: %d operations and %v, want %d and a duration", line, x.Workloads[0].Spec.Operations, x.Duration, want)
		}
	}
}

func TestWorkloadsKeepTheirNames(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "mine.properties", "recordcount=10\nreadproportion=1\nupdateproportion=0\n")
	for line, want := range map[string]string{
		"mem":                            "A",
		"mem -w c,workloada,load":        "C A load",
		"mem -w A -w B":                  "A B",
		"mem -P mine.properties":         "mine",
		"mem -w A,C -P mine.properties":  "A C",
		"mem -w mine.properties,A":       "mine A",
		"mem -w load -P mine.properties": "load",
	} {
		x, _ := experimentOf(t, line)
		if got := strings.Join(workloadNames(x), " "); got != want {
			t.Errorf("run %s: workloads %q, want %q", line, got, want)
		}
		for _, w := range x.Workloads {
			if w.LoadOnly != (w.Spec.Name == bench.LoadWorkload) {
				t.Errorf("run %s: %s measures the load: %v", line, w.Spec.Name, w.LoadOnly)
			}
		}
	}
}

func TestThreadsAreTheFlagsThenTheWorkloads(t *testing.T) {
	for line, want := range map[string][]int{
		"mem":                          {2},
		"mem -c 1,8,64":                {1, 8, 64},
		"mem -p threadcount=5":         {5},
		"mem -p threadcount=5 -c 3":    {3},
		"mem -w A,C -p threadcount=16": {16},
	} {
		if x, _ := experimentOf(t, line); !slices.Equal(x.Threads, want) {
			t.Errorf("run %s: threads %v, want %v", line, x.Threads, want)
		}
	}
}

func TestSettingsComeFromTheCacheFlagThenTheFileThenSet(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "s.yaml", "pebble: {cache_bytes: 3m}\nmem:\n  degree: 9\nbadger: {cache_bytes: 1m}\n")
	for line, want := range map[string]map[string]string{
		"pebble":                              {},
		"pebble --cache 7m":                   {"cache_bytes": "7m"},
		"pebble --cache 7m --settings s.yaml": {"cache_bytes": "3m"},
		"pebble --settings s.yaml --set pebble.cache_bytes=5m": {"cache_bytes": "5m"},
		"mem --settings s.yaml":                                {"degree": "9"},
		"MEM --set Mem.degree=4":                               {"degree": "4"},
	} {
		if x, _ := experimentOf(t, line); !maps.Equal(x.Engines[0].Settings, want) {
			t.Errorf("run %s: settings %v, want %v", line, x.Engines[0].Settings, want)
		}
	}
	x, notes := experimentOf(t, "bbolt pebble mem --cache 7m")
	if len(x.Engines[0].Settings) > 0 || x.Engines[1].Settings["cache_bytes"] != "7m" {
		t.Errorf("--cache with engines that have none: %v", x.Engines)
	}
	if len(notes) != 1 || !strings.Contains(notes[0], "bbolt") {
		t.Errorf("notes on --cache: %q; want one about bbolt and none about a rail", notes)
	}
}

func TestTheDriverAndTheAnswerToErrorsReachTheExperiment(t *testing.T) {
	x, _ := experimentOf(t, "mem --driver go-ycsb --errors count --durability SYNC --verify full --timing sample:8")
	if x.Driver != "go-ycsb" || !x.CountErrors || x.Durability != "sync" || x.Verify != bench.VerifyFull || x.Timing.Every != 8 {
		t.Errorf("%+v", x)
	}
}
