package workloads

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// values resolves the update mode and the shape of values.
func (r *resolver) values() {
	s := r.spec
	mode := r.choice("updatemode", "field", "blind")
	all := r.bool("writeallfields")
	if all && r.has("updatemode") && mode == "field" {
		r.fail("updatemode", "field contradicts writeallfields=true")
	}
	if all || mode == "blind" {
		s.UpdateMode = UpdateBlind
	}
	s.Values.Compress = r.float("valuecompress", 0.01, 1)
	s.Values.FieldCount = int(r.count("fieldcount", 1, maxFields))
	if r.value("valuesize") != "" {
		r.valueSize()
	} else {
		s.Values.FieldLength = r.fieldLength()
	}
	l := s.Values.FieldLength
	if n := uint64(s.Values.FieldCount) * l.Max; n > maxValueBytes {
		r.errs = append(r.errs, fmt.Errorf("values of up to %d bytes are more than %d", n, maxValueBytes))
	}
	if strings.EqualFold(r.value("dataintegrity"), "true") && !l.IsConstant() {
		r.fail("dataintegrity", "YCSB checks data of constant field length only")
	}
}

func (r *resolver) fieldLength() Length {
	name := r.choice("fieldlengthdistribution", "constant", "uniform", "zipfian", "histogram")
	if name == "histogram" {
		return r.histogram("fieldlengthhistogram", r.value("fieldlengthhistogram"))
	}
	longest := r.count("fieldlength", 1, maxValueBytes)
	if name == "constant" {
		return constantLength(longest)
	}
	l := Length{Name: name, Min: r.count("minfieldlength", 1, maxValueBytes), Max: longest}
	if r.spec.Compat == GoYCSB {
		l.Min = 1
	}
	if l.Min > l.Max {
		r.fail("minfieldlength", "%d is more than fieldlength %d", l.Min, l.Max)
	}
	return l
}

// valueSize resolves valuesize: the record is one field, unless a constant
// size is to be shared among a given number of fields.
func (r *resolver) valueSize() {
	v := &r.spec.Values
	l, err := r.size(r.value("valuesize"))
	if err != nil {
		r.fail("valuesize", "%v", err)
		return
	}
	n := uint64(v.FieldCount)
	switch {
	case !r.has("fieldcount") || n == 1:
		v.FieldCount = 1
	case l.Name == "constant" && l.Max%n == 0:
		l = constantLength(l.Max / n)
	case r.given["valuesize"].order > r.given["fieldcount"].order:
		v.FieldCount = 1
	default:
		r.fail("valuesize", "%s cannot be shared among fieldcount=%d fields", l, n)
	}
	v.FieldLength = l
}

// size reads a distribution of sizes.
func (r *resolver) size(text string) (Length, error) {
	name, arg, hasArg := strings.Cut(text, ":")
	name = strings.ToLower(name)
	if !hasArg {
		n, err := parseCount(text)
		if err != nil {
			return Length{}, err
		}
		return constantLength(n), inBytes(n, n)
	}
	switch name {
	case "constant":
		n, err := parseCount(arg)
		if err != nil {
			return Length{}, err
		}
		return constantLength(n), inBytes(n, n)
	case "uniform", "zipfian":
		from, to, ok := strings.Cut(arg, "-")
		low, errA := parseCount(from)
		high, errB := parseCount(to)
		if !ok || errA != nil || errB != nil {
			return Length{}, fmt.Errorf("%q: want %s:<least>-<most>", text, name)
		}
		return Length{Name: name, Min: low, Max: high}, inBytes(low, high)
	case "pareto":
		return pareto(text, strings.Split(arg, ":"))
	case "hist", "histogram":
		return r.histogram("valuesize", arg), nil
	}
	words := []string{"constant", "uniform", "zipfian", "pareto", "hist"}
	return Length{}, fmt.Errorf("%q is neither a size nor one of %s; nearest is %q", name, strings.Join(words, ", "), nearest(name, words))
}

// inBytes checks bounds of a size.
func inBytes(low, high uint64) error {
	switch {
	case low < 1:
		return fmt.Errorf("a value has at least 1 byte, not %d", low)
	case low > high:
		return fmt.Errorf("least %d is more than most %d", low, high)
	case high > maxValueBytes:
		return fmt.Errorf("%d bytes are more than %d", high, maxValueBytes)
	}
	return nil
}

// paretoMost bounds a pareto size whose most is not given.
const paretoMost = 1 << 20

func pareto(text string, args []string) (Length, error) {
	l := Length{Name: "pareto", Min: 1, Max: paretoMost}
	bad := fmt.Errorf("%q: want pareto:<k>:<sigma>[:<least>[:<most>]] with k >= 0 and sigma > 0", text)
	if len(args) < 2 || len(args) > 4 {
		return l, bad
	}
	var errs [4]error
	l.K, errs[0] = parseFloat(args[0])
	l.Sigma, errs[1] = parseFloat(args[1])
	if len(args) > 2 {
		l.Min, errs[2] = parseCount(args[2])
	}
	if len(args) > 3 {
		l.Max, errs[3] = parseCount(args[3])
	}
	for _, err := range errs {
		if err != nil {
			return l, bad
		}
	}
	if l.K < 0 || l.Sigma <= 0 {
		return l, bad
	}
	return l, inBytes(l.Min, l.Max)
}

// maxBuckets bounds a histogram.
const maxBuckets = 1 << 20

// histogram reads a histogram file of YCSB: a line "BlockSize<tab>n", then
// lines "bucket<tab>weight". property is the one that names the file.
func (r *resolver) histogram(property, name string) Length {
	l := Length{Name: "histogram", Min: 1, Max: 1}
	data, err := r.readFile(name)
	if err != nil {
		r.fail(property, "read histogram: %v", err)
		return l
	}
	for i, line := range strings.Split(strings.TrimRight(string(data), "\r\n"), "\n") {
		a, b, ok := strings.Cut(strings.TrimSpace(line), "\t")
		n, err := strconv.ParseUint(strings.TrimSpace(b), 10, 32)
		if !ok || err != nil {
			r.fail(property, "%s:%d: want two columns with a tab between, the second a whole number", name, i+1)
			return l
		}
		if i == 0 {
			if a != "BlockSize" || n == 0 {
				r.fail(property, "%s:1: want BlockSize and a number above 0", name)
				return l
			}
			l.Block = n
			continue
		}
		at, err := strconv.ParseUint(a, 10, 64)
		if err != nil || at >= maxBuckets {
			r.fail(property, "%s:%d: bucket %q is no number below %d", name, i+1, a, maxBuckets)
			return l
		}
		for uint64(len(l.Weights)) <= at {
			l.Weights = append(l.Weights, 0)
		}
		l.Weights[at] = n
	}
	r.bounds(property, name, &l)
	return l
}

// bounds sets the least and the greatest length of a histogram.
func (r *resolver) bounds(property, name string, l *Length) {
	total := uint64(0)
	for _, w := range l.Weights {
		total += w
	}
	if total == 0 || len(l.Weights) < 2 {
		r.fail(property, "%s: want at least two buckets and one weight above 0", name)
		return
	}
	q := l.quantile()
	l.Min, l.Max = q.At(0), q.At(math.Nextafter(1, 0))
	if err := inBytes(l.Min, l.Max); err != nil {
		r.fail(property, "%s: %v", name, err)
	}
}
