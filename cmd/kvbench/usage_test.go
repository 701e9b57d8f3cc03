package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
)

// mistakes are command lines that cannot be right, each with what its one
// line of error must say.
func mistakes() map[string]struct {
	args string
	says []string
} {
	type m = struct {
		args string
		says []string
	}
	return map[string]m{
		"no such command":               {"rum", []string{`"rum"`, "did you mean run?"}},
		"no such subcommand":            {"engine lst", []string{`"lst"`, "list"}},
		"no such flag":                  {"run mem --thraeds 2", []string{"--thraeds", "did you mean --threads?"}},
		"no such flag, YCSB's spelling": {"run mem -thraeds 2", []string{"thraeds", "did you mean --threads?"}},
		"a flag without its value":      {"run mem --records", []string{"--records"}},
		"no such engine":                {"run bbold", []string{`"bbold"`, "did you mean bbolt?"}},
		"no such engine to describe":    {"engine describe bbold", []string{"did you mean bbolt?"}},
		"engine behind a tag":           {"run rocksdb", []string{"-tags rocksdb"}},
		"engine given twice":            {"run mem mem", []string{"mem", "twice"}},
		"no such workload":              {"run mem -w readrandm", []string{`"readrandm"`, `"readrandom"`}},
		"workload given twice":          {"run mem -w A,A", []string{"A", "twice"}},
		"no such workload file":         {"run mem -w ./absent.properties", []string{"absent.properties", "no such file"}},
		"no such property file":         {"run mem -P absent.properties", []string{"absent.properties", "no such file"}},
		"no such property":              {"run mem -p raedproportion=1", []string{"raedproportion", `"readproportion"`}},
		"ill-typed property":            {"run mem -p readproportion=half", []string{"readproportion", "half"}},
		"property without a value":      {"run mem -p readproportion", []string{"readproportion", "property=value"}},
		"typo in a property file":       {"run mem -P typo.properties", []string{"typo.properties:2", `"readproprtion"`, `"readproportion"`}},
		"negative records":              {"run mem --records -5", []string{"--records -5", "negative"}},
		"negative records, short":       {"run mem -n -5", []string{"--records -5", "negative"}},
		"negative operations":           {"run mem --ops -1", []string{"--ops -1", "negative"}},
		"negative threads":              {"run mem -c -2", []string{"--threads", "-2"}},
		"no threads":                    {"run mem --threads 0", []string{"--threads", "0"}},
		"threads in words":              {"run mem --threads 1,two", []string{"--threads", `"two"`}},
		"no repetitions":                {"run mem --reps 0", []string{"--reps 0"}},
		"negative duration":             {"run mem --duration -2s", []string{"--duration", "negative"}},
		"duration in words":             {"run mem --duration soon", []string{"--duration", "soon", "2s"}},
		"ill-typed value size":          {"run mem --value-size big", []string{"--value-size big"}},
		"no such setting":               {"run mem --set mem.degre=3", []string{`"degre"`, "did you mean degree?"}},
		"ill-typed setting":             {"run mem --set mem.degree=x", []string{"degree", `"x"`, "whole number"}},
		"setting out of bounds":         {"run mem --set mem.degree=0", []string{"degree", "least"}},
		"setting that does not apply":   {"run mem --set mem.cache_bytes=1m", []string{"cache_bytes", "does not apply"}},
		"setting of nobody":             {"run mem --set degree=3", []string{"ENGINE.KEY=VALUE"}},
		"setting of another engine":     {"run mem --set noop.durability=none", []string{"noop is not in this run"}},
		"setting of no engine":          {"run mem --set men.degree=3", []string{`"men"`, "did you mean mem?"}},
		"typo in a settings file":       {"run mem --settings typo.yaml", []string{"typo.yaml", "degre", "did you mean degree?"}},
		"settings file of lists":        {"run mem --settings list.yaml", []string{"list.yaml", "mem.degree", "one value"}},
		"broken settings file":          {"run mem --settings broken.yaml", []string{"broken.yaml", "[2:"}},
		"no such settings file":         {"run mem --settings absent.yaml", []string{"absent.yaml", "no such file"}},
		"ill-typed cache":               {"run mem --cache much", []string{"--cache", "much"}},
		"no such durability":            {"run mem --durability fsync", []string{"--durability", `"fsync"`, "sync"}},
		"no such timing":                {"run mem --timing sometimes", []string{"--timing", "sometimes", "sample:N"}},
		"no such check":                 {"run mem --verify some", []string{"--verify", "some", "header"}},
		"no such answer to errors":      {"run mem --errors ignore", []string{"--errors", "stop or count"}},
		"no such driver":                {"run mem --driver go-ysb", []string{"go-ysb", "did you mean go-ycsb?"}},
		"no such format":                {"run mem --format xml", []string{"xml", "markdown"}},
		"a rate that is none":           {"run mem --rate fast", []string{"--rate", `"fast"`, "50k"}},
		"a negative rate":               {"run mem -target -5", []string{"--target", "-5", "more than 0"}},
		"a rate twice":                  {"run mem --rate 50k,50000", []string{"--rate", "given twice"}},
		"a rate and a target":           {"run mem --rate 5 --target 5", []string{"--rate", "--target", "one of them"}},
		"no such arrival":               {"run mem --rate 5 --arrival poison", []string{"--arrival", "poison", "did you mean poisson?"}},
		"an arrival of nothing":         {"run mem --arrival poisson", []string{"--arrival", "Add --rate"}},
		"a sine without a swing":        {"run mem --rate 5 --arrival sine:5s", []string{"--arrival", "sine:PERIOD:AMPLITUDE"}},
		"arrivals of no file":           {"run mem --arrival file:absent", []string{"--arrival", "absent", "no such file"}},
		"a rate of another driver":      {"run mem --rate 5 --driver go-ycsb", []string{"go-ycsb", "no open loop"}},
		"an objective with a typo":      {"run mem --find-max p98<2ms", []string{"--find-max", `"p98"`, "did you mean"}},
		"an objective and a rate":       {"run mem --find-max p99<2ms --rate 5", []string{"--find-max chooses", "--rate"}},
		"an objective and repetitions":  {"run mem --find-max p99<2ms --reps 3", []string{"--reps"}},
		"a rate of a load":              {"run mem -w load --rate 5", []string{"load phase", "fillrandom"}},
		"a label without a name":        {"run mem@", []string{"mem@", "letters"}},
		"an engine twice, how to":       {"run mem mem", []string{"mem@NAME"}},
		"nothing to vary":               {"sweep mem", []string{"--vary", "NAME=VALUE"}},
		"an axis without values":        {"sweep mem --vary mem.degree", []string{"--vary mem.degree", "NAME=VALUE"}},
		"an axis of no kind":            {"sweep mem --vary thread=1,2", []string{`"thread"`, "did you mean threads?"}},
		"an axis of no setting":         {"sweep mem --vary mem.degre=1,2", []string{"degre", "did you mean degree?"}},
		"an axis of no engine":          {"sweep mem --vary men.degree=1,2", []string{"men", "did you mean mem?"}},
		"an axis of an absent engine":   {"sweep mem --vary noop.durability=none", []string{"noop.durability", "no engine of this run"}},
		"an axis with a value twice":    {"sweep mem --vary mem.degree=4,4", []string{"4 is given twice"}},
		"an axis with an ill value":     {"sweep mem --vary mem.degree=4,x", []string{"mem@degree=x", "whole number"}},
		"a flag given and varied":       {"sweep mem --threads 2 --vary threads=1,2", []string{"--threads", "varied"}},
		"a property that is none":       {"sweep mem --vary workload.raedproportion=1", []string{"raedproportion", "readproportion"}},
		"no such sweep file":            {"sweep -f absent.yaml", []string{"absent.yaml", "no such file"}},
		"typo in a sweep file":          {"sweep -f typo.yaml", []string{"typo.yaml", "engines"}},
		"resuming no run":               {"sweep --resume full", []string{"full", "no results directory"}},
		"resuming with flags":           {"run mem --resume full", []string{"--resume full", "leave mem out"}},
		"results that exist":            {"run mem --out full", []string{"full", "not empty", "file"}},
		"results in a file":             {"run mem --out full/file/x", []string{"full/file"}},
		"data in a file":                {"run mem --dir full/file/x", []string{"--dir", "full/file"}},
		"data in an engine's directory": {"run mem --dir of-mem", []string{"--dir of-mem", "directory of an engine"}},
		"data left by another run":      {"run mem --dir left --out r", []string{"--dir left", "in use by another run"}},
		"more data than disk":           {"run bbolt -n 1g --value-size 1000000", []string{"too large", "free"}},
		"load without a directory":      {"load bbolt", []string{"--dir"}},
		"load without an engine":        {"load --dir new", []string{"no ENGINE"}},
		"load of two engines":           {"load bbolt pebble --dir new", []string{`"pebble"`}},
		"load into memory":              {"load mem --dir new", []string{"mem", "nothing on disk"}},
		"load into foreign files":       {"load bbolt --dir full", []string{"full", "not an engine directory"}},
		"load into another's directory": {"load bbolt --dir of-mem", []string{"of-mem", "made by mem, not bbolt"}},
		"load into a loaded directory":  {"load bbolt --dir of-bbolt", []string{"of-bbolt", "holds data of bbolt already"}},
		"load into a directory in use":  {"load bbolt --dir in-use", []string{"in-use", "in use"}},
		"load into a file":              {"load bbolt --dir full/file", []string{"full/file", "not a directory"}},
		"describe nothing":              {"engine describe", []string{"no ENGINE", "usage:"}},
		"describe two":                  {"engine describe mem noop", []string{`"noop"`}},
		"show nothing known":            {"workload show Z", []string{`"Z"`}},
		"validate nothing":              {"workload validate", []string{"no FILE"}},
		"preview a negative number":     {"workload preview A --first -1", []string{"--first -1"}},
		"a metric with a typo":          {"run mem --threshold op_per_s>1", []string{"--threshold", "did you mean ops_per_s?"}},
		"a threshold that is none":      {"run mem --threshold read.p99", []string{"--threshold", "METRIC<VALUE"}},
		"a bound without a unit":        {"run mem --threshold read.p99<1", []string{"--threshold", "with its unit"}},
		"a bound on what is not done":   {"run mem -w C --threshold update.p99<1s", []string{"no operation update"}},
		"a bound on a typo":             {"run mem -w C --threshold raed.p99<1s", []string{"did you mean read?"}},
		"a bound on another engine":     {"run mem --threshold men:read.p99<1s", []string{"no engine men", "did you mean mem?"}},
		"a bound on what is not timed":  {"run mem --timing off --threshold read.p99<1s", []string{"nothing is timed"}},
		"counters of several workers":   {"run mem --counters --threads 2", []string{"--counters", "--threads 2"}},
		"counters by time":              {"run mem --counters -d 1s", []string{"--counters", "--duration 1s", "--ops"}},
		"counters and latencies":        {"run mem --counters --threshold read.p99<1s", []string{"nothing is timed"}},
		"check nothing":                 {"check", []string{"no results directory"}},
		"check one run by nothing":      {"check a", []string{"--threshold", "kvbench check a NEW"}},
		"check three runs":              {"check a b c", []string{`"c"`}},
		"check what is not there":       {"check absent absent", []string{"absent", "results directory"}},
		"check by a share that is none": {"check a b --max-regress much", []string{"--max-regress", "5%"}},
		"explain nothing":               {"explain", []string{"no results directory"}},
		"explain one run by nothing":    {"explain a", []string{"two engines of a"}},
		"explain two runs by nothing":   {"explain a b", []string{"--engine"}},
		"explain what is not there":     {"explain absent mem noop", []string{"absent", "results directory"}},
		"explain as what is not there":  {"explain a b c --format csv", []string{"csv", "markdown"}},
		"calibrate nowhere":             {"calibrate --dir absent", []string{"--dir absent"}},
	}
}

