package workloads

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/kvbench/kvbench/workloads/dist"
)

// resolver turns settings into a spec. Each method resolves one part; errors
// are collected, so that one run shows them all.
type resolver struct {
	*settings
	readFile func(string) ([]byte, error)
	spec     *Spec
}

// noLimit is the upper bound of counts without one of their own.
const noLimit = math.MaxInt64

func (r *resolver) resolve() (*Spec, error) {
	s := r.spec
	s.Title = r.value("kvbench.title")
	s.Compat = Compat(r.choice("ycsbcompat", string(Java), string(GoYCSB)))
	r.class()
	r.mix()
	r.phases()
	r.keys()
	r.values()
	r.scans()
	r.request()
	if err := r.err(); err != nil {
		return nil, fmt.Errorf("workload %s: %w", s.Name, err)
	}
	r.check()
	if err := r.err(); err != nil {
		return nil, fmt.Errorf("workload %s: %w", s.Name, err)
	}
	r.record()
	s.Warnings = r.warnings
	return s, nil
}

// record lists the properties with an effect, as given or defaulted, and as
// resolved where that is what tells: parsed again they give the same spec.
func (r *resolver) record() {
	s := r.spec
	p := map[string]string{}
	for _, name := range r.names {
		if v := r.value(name); v != "" && !r.known[name].Ignored {
			p[name] = v
		}
	}
	p["insertcount"] = strconv.FormatUint(s.InsertCount, 10)
	p["fieldcount"] = strconv.Itoa(s.Values.FieldCount)
	p["updatemode"] = s.UpdateMode.String()
	p["keyprefix"] = s.Keys.Prefix
	if s.Request.Theta != 0 {
		p["theta"] = strconv.FormatFloat(s.Request.Theta, 'g', -1, 64)
	}
	s.Properties = p
}

func (r *resolver) class() {
	v := r.value("workload")
	if v != "core" && !strings.HasSuffix(v, ".CoreWorkload") {
		r.fail("workload", "%q is not supported; only the core workload is", v)
	}
}

func (r *resolver) warn(format string, args ...any) {
	r.warnings = append(r.warnings, fmt.Sprintf(format, args...))
}

// shareNames are the properties of the mix by kind.
var shareNames = [NumKinds]string{
	Read: "readproportion", Update: "updateproportion", Insert: "insertproportion",
	Scan: "scanproportion", ReadModifyWrite: "readmodifywriteproportion",
	Delete: "deleteproportion", ReadAbsent: "readabsentproportion",
	ReverseScan: "reversescanproportion", DeleteRange: "deleterangeproportion",
	Put: "putproportion",
}

func (r *resolver) mix() {
	s := r.spec
	for k, name := range shareNames {
		s.Mix[k] = r.float(name, 0, math.MaxFloat32)
	}
	total := s.Mix.sum()
	if total == 0 {
		r.errs = append(r.errs, fmt.Errorf("the proportions sum to 0: give at least one of %s", strings.Join(shareNames[:], ", ")))
		return
	}
	if math.Abs(total-1) > 1e-6 {
		r.warn("the proportions sum to %g; they are scaled to 1", total)
	}
	s.Mix = s.Mix.normalized()
	s.Writers = int(r.count("writers", 0, 1<<16))
	if s.Writers > 0 {
		r.writerMix()
	}
}

func (r *resolver) writerMix() {
	var m Mix
	for part := range strings.SplitSeq(r.value("writermix"), ",") {
		name, share, ok := strings.Cut(strings.TrimSpace(part), ":")
		if !ok {
			share = "1"
		}
		k, err := kindNamed(name)
		if err != nil {
			r.fail("writermix", "%v", err)
			return
		}
		f, err := parseFloat(share)
		if err != nil || f < 0 {
			r.fail("writermix", "share %q of %s is no number of at least 0", share, name)
			return
		}
		m[k] += f
	}
	if m.sum() == 0 {
		r.fail("writermix", "the shares sum to 0")
		return
	}
	r.spec.WriterMix = m.normalized()
}

