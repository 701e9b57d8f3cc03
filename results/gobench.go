package results

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"golang.org/x/perf/benchfmt"
)

// A goBench turns cells into bench.txt: a line an ok cell, in the format of Go
// benchmarks. Repetitions have the same name, as benchstat expects:
//
//	BenchmarkYCSB/wl=A/engine=pebble/regime=async/threads=2/records=200000/val=1000-2
//
// The name holds the regime and not the level of durability: the level may
// differ from engine to engine, and then -col /engine would find no pairs.
// What benchstat would make separate tables of (commit, time) is left out.
type goBench struct {
	buf   bytes.Buffer
	out   *benchfmt.Writer
	units map[string]bool // declared
}

func newGoBench() *goBench {
	b := &goBench{units: map[string]bool{}}
	b.out = benchfmt.NewWriter(&b.buf)
	return b
}

// lines returns what c adds to the file, the header before the first cell and
// each unit's direction before its first use; nothing for a cell that is not ok.
func (b *goBench) lines(m *Manifest, c *Cell) ([]byte, error) {
	b.buf.Reset()
	values := benchValues(c)
	if c.Status != StatusOK || len(values) == 0 {
		return nil, nil
	}
	for _, v := range values {
		if b.units[v.Unit] {
			continue
		}
		b.units[v.Unit] = true
		better := &benchfmt.UnitMetadata{OrigUnit: v.Unit, Value: "lower"}
		better.UnitMetadataKey = benchfmt.UnitMetadataKey{Unit: v.Unit, Key: "better"}
		if strings.HasSuffix(v.Unit, "/s") {
			better.Value = "higher"
		}
		if err := b.out.Write(better); err != nil {
			return nil, err
		}
	}
	result := &benchfmt.Result{
		Config: benchConfig(m),
		Name:   benchfmt.Name(benchName(m, c)),
		Iters:  benchIterations(c),
		Values: values,
	}
	if err := b.out.Write(result); err != nil {
		return nil, err
	}
	return bytes.Clone(b.buf.Bytes()), nil
}

// GoBench writes cells in the format of bench.txt. Cells that are not ok are
// left out.
func GoBench(w io.Writer, m *Manifest, cells []*Cell) error {
	b := newGoBench()
	for _, c := range cells {
		text, err := b.lines(m, c)
		if err == nil {
			_, err = w.Write(text)
		}
		if err != nil {
			return fmt.Errorf("write benchmarks: cell %s: %w", c.ID, err)
		}
	}
	return nil
}

func benchConfig(m *Manifest) []benchfmt.Config {
	var config []benchfmt.Config
	for _, kv := range [][2]string{
		{"goos", m.Go.GOOS},
		{"goarch", m.Go.GOARCH},
		{"pkg", "github.com/kvbench/kvbench"},
		{"cpu", m.Host.CPUModel},
	} {
		value := strings.Join(strings.Fields(kv[1]), " ")
		if value != "" {
			config = append(config, benchfmt.Config{Key: kv[0], Value: []byte(value), File: true})
		}
	}
	return config
}

func benchName(m *Manifest, c *Cell) string {
	name := fmt.Sprintf("YCSB/wl=%s/engine=%s/regime=%s/threads=%d/records=%d/val=%s",
		benchPart(c.Workload.Name), benchPart(c.Engine.Title()), benchPart(c.Regime),
		c.Load.Threads, c.Workload.Records, strconv.FormatFloat(c.Workload.ValueBytes, 'g', 6, 64))
	if c.CacheRegime != "" {
		name += "/cache=" + benchPart(c.CacheRegime)
	}
	if c.Load.Rate != nil {
		name += "/rate=" + plain(*c.Load.Rate)
	}
	for _, axis := range sortedKeys(c.Axes) {
		if axis != "threads" && axis != "rate" {
			name += "/" + benchPart(axis) + "=" + benchPart(c.Axes[axis])
		}
	}
	if m.Go.GOMAXPROCS > 1 {
		name += "-" + strconv.Itoa(m.Go.GOMAXPROCS)
	}
	return name
}

// benchPart replaces what would end a part of a name, or look like the
// number of processors at the end.
func benchPart(s string) string {
	return strings.Map(func(r rune) rune {
		if r <= ' ' || r == '/' || r == '=' {
			return '_'
		}
		return r
	}, s)
}

// benchIterations is the number of operations, at least the 1 that Go prints.
func benchIterations(c *Cell) int {
	var n uint64
	for _, op := range c.Ops {
		if op != nil {
			n += op.N
		}
	}
	return int(max(1, min(n, math.MaxInt64)))
}

// benchValues lists what is known. Units ending in /s are better when higher,
// all others when lower.
func benchValues(c *Cell) []benchfmt.Value {
	var values []benchfmt.Value
	add := func(x *float64, unit string) {
		if x != nil {
			values = append(values, benchfmt.Value{Value: *x, Unit: unit})
		}
	}
	if c.OpsPerS != nil && *c.OpsPerS > 0 {
		add(Num(1e9 / *c.OpsPerS), "ns/op")
	}
	add(c.OpsPerS, "ops/s")
	add(c.RowsPerS, "rows/s")
	for _, op := range sortedKeys(c.Ops) {
		if l := opLatency(c.Ops[op]); l != nil {
			add(Num(float64(l.P50)), benchPart(op)+"-p50-ns")
			add(Num(float64(l.P99)), benchPart(op)+"-p99-ns")
			add(Num(float64(l.P999)), benchPart(op)+"-p99.9-ns")
		}
	}
	add(c.Amp.Write, "w-amp")
	add(c.Amp.WriteSettled, "w-amp-settled")
	add(c.Amp.Read, "r-amp")
	add(c.Amp.Space, "s-amp")
	add(number(c.Mem.PeakRSS), "peak-rss-B")
	add(c.Mem.BytesPerOp, "B/op")
	add(c.Mem.AllocsPerOp, "allocs/op")
	add(c.Quality.HarnessShare, "harness-share")
	return values
}

// opLatency is what a caller felt: from the intended start in an open loop,
// from the call in a closed one.
func opLatency(s *OpStats) *Latency {
	if s == nil {
		return nil
	}
	if s.Response != nil {
		return s.Response
	}
	return s.Service
}