func TestAMistakeIsOneLineThatSaysWhatToDoAndExitCode2(t *testing.T) {
	setUpMistakes(t)
	before := listing(t)
	for name, m := range mistakes() {
		t.Run(name, func(t *testing.T) {
			o := inProcess(t, strings.Fields(m.args)...).must(t, exitUsage)
			if o.out != "" {
				t.Errorf("standard output has %q", o.out)
			}
			if n := strings.Count(o.errs, "\n"); n != 1 || !strings.HasPrefix(o.errs, "kvbench: ") {
				t.Errorf("want one line that begins with the program's name:\n%s", o.errs)
			}
			for _, words := range m.says {
				if !strings.Contains(o.errs, words) {
					t.Errorf("the error does not say %q: %s", words, o.errs)
				}
			}
		})
	}
	if after := listing(t); !slices.Equal(before, after) {
		t.Errorf("mistakes left something behind:\nbefore %q\nafter  %q", before, after)
	}
}

func TestEverythingWrongWithAFileIsReportedAtOnce(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "two.properties", "recordcount=-1\nreadproprtion=1\n")
	o := inProcess(t, "workload", "validate", "A", "two.properties").must(t, exitUsage)
	for _, words := range []string{"two.properties:1", "two.properties:2", "1 of 2 workloads"} {
		if !strings.Contains(o.errs, words) {
			t.Errorf("missing %q in\n%s", words, o.errs)
		}
	}
	if !strings.Contains(o.out, "A: ok") {
		t.Errorf("the valid one is not reported: %q", o.out)
	}
}

// setUpMistakes makes the files that mistakes are about, in a directory of
// their own.
func setUpMistakes(t *testing.T) {
	t.Helper()
	t.Chdir(t.TempDir())
	write(t, "typo.properties", "recordcount=10\nreadproprtion=0.5\n")
	write(t, "typo.yaml", "mem: {degre: 3}\n")
	write(t, "list.yaml", "mem: {degree: [3]}\n")
	write(t, "broken.yaml", "mem:\n degree: 3\n   x: 4\n")
	write(t, "full/file", "something")
	write(t, "left/kvbench-r/file", "data")
	for dir, name := range map[string]string{"of-mem": "mem", "of-bbolt": "bbolt", "in-use": "bbolt"} {
		home, err := engine.OpenHome(vfs.OS{}, dir, engine.Marker{Engine: name, Format: 1}, false)
		if err != nil {
			t.Fatal(err)
		}
		if dir == "in-use" {
			t.Cleanup(func() { home.Close() })
		} else if err := home.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func listing(t *testing.T) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(".", func(path string, _ os.DirEntry, err error) error {
		names = append(names, path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}
