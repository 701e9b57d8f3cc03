package trace

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/kvbench/kvbench/workloads"
)

// traced returns a trace of what a workload does to a store: an update is a
// get and a put.
func traced(t testing.TB, n int, overrides ...string) []byte {
	t.Helper()
	in, err := workloads.NewInput("A")
	if err != nil {
		t.Fatal(err)
	}
	in.Overrides = overrides
	s, err := workloads.Parse(in)
	if err != nil {
		t.Fatal(err)
	}
	seq := s.NewSequence()
	g, err := s.NewGenerator(3, 0, 1, seq)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := s.NewKeys()
	if err != nil {
		t.Fatal(err)
	}
	var ops []Op
	tape := make([]workloads.Op, n)
	g.Fill(tape)
	size := int(s.MeanValue())
	for _, op := range tape {
		at := time.Duration(len(ops)) * time.Microsecond
		if op.Kind() == workloads.Insert {
			num := seq.Next()
			if err := seq.Ack(num); err != nil {
				t.Fatal(err)
			}
			ops = append(ops, Op{Time: at, Kind: Put, Key: keys.Append(nil, num), Size: size})
			continue
		}
		key := keys.Append(nil, g.Resolve(op))
		switch op.Kind() {
		case workloads.Read:
			ops = append(ops, Op{Time: at, Kind: Get, Key: key, Size: size, Result: Found})
		case workloads.ReadAbsent:
			ops = append(ops, Op{Time: at, Kind: Get, Key: keys.AppendAbsent(nil, g.Resolve(op)), Size: -1, Result: Absent})
		case workloads.Update:
			ops = append(ops, Op{Time: at, Kind: Get, Key: key, Size: size, Result: Found}, Op{Time: at, Kind: Put, Key: key, Size: size})
		case workloads.Put:
			ops = append(ops, Op{Time: at, Kind: Put, Key: key, Size: size})
		case workloads.Scan:
			ops = append(ops, Op{Time: at, Kind: Scan, Key: key, Size: -1, N: op.Len()})
		}
	}
	return written(t, ops)
}

func surveyed(t testing.TB, file []byte) *Stat {
	t.Helper()
	r, err := NewReader(bytes.NewReader(file), "t.trace")
	if err != nil {
		t.Fatal(err)
	}
	s, err := Survey(r)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestATraceLooksLikeTheWorkloadThatMadeIt(t *testing.T) {
	s := surveyed(t, traced(t, 100_000, "recordcount=1000", "readproportion=0.4", "updateproportion=0.3", "insertproportion=0.1", "readabsentproportion=0.1", "scanproportion=0.1", "maxscanlength=99"))
	mix := s.Profile.Mix
	for k, want := range map[workloads.Kind]float64{workloads.Read: 0.4, workloads.Update: 0.3, workloads.Insert: 0.1, workloads.ReadAbsent: 0.1, workloads.Scan: 0.1} {
		if math.Abs(mix[k]-want) > 0.01 {
			t.Errorf("share of %v is %.4f, want %.2f", k, mix[k], want)
		}
	}
	if s.Profile.Operations != 100_000 || s.Preloaded > 1000 || s.Preloaded < 900 || s.Prefix != "user" || s.Decimal {
		t.Errorf("%+v", s)
	}
	if math.Abs(*s.Profile.ScanMean-50) > 2 || s.ValueBytes.Mean != 1000 || s.KeyBytes.Max > 24 {
		t.Errorf("scans %v, values %+v, keys %+v", *s.Profile.ScanMean, s.ValueBytes, s.KeyBytes)
	}
	if len(s.Rate) != ratePoints || math.Abs(s.Rate[3].OpsPerS/1e6-1) > 0.05 {
		t.Errorf("%v", s.Rate)
	}
}

func TestAFittedWorkloadLooksLikeItsTrace(t *testing.T) {
	for _, d := range []string{"uniform", "zipfian", "zipf:0.8", "zipf:1.2"} {
		const records = 20_000
		file := traced(t, 120_000, fmt.Sprintf("recordcount=%d", records), "requestdistribution="+d, "readproportion=0.6", "updateproportion=0.3", "scanproportion=0.1", "maxscanlength=20", "valuesize=333")
		f, err := FitWorkload(surveyed(t, file), "fit.properties")
		if err != nil {
			t.Fatal(err)
		}
		name, theta, _ := strings.Cut(d, ":")
		got, gotTheta, _ := strings.Cut(f.Spec.Request.String(), ":")
		if got != name || (theta != "" && math.Abs(f.Spec.Request.Theta-number(t, theta)) > 0.03) {
			t.Errorf("%s: taken for %s %s; %+v", d, got, gotTheta, f.Laws)
		}
		if r := float64(f.Spec.Records) / records; r < 0.9 || r > 1.15 {
			t.Errorf("%s: %d records, want about %d", d, f.Spec.Records, records)
		}
		if f.Spec.MeanValue() != 333 || f.Spec.ScanLength.Max < 18 || f.Spec.ScanLength.Max > 22 {
			t.Errorf("%s: values of %g, scans of %v", d, f.Spec.MeanValue(), f.Spec.ScanLength)
		}
		for _, c := range f.Compared {
			if c.Trace == nil || c.Workload == nil || math.Abs(*c.Trace-*c.Workload) > 0.02+0.06**c.Trace {
				t.Errorf("%s: %s: trace %v, workload %v", d, c.Name, deref(c.Trace), deref(c.Workload))
			}
		}
	}
}

func number(t *testing.T, s string) (f float64) {
	t.Helper()
	if _, err := fmt.Sscanf(s, "%g", &f); err != nil {
		t.Fatal(err)
	}
	return f
}

func deref(f *float64) float64 {
	if f == nil {
		return math.NaN()
	}
	return *f
}

func TestATornTraceIsDescribedAsFarAsItGoes(t *testing.T) {
	file := traced(t, 20_000, "recordcount=1000")
	s := surveyed(t, file[:len(file)/2])
	if s.Torn == "" || s.Operations == 0 || s.Operations > 16_000 {
		t.Errorf("%d operations, %q", s.Operations, s.Torn)
	}
}

func TestSizesAreClassedWithinASixteenth(t *testing.T) {
	for size := range 100_000 {
		got := sizeOf(classOf(size))
		if math.Abs(float64(got-size)) > float64(size)/16 {
			t.Fatalf("size %d is classed as %d", size, got)
		}
	}
}

func TestNothingFitsAnEmptyTrace(t *testing.T) {
	if _, err := FitWorkload(surveyed(t, written(t, nil)), "x"); err == nil {
		t.Error("no error")
	}
}
