package report

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/results"
)

// environments describes where and with what each run was made, and marks what
// differs between them.
func (b *builder) environments() error {
	for _, s := range b.src {
		b.m.Environments = append(b.m.Environments, environmentOf(s))
	}
	values := map[string]string{}
	differs := map[string]bool{}
	each := func(do func(key string, f *Fact)) {
		for _, e := range b.m.Environments {
			for _, g := range e.Groups {
				for i := range g.Facts {
					do(g.Name+"/"+g.Facts[i].Name, &g.Facts[i])
				}
			}
		}
	}
	each(func(key string, f *Fact) {
		if v, ok := values[key]; ok && v != f.Value {
			differs[key] = true
		}
		values[key] = f.Value
	})
	each(func(key string, f *Fact) { f.Differs = differs[key] })
	return nil
}

func environmentOf(s *source) Environment {
	m := &s.run.Manifest
	return Environment{Run: s.id, Groups: []FactGroup{
		{"machine", hostFacts(&m.Host)},
		{"disk", diskFacts(&m.Disk)},
		{"Go", goFacts(&m.Go)},
		{"program", programFacts(&m.Program)},
		{"calibration", calibrationFacts(&m.Calibration)},
		{"run", runFacts(m)},
	}}
}

func hostFacts(h *results.Host) []Fact {
	return facts(
		"processor", h.CPUModel, "processors", positive(h.CPUs), "threads a core", integer(h.ThreadsACore),
		"NUMA nodes", integer(h.NUMANodes), "governor", h.Governor, "turbo", yesNo(h.Turbo), "virtual", h.Virtual,
		"memory", size(h.Memory), "memory limit", size(h.MemoryLimit), "processor limit", results.TextNumber(h.CPULimit),
		"system", h.OS, "kernel", h.Kernel, "clock source", h.Clocksource, "huge pages", h.HugePages,
		"load average before", results.TextNumber(h.LoadBefore), "load average after", results.TextNumber(h.LoadAfter),
		"time stolen by the host", seconds(h.StealS),
	)
}

func diskFacts(d *results.Disk) []Fact {
	return facts(
		"path", d.Path, "device", d.Device, "file system", d.FileSystem, "options", d.Options,
		"size", size(d.Total), "free", size(d.Free), "rotational", yesNo(d.Rotational),
		"scheduler", d.Scheduler, "write cache", d.WriteCache,
	)
}

func goFacts(g *results.GoInfo) []Fact {
	return facts(
		"version", g.Version, "platform", strings.Trim(g.GOOS+"/"+g.GOARCH, "/"), "GOAMD64", g.GOAMD64,
		"GOMAXPROCS", positive(g.GOMAXPROCS), "GOGC", g.GOGC, "GOMEMLIMIT", g.GOMEMLIMIT,
	)
}

func programFacts(p *results.Program) []Fact {
	cgo := p.Cgo
	return facts(
		"kvbench", p.Version, "commit", p.Commit, "uncommitted changes", yesNo(p.Dirty),
		"sha256", p.SHA256, "cgo", yesNo(&cgo), "build tags", strings.Join(p.Tags, " "),
	)
}

func calibrationFacts(c *results.Calibration) []Fact {
	us := func(x *float64) string {
		if x == nil {
			return ""
		}
		return results.TextNs(results.Num(*x * 1000))
	}
	sleep := ""
	if c.SleepMs != nil {
		sleep = results.TextNs(results.Num(*c.SleepMs * 1e6))
	}
	sequential := ""
	if c.SequentialMBS != nil {
		sequential = results.TextNumber(c.SequentialMBS) + " MB/s"
	}
	return facts(
		"reading of the clock", results.TextNs(c.ClockNs), "smallest step of the clock", results.TextNs(c.ClockStepNs),
		"a sleep of 100 µs takes", sleep,
		"empty loop, every operation timed", results.TextNs(c.NoopAllNs), "empty loop, 1 in 16 timed", results.TextNs(c.NoopSampledNs),
		"empty loop, all workers", rate(c.NoopOpsPerS), "fdatasync after a 4 KiB append", us(c.FdatasyncUs),
		"4 KiB write, buffered", us(c.Write4KUs), "4 KiB read, cached", us(c.Read4KUs),
		"sequential write", sequential,
	)
}

func runFacts(m *results.Manifest) []Fact {
	p := &m.Plan
	took, measured := "", ""
	if p.DurationS > 0 { // else by number of operations
		measured = plainSeconds(p.DurationS)
	}
	if m.Finished != nil {
		took = m.Finished.Sub(m.Started).Round(time.Second).String()
	}
	return facts(
		"started", m.Started.UTC().Format(time.DateTime+" UTC"), "took", took, "status", string(m.Status),
		"engines", strings.Join(p.Engines, " "), "workloads", strings.Join(p.Workloads, " "),
		"repetitions", positive(p.Reps), "seed", strconv.FormatUint(p.Seed, 10),
		"regime", p.Regime, "measured", measured, "warm-up", plainSeconds(p.WarmupS),
		"SHA-256 of the specification", m.SpecSHA,
	)
}

// facts takes names and values in turn; an empty value is unknown.
func facts(pairs ...string) []Fact {
	list := make([]Fact, 0, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		value := pairs[i+1]
		if value == "" {
			value = results.TextNumber(nil)
		}
		list = append(list, Fact{Name: pairs[i], Value: value})
	}
	return list
}

func integer(n *int) string {
	if n == nil {
		return ""
	}
	return strconv.Itoa(*n)
}

// positive is a number that is unknown when it is zero.
func positive(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func yesNo(b *bool) string {
	switch {
	case b == nil:
		return ""
	case *b:
		return "yes"
	}
	return "no"
}

func size(c engine.Count) string { return results.TextBytes(known(c)) }

func rate(x *float64) string {
	if x == nil {
		return ""
	}
	return results.TextCount(x) + " ops/s"
}

func seconds(x *float64) string {
	if x == nil {
		return ""
	}
	return plainSeconds(*x)
}

func plainSeconds(x float64) string { return fmt.Sprintf("%.3g s", x) }
