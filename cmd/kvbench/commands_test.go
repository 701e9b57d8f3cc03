package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kvbench/kvbench/engine/catalog"
	"github.com/kvbench/kvbench/workloads"
)

func TestListPrintsEveryEngineOnItsLine(t *testing.T) {
	o := inProcess(t, "engine", "list").must(t, exitOK)
	lines := strings.Split(strings.TrimSpace(o.out), "\n")
	if names := catalog.Names(); len(lines) != len(names)+1 {
		t.Errorf("%d lines for %d engines:\n%s", len(lines), len(names), o.out)
	}
	for i, name := range catalog.Names() {
		if !strings.HasPrefix(lines[i+1], name+" ") {
			t.Errorf("line %d is not about %s: %s", i+1, name, lines[i+1])
		}
	}
}

func TestDescribePrintsEverySettingAndAsteriskOfEveryEngine(t *testing.T) {
	for _, d := range catalog.All() {
		text := inProcess(t, "engine", "describe", d.Name).must(t, exitOK).out
		for _, s := range d.Settings {
			if !strings.Contains(text, "\n  "+s.Name+"  ") {
				t.Errorf("%s: setting %s is missing:\n%s", d.Name, s.Name, text)
			}
		}
		for _, a := range d.Asterisks {
			if !strings.Contains(text, "* "+a) {
				t.Errorf("%s: asterisk %q is missing", d.Name, a)
			}
		}
		var desc description
		data := inProcess(t, "engine", "describe", d.Name, "--format", "json").must(t, exitOK).out
		if err := json.Unmarshal([]byte(data), &desc); err != nil {
			t.Fatal(err)
		}
		if desc.Name != d.Name || desc.Version != d.Version || len(desc.Settings) != len(d.Settings) ||
			len(desc.Levels) == 0 || desc.Caps == nil || desc.Caps.Family != d.Family {
			t.Errorf("%s as JSON: %s", d.Name, data)
		}
	}
}

func TestWorkloadsAreListedShownAndPreviewed(t *testing.T) {
	t.Chdir(t.TempDir())
	list := inProcess(t, "workload", "list").must(t, exitOK).out
	for _, p := range workloads.List() {
		if !strings.Contains(list, p.Name+" ") {
			t.Errorf("%s is not listed", p.Name)
		}
		shown := inProcess(t, "workload", "show", p.Name, "--format", "properties").must(t, exitOK).out
		write(t, "again.properties", shown)
		inProcess(t, "workload", "validate", "again.properties").must(t, exitOK)
	}
	o := inProcess(t, "workload", "preview", "E", "--first", "7", "--records", "1k", "--format", "json").must(t, exitOK)
	var p workloads.PreviewResult
	if err := json.Unmarshal([]byte(o.out), &p); err != nil || len(p.Rows) != 7 {
		t.Errorf("%d rows, %v", len(p.Rows), err)
	}
	if o := inProcess(t, "workload", "preview", "C", "--first", "3").must(t, exitOK); strings.Count(o.out, "\nread ") != 3 {
		t.Errorf("the preview of C:\n%s", o.out)
	}
	for _, command := range []string{"schema", "properties"} {
		if o := inProcess(t, "workload", command).must(t, exitOK); !strings.Contains(o.out, "records") && !strings.Contains(o.out, "recordcount") {
			t.Errorf("workload %s:\n%s", command, o.out)
		}
	}
	if o := inProcess(t, "workload", "schema"); !json.Valid([]byte(o.out)) {
		t.Error("the schema is not JSON")
	}
}

