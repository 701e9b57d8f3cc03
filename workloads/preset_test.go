package workloads

import (
	"cmp"
	"fmt"
	"strings"
	"testing"
)

func TestEveryPresetParsesWithoutWarning(t *testing.T) {
	for _, name := range presetNames() {
		s, err := Parse(Input{Preset: name})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, w := range s.Warnings {
			t.Errorf("%s: %s", name, w)
		}
		if s.Name != name || s.Title == "" || s.Operations == 0 || s.InsertCount == 0 {
			t.Errorf("%s: name %q, title %q, %d operations", name, s.Name, s.Title, s.Operations)
		}
	}
	all := List()
	if len(all) != len(presetNames()) {
		t.Fatalf("List has %d presets, want %d", len(all), len(presetNames()))
	}
	for _, p := range all {
		if p.Title == "" || p.Source == "" {
			t.Errorf("%s: title %q, source %q", p.Name, p.Title, p.Source)
		}
	}
}

func TestEveryPropertyFileIsAPreset(t *testing.T) {
	files, err := presetFiles.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != len(presetNames()) {
		t.Errorf("%d files, %d presets", len(files), len(presetNames()))
	}
}

func TestPresetsAreFoundWhateverTheCase(t *testing.T) {
	for given, want := range map[string]string{
		"a": "A", "A": "A", "workloada": "A", "WORKLOAD-F": "F", "FillSeq": "fillseq", " twitter ": "twitter",
	} {
		if p, err := Lookup(given); err != nil || p.Name != want {
			t.Errorf("%q is %+v, %v; want %s", given, p, err, want)
		}
	}
	if _, err := Lookup("mixgraph-zippy"); err == nil || !strings.Contains(err.Error(), `nearest is "mixgraph-zippydb"`) {
		t.Errorf("%v", err)
	}
}

// core is the table of YCSB's core workloads.
var core = []struct {
	name, compat, request           string
	read, update, insert, scan, rmw float64
	maxScan                         uint64
}{
	{name: "A", read: .5, update: .5, request: "zipfian", maxScan: 1000},
	{name: "B", read: .95, update: .05, request: "zipfian", maxScan: 1000},
	{name: "C", read: 1, request: "zipfian", maxScan: 1000},
	{name: "D", read: .95, insert: .05, request: "latest", maxScan: 1000},
	{name: "E", insert: .05, scan: .95, request: "zipfian", maxScan: 100},
	{name: "F", read: .5, rmw: .5, request: "zipfian", maxScan: 1000},
	// go-ycsb's files.
	{name: "A", compat: "go-ycsb", read: .5, update: .5, request: "uniform", maxScan: 1000},
	{name: "B", compat: "go-ycsb", read: .95, update: .05, request: "uniform", maxScan: 1000},
	{name: "C", compat: "go-ycsb", read: 1, request: "uniform", maxScan: 1000},
	{name: "D", compat: "go-ycsb", read: .95, insert: .05, request: "latest", maxScan: 1000},
	{name: "E", compat: "go-ycsb", insert: .05, scan: .95, request: "uniform", maxScan: 1},
	{name: "F", compat: "go-ycsb", read: .5, rmw: .5, request: "uniform", maxScan: 1000},
}

func TestTheCoreWorkloadsAreThoseOfTheTable(t *testing.T) {
	for _, c := range core {
		compat := cmp.Or(c.compat, "java")
		s := mustParse(t, c.name, "ycsbcompat="+compat)
		want := Mix{Read: c.read, Update: c.update, Insert: c.insert, Scan: c.scan, ReadModifyWrite: c.rmw}
		if s.Mix != want {
			t.Errorf("%s %s: mix %v, want %v", c.name, compat, s.Mix, want)
		}
		if s.Request.Name != c.request || s.ScanLength.Min != 1 || s.ScanLength.Max != c.maxScan {
			t.Errorf("%s %s: requests %v, scans %v", c.name, compat, s.Request, s.ScanLength)
		}
		if s.Values.FieldCount != 10 || s.Values.FieldLength.String() != "100" {
			t.Errorf("%s: %+v", c.name, s.Values)
		}
		if s.Keys.Ordered || s.Keys.Format != "ycsb" || s.UpdateMode != UpdateField || string(s.Compat) != compat {
			t.Errorf("%s: %+v, %v, %v", c.name, s.Keys, s.UpdateMode, s.Compat)
		}
	}
}

func TestTheRangeOfZipfianRequestsLeavesRoomForInserts(t *testing.T) {
	for _, c := range []struct {
		overrides []string
		want      uint64
	}{
		{[]string{"recordcount=1000", "operationcount=0"}, 1001},
		{[]string{"recordcount=1000", "operationcount=1000"}, 1101},
		{[]string{"recordcount=1000", "insertstart=100", "operationcount=1000"}, 1001},
	} {
		if s := mustParse(t, "E", c.overrides...); s.Request.Span != c.want {
			t.Errorf("%v: %d numbers, want %d", c.overrides, s.Request.Span, c.want)
		}
	}
}

func TestTheHashCoversWhatAWorkloadDoesAndNothingElse(t *testing.T) {
	base := mustParse(t, "A")
	same := mustParse(t, "A", "kvbench.title=another", "db.x=1", "recordcount=1m", "fieldcount=10")
	if base.Hash() != same.Hash() {
		t.Error("title, foreign properties or spelling change the hash")
	}
	seen := map[string]string{base.Hash(): "A"}
	for _, o := range []string{
		"recordcount=5", "operationcount=5", "readproportion=0.4", "requestdistribution=uniform", "theta=0.9",
		"updatemode=blind", "fieldlength=99", "valuecompress=0.5", "keyformat=binary:8", "insertorder=ordered",
		"maxscanlength=5", "ycsbcompat=go-ycsb", "loadorder=shuffled", "writers=1", "zeropadding=20", "preload=false",
	} {
		h := mustParse(t, "A", o).Hash()
		if other, ok := seen[h]; ok {
			t.Errorf("%s has the hash of %s", o, other)
		}
		seen[h] = o
	}
	for _, name := range presetNames()[1:] {
		h := mustParse(t, name).Hash()
		if other, ok := seen[h]; ok {
			t.Errorf("%s has the hash of %s", name, other)
		}
		seen[h] = name
	}
}

func TestWhatThePresetsResolveToIsAsRecorded(t *testing.T) {
	var out strings.Builder
	for _, name := range presetNames() {
		s := mustParse(t, name)
		mix, err := s.Mix.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&out, "%s\n  records %d of %d, operations %d, writers %d\n  mix %s, update %v\n  requests %v among %d, step %d; scans %v\n  keys %+v\n  values %d x %v, compress %g\n",
			name, s.Records, s.InsertCount, s.Operations, s.Writers, mix, s.UpdateMode, s.Request, s.Request.Span, s.Request.Step,
			s.ScanLength, s.Keys, s.Values.FieldCount, s.Values.FieldLength, s.Values.Compress)
	}
	checkGolden(t, "presets.txt", []byte(out.String()))
}