// phases resolves what is loaded and how long the run is.
func (r *resolver) phases() {
	s := r.spec
	records := r.count("recordcount", 0, maxNumber)
	s.Operations = r.count("operationcount", 0, noLimit)
	s.MaxSeconds = float64(r.count("maxexecutiontime", 0, noLimit))
	s.Threads = int(r.count("threadcount", 0, 1<<16-1))
	s.TargetOps = r.float("target", 0, math.MaxFloat32)
	s.LoadOrder = r.choice("loadorder", "sequential", "shuffled")
	s.InsertStart = r.count("insertstart", 0, maxNumber)
	if s.InsertStart > records {
		r.fail("insertstart", "%d is beyond recordcount %d", s.InsertStart, records)
		return
	}
	s.InsertCount = records - s.InsertStart
	if r.has("insertcount") {
		s.InsertCount = r.count("insertcount", 0, maxNumber)
	}
	if s.InsertStart+s.InsertCount > records {
		r.fail("insertcount", "insertstart %d + insertcount %d is beyond recordcount %d", s.InsertStart, s.InsertCount, records)
	}
	s.Records, s.FirstInsert = records, records
	if !r.bool("preload") {
		s.Records, s.FirstInsert = 0, s.InsertStart
	}
}

func (r *resolver) keys() {
	k := &r.spec.Keys
	k.Ordered = r.choice("insertorder", "hashed", "ordered") == "ordered"
	name, size, sized := strings.Cut(strings.ToLower(r.value("keyformat")), ":")
	k.Format, k.Prefix = name, r.value("keyprefix")
	n := uint64(0)
	if sized {
		var err error
		if n, err = parseCount(size); err != nil || n > 64 {
			r.fail("keyformat", "%q is no size of at most 64 bytes", size)
		}
	}
	k.Size = int(n)
	switch {
	case name == "ycsb" && !sized:
		k.ZeroPadding = int(r.count("zeropadding", 0, maxDigits))
		if !r.has("keyprefix") {
			k.Prefix = "user"
		}
	case name == "binary":
		if !sized {
			k.Size = 16
		}
		if k.Size < 8 {
			r.fail("keyformat", "binary keys have at least 8 bytes, not %d", k.Size)
		}
	case name == "decimal":
		if !sized {
			k.Size = 16
		}
		if !k.Ordered && k.Size < maxDigits {
			r.fail("keyformat", "hashed decimal keys need %d digits, not %d; or set insertorder=ordered", maxDigits, k.Size)
		}
	default:
		words := []string{"ycsb", "binary:16", "decimal:16"}
		r.fail("keyformat", "%q is none of ycsb, binary:<bytes>, decimal:<bytes>; nearest is %q", r.value("keyformat"), nearest(r.value("keyformat"), words))
	}
	if len(k.Prefix) > 64 {
		r.fail("keyprefix", "%d bytes are more than 64", len(k.Prefix))
	}
}

func (r *resolver) scans() {
	l := &r.spec.ScanLength
	l.Name = r.choice("scanlengthdistribution", "uniform", "zipfian", "pareto")
	l.Min = r.count("minscanlength", 1, maxLen)
	if r.spec.Compat == GoYCSB {
		l.Min = 1
	}
	l.Max = r.count("maxscanlength", 1, maxLen)
	if l.Min > l.Max {
		r.fail("minscanlength", "%d is more than maxscanlength %d", l.Min, l.Max)
	}
	if l.Name == "pareto" {
		l.K = r.float("iter_k", 0, 1e6)
		l.Sigma = r.float("iter_sigma", 1e-6, 1e12)
	}
	if l.Min == l.Max {
		*l = constantLength(l.Max)
	}
}