func TestCalibrateMeasuresTheLoop(t *testing.T) {
	o := inProcess(t, "calibrate", "--dir", t.TempDir(), "--duration", "20ms", "--format", "json").must(t, exitOK)
	var c calibration
	if err := json.Unmarshal([]byte(o.out), &c); err != nil {
		t.Fatal(err)
	}
	for name, x := range map[string]*float64{
		"clock": c.ClockNs, "sleep": c.SleepMs, "all": c.NoopAllNs, "sampled": c.NoopSampledNs,
		"chained": c.ChainedNs, "rate": c.NoopOpsPerS, "fdatasync": c.FdatasyncUs,
	} {
		if x == nil || *x <= 0 {
			t.Errorf("%s is %v", name, x)
		}
	}
	// The loop's own phase allocates a little; an operation does not.
	if c.NoopAllocs == nil || *c.NoopAllocs > 0.1 {
		t.Errorf("%v allocations an operation", *c.NoopAllocs)
	}
}

func TestVersionNamesTheEngines(t *testing.T) {
	o := inProcess(t, "version").must(t, exitOK)
	for _, d := range catalog.All() {
		if d.Version != "" && !strings.Contains(o.out, d.Name+" "+d.Version) {
			t.Errorf("%s %s is missing:\n%s", d.Name, d.Version, o.out)
		}
	}
	if o := inProcess(t, "version", "--format", "json"); !json.Valid([]byte(o.out)) {
		t.Errorf("not JSON: %s", o.out)
	}
}

func TestTheShellUnderstandsTheCompletion(t *testing.T) {
	o := inProcess(t, "completion", "bash").must(t, exitOK)
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("there is no bash")
	}
	c := exec.Command(bash, "-n")
	c.Stdin = strings.NewReader(o.out)
	if words, err := c.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, words)
	}
	offered := inProcess(t, "__complete", "run", "mem", "").must(t, exitOK).out
	if !strings.Contains(offered, "noop\t") || strings.Contains(offered, "\nmem\t") {
		t.Errorf("offered after mem: %s", offered)
	}
}

func TestSingleDashesOfYCSBAreUnderstood(t *testing.T) {
	root := newRoot(newApp(nil, os.Stdin, os.Stdout, os.Stderr, os.Exit))
	for given, want := range map[string]string{
		"run mem -threads 4":               "run mem --threads 4",
		"run mem -threads=4 -s":            "run mem --threads=4 -s",
		"run mem -P f -p a=b -n100k":       "run mem -P f -p a=b -n100k",
		"run mem -target 5":                "run mem --target 5",
		"run mem -- -threads":              "run mem -- -threads",
		"run mem --threads 4":              "run mem --threads 4",
		"load bbolt -dir x":                "load bbolt --dir x",
		"workload preview A -first 3":      "workload preview A --first 3",
		"run mem -n -5":                    "run mem -n -5",
		"run mem -p threadcount=4 -w A -c": "run mem -p threadcount=4 -w A -c",
	} {
		if got := normalize(root, strings.Fields(given)); !slices.Equal(got, strings.Fields(want)) {
			t.Errorf("%s becomes %q, want %s", given, got, want)
		}
	}
}

func TestTheRecordedCommandCanBeTypedAgain(t *testing.T) {
	args := []string{"run", "mem", "-p", "a=b c", "it's", ""}
	out, err := exec.Command("sh", "-c", "printf '%s\\n' "+strings.TrimPrefix(commandLine(args), "kvbench ")).Output()
	if err != nil {
		t.Skip("there is no sh")
	}
	if got := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n"); !slices.Equal(got, args) {
		t.Errorf("%s reads as %q", commandLine(args), got)
	}
}

func TestNumbersAreShortAndKeepTheirSize(t *testing.T) {
	for x, want := range map[float64]string{0: "0", 7: "7", 999: "999", 1000: "1 k", 1500: "1.5 k", 245_300: "245 k", 999_999: "1 M", 18_200_000: "18.2 M"} {
		if got := humanCount(x); got != want {
			t.Errorf("%v is written %q, want %q", x, got, want)
		}
	}
	for d, want := range map[time.Duration]string{1234567 * time.Microsecond: "1.2s", 61500 * time.Millisecond: "1m2s", 40 * time.Millisecond: "40ms"} {
		if got := humanTime(d); got != want {
			t.Errorf("%v is written %q, want %q", d, got, want)
		}
	}
}
