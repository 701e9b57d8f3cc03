package compare

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/results"
)

// A Difference is one thing in which the specs of two runs are not alike.
type Difference struct {
	Name string `json:"name"` // what AllowDiff takes
	Base string `json:"base"`
	New  string `json:"new"`
	// Of are the engines and workloads that it concerns.
	Of []string `json:"of"`
}

// An UnlikeError says why two runs must not be compared.
type UnlikeError struct {
	Base, New   string
	Differences []Difference
}

func (e *UnlikeError) Error() string {
	lines := []string{fmt.Sprintf("%s and %s are not alike:", e.Base, e.New)}
	var names []string
	for _, d := range e.Differences {
		of := d.Of
		if len(of) > 3 {
			of = append(slices.Clone(of[:2]), fmt.Sprintf("%d more", len(d.Of)-2))
		}
		lines = append(lines, fmt.Sprintf("  %s: %s against %s (%s)", d.Name, d.Base, d.New, join(of, ", ")))
		if !slices.Contains(names, d.Name) {
			names = append(names, d.Name)
		}
	}
	lines = append(lines, "compare them all the same with --allow-diff "+join(names, ","))
	return join(lines, "\n")
}

// Is makes it an error of the caller's.
func (e *UnlikeError) Is(target error) bool { return target == engine.ErrInvalid }

// A trait is one thing that a cell was asked or set to.
type trait struct{ name, value string }

// Traits that are the identity of a cell: cells that differ in them are not
// matched, unless that is allowed.
const (
	traitEngine   = "engine"
	traitWorkload = "workload"
)

// traitsOf lists what makes figures of two cells comparable, in the order in
// which differences are told. Empty is unknown, which differs from nothing.
func traitsOf(c *results.Cell, m *results.Manifest) []trait {
	number := func(x float64) string { return strconv.FormatFloat(x, 'g', 12, 64) }
	whole := func(n uint64) string { return strconv.FormatUint(n, 10) }
	rate := "none" // a closed loop
	if c.Load.Rate != nil {
		rate = number(*c.Load.Rate)
	}
	list := []trait{
		{traitEngine, labelOf(c)},
		{traitWorkload, c.Workload.Name},
		{"regime", c.Regime},
		{"durability", durabilityText(c)},
		{"cache_regime", c.CacheRegime},
		{"records", whole(c.Workload.Records)},
		{"value_bytes", number(c.Workload.ValueBytes)},
		{"key_format", c.Workload.KeyFormat},
		{"mix", mixText(c.Workload.Mix)},
		{"dist", c.Workload.Dist},
		{"update_mode", c.Workload.UpdateMode},
		{"compat", c.Workload.Compat},
		{"mode", c.Load.Mode},
		{"threads", strconv.Itoa(c.Load.Threads)},
		{"rate", rate},
		{"arrival", c.Load.Arrival},
		{"duration_s", number(c.Load.DurationS)},
		{"operations", whole(c.Load.Operations)},
		{"driver", c.Load.Driver},
		{"warmup_s", number(m.Plan.WarmupS)},
	}
	for _, name := range slices.Sorted(maps.Keys(c.Workload.Properties)) {
		if !toldElsewhere(name) {
			list = append(list, trait{"workload." + name, c.Workload.Properties[name]})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Engine.Settings)) {
		if name != "durability" {
			list = append(list, trait{c.Engine.Name + "." + name, c.Engine.Settings[name]})
		}
	}
	return list
}

// durabilityText is empty for a cell that never opened its engine.
func durabilityText(c *results.Cell) string {
	if c.Durability == engine.Default {
		return ""
	}
	return c.Durability.String()
}

func mixText(mix map[string]float64) string {
	parts := make([]string, 0, len(mix))
	for _, kind := range slices.Sorted(maps.Keys(mix)) {
		if mix[kind] > 0 {
			parts = append(parts, kind+"="+strconv.FormatFloat(mix[kind], 'g', 6, 64))
		}
	}
	return join(parts, " ")
}

// toldElsewhere reports whether a property of a workload is a field of the
// cell under another name, or says nothing of what was asked.
func toldElsewhere(property string) bool {
	return strings.HasPrefix(property, "kvbench.") || strings.HasSuffix(property, "proportion") ||
		slices.Contains([]string{
			"recordcount", "operationcount", "insertcount", "valuesize", "fieldlength", "requestdistribution",
			"keyformat", "updatemode", "ycsbcompat", "threadcount", "target", "maxexecutiontime",
		}, property)
}

// differ lists the traits in which two cells are known to be unlike: those
// that are allowed, and the others.
func differ(a, b []trait, allowed func(string) bool) (unlike, permitted []Difference) {
	values := make(map[string]string, len(b))
	for _, t := range b {
		values[t.name] = t.value
	}
	for _, t := range a {
		other := values[t.name]
		if t.value == "" || other == "" || t.value == other {
			continue
		}
		d := Difference{Name: t.name, Base: t.value, New: other}
		if allowed(t.name) {
			permitted = append(permitted, d)
		} else {
			unlike = append(unlike, d)
		}
	}
	return unlike, permitted
}

// allower is the meaning of AllowDiff. The identity of a cell is not part of
// "*": that would match anything with anything.
func (o *Options) allower() func(string) bool {
	return func(name string) bool {
		if slices.Contains(o.AllowDiff, name) {
			return true
		}
		return slices.Contains(o.AllowDiff, "*") && name != traitEngine && name != traitWorkload
	}
}

// CheckAllowed refuses names that no difference has.
func CheckAllowed(names []string) error {
	known := []string{"*"}
	for _, t := range traitsOf(&results.Cell{}, &results.Manifest{}) {
		known = append(known, t.name)
	}
	for _, name := range names {
		if !slices.Contains(known, name) && !strings.Contains(name, ".") {
			return fmt.Errorf("%w: difference %q%s; or ENGINE.SETTING, or workload.PROPERTY", engine.ErrInvalid, name, engine.Suggest(name, known))
		}
	}
	return nil
}

// gather joins differences that are the same for several cells.
func gather(list []Difference) []Difference {
	var out []Difference
	for _, d := range list {
		at := slices.IndexFunc(out, func(o Difference) bool { return o.Name == d.Name && o.Base == d.Base && o.New == d.New })
		if at < 0 {
			out = append(out, d)
			continue
		}
		for _, of := range d.Of {
			if !slices.Contains(out[at].Of, of) {
				out[at].Of = append(out[at].Of, of)
			}
		}
	}
	return out
}

// machineNotes tell what may explain a difference without forbidding to look.
func machineNotes(a, b *results.Manifest) []string {
	var notes []string
	say := func(what, x, y string) {
		if x != y {
			notes = append(notes, fmt.Sprintf("%s: %s against %s", what, cmp.Or(x, "unknown"), cmp.Or(y, "unknown")))
		}
	}
	say("processor", a.Host.CPUModel, b.Host.CPUModel)
	say("processors", strconv.Itoa(a.Host.CPUs), strconv.Itoa(b.Host.CPUs))
	say("kernel", a.Host.Kernel, b.Host.Kernel)
	say("memory", a.Host.Memory.String(), b.Host.Memory.String())
	say("file system", a.Disk.FileSystem, b.Disk.FileSystem)
	say("Go", a.Go.Version, b.Go.Version)
	say("GOMAXPROCS", strconv.Itoa(a.Go.GOMAXPROCS), strconv.Itoa(b.Go.GOMAXPROCS))
	say("cgo", strconv.FormatBool(a.Program.Cgo), strconv.FormatBool(b.Program.Cgo))
	say("kvbench", a.Program.Version, b.Program.Version)
	return notes
}