// request resolves the request distribution and its range.
func (r *resolver) request() {
	s := r.spec
	name, arg, hasArg := strings.Cut(strings.ToLower(r.value("requestdistribution")), ":")
	words := []string{"uniform", "zipfian", "zipf", "latest", "hotspot", "exponential", "sequential", "keyrange"}
	d := Dist{Name: name, Span: s.InsertCount}
	switch name {
	case "uniform":
	case "zipfian", "zipf", "latest":
		d.Theta = r.theta(name, arg, hasArg)
	case "hotspot":
		d.HotData, d.HotOps = r.hotspot(arg, hasArg)
	case "exponential":
		d.Percentile = r.float("exponential.percentile", 1e-9, 99.999999)
		d.Frac = r.float("exponential.frac", 1e-9, 1e9)
	case "sequential":
		d.Step = r.step()
	case "keyrange":
		d.KeyRange = &dist.KeyRangeParams{
			Ranges: r.count("keyrange_num", 1, 1<<20),
			A:      r.float("keyrange_dist_a", -1e9, 1e9), B: r.float("keyrange_dist_b", -1e3, 0),
			C: r.float("keyrange_dist_c", -1e9, 1e9), D: r.float("keyrange_dist_d", -1e3, 0),
			KeyA: r.float("key_dist_a", 0, 1e9), KeyB: r.float("key_dist_b", 0, 1e3),
		}
		r.heat(d.KeyRange)
	default:
		r.fail("requestdistribution", "%q is none of %s; nearest is %q", r.value("requestdistribution"), strings.Join(words, ", "), nearest(name, words))
	}
	if hasArg && name != "zipf" && name != "zipfian" && name != "latest" && name != "hotspot" {
		r.fail("requestdistribution", "%s takes no parameter %q", name, arg)
	}
	if name == "zipfian" {
		// YCSB's bounds are both included and leave room for the inserts of
		// the run, twice as many as expected; requests for numbers that are
		// not inserted yet are drawn again.
		share, _ := parseFloat(r.value("insertproportion"))
		d.Span += uint64(float64(s.Operations)*share*2) + 1
	}
	s.Request = d
}

// theta returns the exponent: of the parameter and the property the later one.
func (r *resolver) theta(name, arg string, hasArg bool) float64 {
	where, theta := "theta", 0.0
	if hasArg && r.given["requestdistribution"].order >= r.given["theta"].order {
		where = "requestdistribution"
		f, err := parseFloat(arg)
		if err != nil {
			r.fail(where, "theta %v", err)
			return dist.YCSBTheta
		}
		theta = f
	} else {
		theta = r.float("theta", -math.MaxFloat32, math.MaxFloat32)
	}
	switch {
	case theta <= 0 || theta > 100:
		r.fail(where, "theta %g is not above 0 and at most 100", theta)
	case theta >= 1 && name != "zipf":
		r.fail(where, "theta %g: %s exists for theta below 1 only; requestdistribution=zipf:%g is the true law", theta, name, theta)
	}
	return theta
}

func (r *resolver) hotspot(arg string, hasArg bool) (data, ops float64) {
	data = r.float("hotspotdatafraction", 0, 1)
	ops = r.float("hotspotopnfraction", 0, 1)
	if !hasArg {
		return data, ops
	}
	a, b, _ := strings.Cut(arg, ":")
	var errA, errB error
	data, errA = parseFloat(a)
	if b != "" {
		ops, errB = parseFloat(b)
	}
	if errA != nil || errB != nil || data < 0 || data > 1 || ops < 0 || ops > 1 {
		r.fail("requestdistribution", "hotspot:%s: want hotspot:<data>:<ops> with shares in 0..1", arg)
	}
	return data, ops
}

func (r *resolver) step() int64 {
	f, err := parseFloat(r.value("sequentialstep"))
	if err != nil || f != math.Trunc(f) || f == 0 || math.Abs(f) > maxLen {
		r.fail("sequentialstep", "%q is no whole number of -%d..%d without 0", r.value("sequentialstep"), maxLen, maxLen)
		return 1
	}
	return int64(f)
}

// heat checks that some key range is hot.
func (r *resolver) heat(p *dist.KeyRangeParams) {
	for i := uint64(1); i <= p.Ranges; i++ {
		if p.A*math.Exp(p.B*float64(i))+p.C*math.Exp(p.D*float64(i)) > 0 {
			return
		}
	}
	r.fail("keyrange_dist_a", "no range has a heat above 0")
}
