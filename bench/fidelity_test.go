package bench

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/results"
	"github.com/kvbench/kvbench/workloads"
)

// audited runs n operations against an engine that stores nothing and returns
// the fidelity to claimed, which is the workload itself if nil.
func audited(t *testing.T, w, claimed *workloads.Spec, seed, n uint64, threads int) *results.Fidelity {
	t.Helper()
	open, err := Native{}.Open(EngineTarget(&blankEngine{}, engine.None), LoopOptions{Workload: w, Seed: seed, Threads: threads, Verify: VerifyOff, Blank: true})
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	l := open.(*nativeLoop)
	limits := Limits{Name: "measure", Operations: n}
	if _, err := l.Run(context.Background(), Limits{Name: "warmup", Operations: 1000}); err != nil {
		t.Fatal(err)
	}
	p, err := l.Run(context.Background(), limits)
	if err != nil {
		t.Fatal(err)
	}
	if claimed != nil {
		l.o.Workload = claimed
	}
	f, err := l.Fidelity(limits, p)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestEveryPresetIsFaithfulToItsDefinition(t *testing.T) {
	for _, preset := range workloads.List() {
		for _, records := range []string{"1000", "200000"} {
			w := spec(t, preset.Name, "recordcount="+records, "operationcount=60000")
			f := audited(t, w, nil, 11, 60000, w.Writers+2)
			if !f.OK || len(f.Checks) == 0 {
				t.Errorf("%s with %s records: %s (%d checks)", preset.Name, records, unlike(f), len(f.Checks))
			}
			if f.Sample != 60000 {
				t.Errorf("%s: a sample of %d operations, want all", preset.Name, f.Sample)
			}
		}
	}
}

func TestEveryDistributionIsFaithfulToItsDefinition(t *testing.T) {
	for _, d := range []string{"uniform", "zipfian", "zipf:0.5", "zipf:0.99", "zipf:1", "zipf:1.2", "latest", "hotspot", "exponential", "keyrange", "sequential"} {
		for _, mix := range [][]string{{"readproportion=1"}, {"readproportion=0.8", "insertproportion=0.2"}} {
			for _, threads := range []int{1, 3} {
				o := append([]string{"recordcount=50000", "operationcount=60000", "updateproportion=0", "requestdistribution=" + d}, mix...)
				f := audited(t, spec(t, "C", o...), nil, 12, 60000, threads)
				if !f.OK {
					t.Errorf("%s, %v, %d workers: %s", d, mix, threads, unlike(f))
				}
			}
		}
	}
}

// failed returns the names of the checks that failed.
func failed(f *results.Fidelity) (names []string) {
	for _, c := range f.Checks {
		if !c.OK {
			names = append(names, c.Name)
		}
	}
	return names
}

func TestWhatIsNotTheWorkloadIsFound(t *testing.T) {
	for _, c := range []struct {
		name          string
		done, claimed []string
		want          []string
	}{
		{"go-ycsb's files for YCSB's", []string{"ycsbcompat=go-ycsb"}, nil, []string{"hot_share", "top1_share", "distinct"}},
		{"a uniform for a zipfian", []string{"requestdistribution=uniform"}, nil, []string{"hot_share", "top1_share", "distinct"}},
		{"a zipfian for a zipf", nil, []string{"requestdistribution=zipf:0.99"}, []string{"theta", "top1_share"}},
		{"a zipf for a zipfian", []string{"requestdistribution=zipf:0.99"}, nil, []string{"hot_share", "top1_share"}},
		{"another exponent", []string{"requestdistribution=zipf:0.9"}, []string{"requestdistribution=zipf:0.99"}, []string{"theta"}},
		{"another mix", []string{"readproportion=0.53", "updateproportion=0.47"}, nil, []string{"mix.read", "mix.update"}},
		{"a kind that is not in the mix", []string{"readproportion=0.499", "readmodifywriteproportion=0.001"}, nil, []string{"mix.read-modify-write"}},
		{"ranges for a uniform", []string{"requestdistribution=keyrange"}, []string{"requestdistribution=uniform"}, []string{"locality"}},
		{"a scan in order for random reads", []string{"requestdistribution=sequential"}, []string{"requestdistribution=uniform"}, []string{"distinct", "locality"}},
		{"shorter scans", []string{"readproportion=0", "updateproportion=0", "scanproportion=1", "maxscanlength=1"}, []string{"readproportion=0", "updateproportion=0", "scanproportion=1", "maxscanlength=100"}, []string{"scan_length"}},
		{"another age", []string{"requestdistribution=latest", "theta=0.8"}, []string{"requestdistribution=latest"}, []string{"newest_share"}},
	} {
		base := []string{"recordcount=100000", "operationcount=60000"}
		f := audited(t, spec(t, "A", append(base, c.done...)...), spec(t, "A", append(base, c.claimed...)...), 13, 60000, 2)
		got := failed(f)
		for _, name := range c.want {
			if !slices.Contains(got, name) {
				t.Errorf("%s: %s held; %s", c.name, name, unlike(f))
			}
		}
		if f.OK {
			t.Errorf("%s: taken for the workload", c.name)
		}
	}
}

func TestTheFilesOfGoYCSBClaimedAsZipfianAreToldApartInACell(t *testing.T) {
	base := []string{"recordcount=100000", "operationcount=60000"}
	f := audited(t, spec(t, "A", append(base, "ycsbcompat=go-ycsb")...), spec(t, "A", base...), 14, 60000, 1)
	c := results.Cell{Fidelity: f}
	judge(&c, &CellSpec{})
	got := c.Quality.Flags
	if len(got) != 1 || got[0].Name != "fidelity" || got[0].Level != "yellow" || !strings.Contains(got[0].Reason, "hot_share") {
		t.Errorf("%+v", got)
	}
}

func TestEqualSeedsOfOneWorkerAreEqualStreams(t *testing.T) {
	for _, name := range []string{"A", "D", "E", "F"} {
		w := spec(t, name, "recordcount=1000", "operationcount=20000")
		a, b, other := audited(t, w, nil, 5, 20000, 1), audited(t, w, nil, 5, 20000, 1), audited(t, w, nil, 6, 20000, 1)
		if a.Stream == "" || a.Stream != b.Stream || a.Stream == other.Stream {
			t.Errorf("%s: streams %q %q, of another seed %q", name, a.Stream, b.Stream, other.Stream)
		}
		if several := audited(t, w, nil, 5, 20000, 2); several.Stream != "" {
			t.Errorf("%s: two workers have the stream %q", name, several.Stream)
		}
	}
}

func TestTheStreamIsWhatTheWorkerDid(t *testing.T) {
	var asked []string
	e := newToy()
	e.get = func(key, value []byte) ([]byte, error) { asked = append(asked, string(key)); return value, nil }
	w := spec(t, "D", "recordcount=500", "operationcount=9000", "readproportion=0.5", "insertproportion=0.5")
	l := openToy(t, e, w, func(o *LoopOptions) { o.Threads = 1 }).(*nativeLoop)
	loadAndRun(t, l, 9000, Timing{})
	seq := w.NewSequence()
	g, err := w.NewGenerator(7, 0, 1, seq)
	if err != nil {
		t.Fatal(err)
	}
	tape := make([]workloads.Op, 9000)
	g.Fill(tape)
	var want []string
	for _, op := range tape {
		n, err := numberOf(op, g, seq)
		if err != nil {
			t.Fatal(err)
		}
		if op.Kind() == workloads.Read {
			want = append(want, string(l.keys.Append(nil, n)))
		}
	}
	if !slices.Equal(asked, want) {
		t.Errorf("the worker read %d keys, the stream has %d, or others", len(asked), len(want))
	}
}

func TestASampleSurvivesRefillsOfTheTape(t *testing.T) {
	w := spec(t, "A", "recordcount=1000")
	l := openToy(t, newToy(), w, func(o *LoopOptions) { o.Threads, o.Verify = 1, VerifyOff }).(*nativeLoop)
	if _, err := l.Load(context.Background(), Limits{Name: "load"}); err != nil {
		t.Fatal(err)
	}
	l.rate = 100 // so that the tape is far too short
	limits := Limits{Name: "measure", Operations: 30_000, Duration: time.Hour}
	wk := l.workers[0]
	wk.draw(9000)
	p, err := l.phase(context.Background(), l.workers, limits, func(w *worker, p *phaseRun) { w.runOps(p) })
	if err != nil || p.FirstError != nil {
		t.Fatal(err, p.FirstError)
	}
	early, late := wk.performed()
	if len(early) != 9000-refillOps || len(late) != (30_000-9000)%refillOps {
		t.Errorf("%d operations from before the first refill, %d from after the last", len(early), len(late))
	}
	f, err := l.Fidelity(limits, p)
	if err != nil || !f.OK || f.Sample != uint64(len(early)+len(late)) {
		t.Errorf("%v, %s, sample %d", err, unlike(f), f.Sample)
	}
}
