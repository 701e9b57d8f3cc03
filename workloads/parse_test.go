package workloads

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestTheDefaultsAreThoseOfJava(t *testing.T) {
	s := mustParse(t, "", "recordcount=1000")
	want := Mix{}
	want[Read], want[Update] = 0.95, 0.05
	if s.Mix != want || s.Request.Name != "uniform" {
		t.Errorf("mix %v, requests %v", s.Mix, s.Request)
	}
	if s.ScanLength.Min != 1 || s.ScanLength.Max != 1000 || s.ScanLength.Name != "uniform" {
		t.Errorf("scan length %v", s.ScanLength)
	}
	if s.Values.FieldCount != 10 || s.MaxValue() != 1000 || s.UpdateMode != UpdateField {
		t.Errorf("values %+v", s.Values)
	}
	if s.Keys != (KeySpec{Format: "ycsb", Prefix: "user", ZeroPadding: 1}) {
		t.Errorf("keys %+v", s.Keys)
	}
	if s.Compat != Java || s.Records != 1000 || s.InsertCount != 1000 || s.FirstInsert != 1000 {
		t.Errorf("%+v", s)
	}
}

func TestLaterSourcesWin(t *testing.T) {
	file := func(name, data string) File { return File{Name: name, Data: []byte(data)} }
	s, err := Parse(Input{
		Preset: "a",
		Files: []File{
			file("dir/one.properties", "recordcount = 10\noperationcount:20\n"),
			file("dir/two.properties", "# comment\n! comment\noperationcount 30\nthreadcount=4 \n"),
		},
		Overrides: []string{"operationcount=40", "recordcount=50", "recordcount=60"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if s.Records != 60 || s.Operations != 40 || s.Threads != 4 || s.Name != "two" {
		t.Errorf("records %d, operations %d, threads %d, name %s", s.Records, s.Operations, s.Threads, s.Name)
	}
	if s.Mix[Update] != 0.5 || s.Source != "preset, dir/one.properties, dir/two.properties" {
		t.Errorf("mix %v, source %q", s.Mix, s.Source)
	}
	if s.Properties["recordcount"] != "60" || s.Properties["fieldlength"] != "100" {
		t.Errorf("properties %v", s.Properties)
	}
}

func TestTheRecordedPropertiesGiveTheSameWorkload(t *testing.T) {
	all := [][]string{
		{"requestdistribution=zipf:0.9"},
		{"requestdistribution=hotspot:0.1:0.7"},
		{"keyprefix="},
		{"insertstart=10", "recordcount=20k"},
		{"ycsbcompat=go-ycsb"},
		{"writers=2", "writermix=put:1,delete:2"},
		{"requestdistribution=exponential", "preload=false"},
		{"keyformat=binary:20"},
	}
	for _, o := range shapes {
		all = append(all, o)
	}
	specs := map[string]*Spec{}
	for _, o := range all {
		specs[strings.Join(o, " ")] = mustParse(t, "A", o...)
	}
	for _, name := range presetNames() {
		specs[name] = mustParse(t, name)
	}
	for name, s := range specs {
		var o []string
		for k, v := range s.Properties {
			o = append(o, k+"="+v)
		}
		back, err := Parse(Input{Overrides: o}) // in random order
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if back.Hash() != s.Hash() {
			t.Errorf("%s:\n    %+v\nis  %+v", name, *s, *back)
		}
	}
}

func TestValuesAreNotExpanded(t *testing.T) {
	s := mustParse(t, "C", "kvbench.title=${HOME} ${recordcount}")
	if s.Title != "${HOME} ${recordcount}" {
		t.Errorf("title %q", s.Title)
	}
	p, err := Parse(Input{Files: []File{{Name: "f", Data: []byte("recordcount=5\nkeyprefix=${recordcount}\n")}}})
	if err != nil || p.Keys.Prefix != "${recordcount}" {
		t.Errorf("%v, %v", p, err)
	}
}

// bad are overrides on workload A and a part of the error they must give.
var bad = []struct {
	want      string
	overrides []string
}{
	{`unknown property "recordcont"; nearest is "recordcount"`, []string{"recordcont=5"}},
	{`unknown property "READPROPORTION"`, []string{"READPROPORTION=1"}},
	{`nearest is "exponential.frac"`, []string{"exponental.frac=1"}},
	{`nearest is "kvbench.title"`, []string{"kvbench.titel=x"}},
	{"want property=value", []string{"recordcount"}},
	{"recordcount: \"-5\" is negative", []string{"recordcount=-5"}},
	{"recordcount: \"many\" is not a whole number", []string{"recordcount=many"}},
	{"is not a whole number", []string{"recordcount=1.5"}},
	{"is not a whole number", []string{"operationcount="}},
	{"is not a whole number", []string{"recordcount=99999999999999999999"}},
	{"recordcount: 100000000000000 is more than", []string{"recordcount=100000g"}},
	{"readproportion: -0.1 is negative", []string{"readproportion=-0.1"}},
	{"readproportion: \"NaN\" is not a number", []string{"readproportion=NaN"}},
	{"\"half\" is not a number", []string{"updateproportion=half"}},
	{"the proportions sum to 0", []string{"readproportion=0", "updateproportion=0"}},
	{"set recordcount", []string{"recordcount=0"}},
	{"insertstart: 2000 is beyond recordcount 1000", []string{"recordcount=1000", "insertstart=2000"}},
	{"insertcount", []string{"recordcount=1000", "insertstart=500", "insertcount=501"}},
	{`"zipfan" is none of`, []string{"requestdistribution=zipfan"}},
	{`nearest is "zipf`, []string{"requestdistribution=zipfan"}},
	{"uniform takes no parameter", []string{"requestdistribution=uniform:2"}},
	{"theta 0 is not above 0", []string{"requestdistribution=zipf:0"}},
	{"theta -1 is not above 0", []string{"requestdistribution=zipf:-1"}},
	{"zipf:1.2 is the true law", []string{"theta=1.2"}},
	{"latest exists for theta below 1", []string{"requestdistribution=latest:1"}},
	{"theta \"x\" is not a number", []string{"requestdistribution=zipf:x"}},
	{"hotspot:2:0.5: want", []string{"requestdistribution=hotspot:2:0.5"}},
	{"hotspotdatafraction: 1.5 is not in 0..1", []string{"hotspotdatafraction=1.5", "requestdistribution=hotspot"}},
	{"exponential.percentile: 100 is not in", []string{"exponential.percentile=100", "requestdistribution=exponential"}},
	{"sequentialstep", []string{"requestdistribution=sequential", "sequentialstep=0"}},
	{"no range has a heat", []string{"requestdistribution=keyrange", "keyrange_dist_a=0", "keyrange_dist_c=0"}},
	{"minscanlength: 7 is more than maxscanlength 5", []string{"minscanlength=7", "maxscanlength=5"}},
	{"maxscanlength: 70000 is more than 65535", []string{"maxscanlength=70000"}},
	{"scanlengthdistribution: \"constant\" is none of", []string{"scanlengthdistribution=constant"}},
	{"zeropadding: 21 is more than 20", []string{"zeropadding=21"}},
	{"insertorder: \"hash\" is none of hashed, ordered; nearest is \"hashed\"", []string{"insertorder=hash"}},
	{"binary keys have at least 8 bytes", []string{"keyformat=binary:7"}},
	{"is no size of at most 64", []string{"keyformat=binary:65"}},
	{"none of ycsb, binary", []string{"keyformat=hex"}},
	{"hashed decimal keys need 20 digits", []string{"keyformat=decimal:16"}},
	{"digits do not hold", []string{"keyformat=decimal:3", "insertorder=ordered"}},
	{"fieldcount: 0 is less than 1", []string{"fieldcount=0"}},
	{"fieldlength: 0 is less than 1", []string{"fieldlength=0"}},
	{"minfieldlength: 200 is more than fieldlength 100", []string{"fieldlengthdistribution=uniform", "minfieldlength=200"}},
	{"values of up to", []string{"fieldlength=64mi"}},
	{"valuesize: least 9 is more than most 5", []string{"valuesize=uniform:9-5"}},
	{"valuesize: \"uniform:9\": want uniform:<least>-<most>", []string{"valuesize=uniform:9"}},
	{"want pareto:", []string{"valuesize=pareto:1"}},
	{"want pareto:", []string{"valuesize=pareto:1:0"}},
	{"nearest is \"pareto\"", []string{"valuesize=parreto:1:2"}},
	{"at least 1 byte", []string{"valuesize=0"}},
	{"cannot be shared among fieldcount=3", []string{"valuesize=100", "fieldcount=3"}},
	{"read histogram", []string{"valuesize=hist:/nonexistent/file"}},
	{"valuecompress: 2 is not in", []string{"valuecompress=2"}},
	{"field contradicts writeallfields=true", []string{"writeallfields=true", "updatemode=field"}},
	{"writeallfields: \"yes\" is neither true nor false", []string{"writeallfields=yes"}},
	{"constant field length only", []string{"dataintegrity=true", "fieldlengthdistribution=uniform"}},
	{"only the core workload", []string{"workload=com.yahoo.ycsb.workloads.TimeSeriesWorkload"}},
	{"deleterangeproportion: ranges of numbers", []string{"deleterangeproportion=0.1"}},
	{"zeropadding=7", []string{"deleterangeproportion=0.1", "insertorder=ordered"}},
	{"writers leave none of threadcount=2", []string{"writers=2", "threadcount=2"}},
	{"unknown operation kind \"putt\"; nearest is \"put\"", []string{"writers=1", "writermix=putt:1"}},
	{"the shares sum to 0", []string{"writers=1", "writermix=put:0"}},
	{"latest needs records", []string{"requestdistribution=latest", "preload=false"}},
	{"ycsbcompat: \"python\"", []string{"ycsbcompat=python"}},
}

func TestWrongPropertiesAreRefusedWithAHint(t *testing.T) {
	for _, c := range bad {
		s, err := Parse(Input{Preset: "A", Overrides: c.overrides})
		if err == nil {
			t.Errorf("%v: accepted: %+v", c.overrides, s)
		} else if !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v:\n got %v\nwant %s", c.overrides, err, c.want)
		}
	}
}

func TestAnErrorNamesFileAndLineAndAllErrorsAreListed(t *testing.T) {
	_, err := Parse(Input{Files: []File{{Name: "my.properties", Data: []byte("# x\nrecordcount=1\nredproportion=1\nfieldcount=-1\n")}}})
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{`my.properties:3: unknown property "redproportion"; nearest is "readproportion"`, `my.properties:4: fieldcount: "-1" is negative`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nlacks %s", err, want)
		}
	}
	if _, err := Parse(Input{Files: []File{{Name: "f", Data: []byte("recordcount=\\u12")}}}); err == nil || !strings.Contains(err.Error(), "f: ") {
		t.Errorf("a broken file gives %v", err)
	}
}

func TestWhatHasNoEffectIsWarnedAbout(t *testing.T) {
	for _, c := range []struct{ override, want string }{
		{"rocksdb.dir=/tmp/x", "rocksdb.dir is a property of a database binding"},
		{"db.url=x", "db.url is a property"},
		{"measurementtype=histogram", "measurementtype has no effect (the harness decides)"},
		{"readallfields=false", "readallfields has no effect"},
		{"hdrhistogram.fileoutput=true", "hdrhistogram.fileoutput has no effect"},
		{"readproportion=1.5", "the proportions sum to 2; they are scaled to 1"},
		{"insertorder=ordered", "keys do not sort as numbers; zeropadding=7 would"},
		{"dataintegrity=true", "every value is verifiable"},
	} {
		s := mustParse(t, "A", c.override)
		if !slices.ContainsFunc(s.Warnings, func(w string) bool { return strings.Contains(w, c.want) }) {
			t.Errorf("%s: warnings %q, want %q", c.override, s.Warnings, c.want)
		}
	}
	s, err := Parse(Input{Files: []File{{Name: "f", Data: []byte("recordcount=1\nrecordcount=2\n")}}})
	if err != nil || len(s.Warnings) != 1 || !strings.Contains(s.Warnings[0], "f:2: recordcount is set 2 times") || s.Records != 2 {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestCountsHaveSuffixes(t *testing.T) {
	for text, want := range map[string]uint64{
		"0": 0, "17": 17, "200k": 200000, "1m": 1e6, "2G": 2e9, "1ki": 1024, "4KiB": 4096,
		"1.5m": 1500000, "3mb": 3e6, " 5 ": 5, "1mi": 1 << 20, "1gi": 1 << 30, "12b": 12,
	} {
		if got, err := parseCount(text); err != nil || got != want {
			t.Errorf("%q is %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "k", "1.5", "1.0001k", "-1", "1kk", "1i", "0x10", "1e3", "1 k k", "NaNk", "infk", "9999999999g"} {
		if got, err := parseCount(text); err == nil {
			t.Errorf("%q is %d", text, got)
		}
	}
}

func TestFlagsAreOverrides(t *testing.T) {
	for flag, value := range map[string]string{
		"records": "5k", "ops": "7", "threads": "3", "target": "100", "update-mode": "blind",
		"key-format": "binary:8", "dist": "zipf:1.1", "value-size": "uniform:100-2k", "compress-ratio": "0.5", "ycsb-compat": "java",
	} {
		o, ok := OverrideFor(flag, value)
		if !ok {
			t.Errorf("%s is no override", flag)
		}
		mustParse(t, "A", o)
	}
	if o, ok := OverrideFor("seed", "1"); ok {
		t.Errorf("seed became %s", o)
	}
	s := mustParse(t, "twitter", "requestdistribution=zipf:0.9")
	if s.Request.Theta != 0.9 {
		t.Errorf("theta %g; the later parameter must win", s.Request.Theta)
	}
	s = mustParse(t, "A", "requestdistribution=zipf:0.9", "theta=1.3")
	if s.Request.Theta != 1.3 || s.Request.String() != "zipf:1.3" {
		t.Errorf("%v; the later property must win", s.Request)
	}
	if s := mustParse(t, "A", "zipfianconstant=0.5"); s.Request.Theta != 0.5 || s.Request.String() != "zipfian:0.5" {
		t.Errorf("%v", s.Request)
	}
}

func TestValueSizesAreSharedAmongGivenFields(t *testing.T) {
	for _, c := range []struct {
		overrides     []string
		fields, bytes int
	}{
		{[]string{"valuesize=1k"}, 1, 1000},
		{[]string{"valuesize=1000", "fieldcount=10"}, 10, 1000},
		{[]string{"fieldcount=10", "valuesize=uniform:1-50"}, 1, 50},
		{[]string{"fieldcount=4", "fieldlength=25"}, 4, 100},
	} {
		s := mustParse(t, "A", c.overrides...)
		if s.Values.FieldCount != c.fields || s.MaxValue() != c.bytes {
			t.Errorf("%v: %d fields, %d bytes", c.overrides, s.Values.FieldCount, s.MaxValue())
		}
	}
}

func TestHistogramsAreReadAsYCSBWritesThem(t *testing.T) {
	files := map[string]string{
		"good": "BlockSize\t10\n0\t2\n2\t3\n3\t5\n",
		"bad1": "Size\t10\n0\t2\n", "bad2": "BlockSize\t0\n0\t1\n", "bad3": "BlockSize\t10\n0 2\n",
		"bad4": "BlockSize\t10\n0\t0\n1\t0\n", "bad5": "BlockSize\t10\n99999999999\t1\n", "bad6": "",
		"bad7": "BlockSize\t10\n0\t1\n", "bad8": "BlockSize\t10\nx\t1\n",
	}
	read := func(name string) ([]byte, error) {
		data, ok := files[name]
		if !ok {
			return nil, os.ErrNotExist
		}
		return []byte(data), nil
	}
	s, err := Parse(Input{Preset: "A", Overrides: []string{"valuesize=hist:good"}, ReadFile: read})
	if err != nil {
		t.Fatal(err)
	}
	l := s.Values.FieldLength
	if l.Min != 10 || l.Max != 30 || l.Block != 10 || !slices.Equal(l.Weights, []uint64{2, 0, 3, 5}) {
		t.Errorf("%+v", l)
	}
	if mean := l.Mean(); mean < 23.9 || mean > 24.1 { // three of ten 10, seven 30
		t.Errorf("mean %g, want 24", mean)
	}
	for name := range maps.Keys(files) {
		if name == "good" {
			continue
		}
		o := []string{"fieldlengthdistribution=histogram", "fieldlengthhistogram=" + name}
		if _, err := Parse(Input{Preset: "A", Overrides: o, ReadFile: read}); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAWorkloadIsAPresetOrAFile(t *testing.T) {
	in, err := NewInput("WorkloadA")
	if err != nil || in.Preset != "A" {
		t.Errorf("%+v, %v", in, err)
	}
	if _, err := NewInput("fillsek"); err == nil || !strings.Contains(err.Error(), `nearest is "fillseq"`) {
		t.Errorf("%v", err)
	}
	file := filepath.Join(t.TempDir(), "mine.properties")
	if err := os.WriteFile(file, []byte("recordcount=3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	in, err = NewInput(file)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Parse(in)
	if err != nil || s.Name != "mine" || s.Records != 3 || s.Source != file {
		t.Errorf("%+v, %v", s, err)
	}
	if _, err := NewInput("./nonexistent"); err == nil {
		t.Error("a missing file is accepted")
	}
}

func FuzzParseNeverPanics(f *testing.F) {
	for _, name := range presetNames() {
		_, data, err := preset(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	for _, c := range bad {
		f.Add([]byte(strings.Join(c.overrides, "\n")))
	}
	none := func(string) ([]byte, error) { return []byte("BlockSize\t1\n0\t1\n1\t1\n"), nil }
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := Parse(Input{Files: []File{{Name: "f", Data: data}}, ReadFile: none})
		if err != nil {
			return
		}
		if total := s.Mix.sum(); total < 0.999999 || total > 1.000001 {
			t.Errorf("the mix sums to %g", total)
		}
		if len(s.Hash()) != 64 {
			t.Errorf("hash %q", s.Hash())
		}
		if s.InsertCount > 1<<20 || s.MaxValue() > 1<<16 {
			return
		}
		g, err := s.NewGenerator(1, s.Writers, s.Writers+1, s.NewSequence())
		if err != nil {
			t.Fatal(err)
		}
		var tape [16]Op
		g.Fill(tape[:])
		for _, o := range tape {
			if o.Kind() != Insert {
				g.Resolve(o)
			}
		}
	})
}
