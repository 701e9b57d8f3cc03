package explain

import (
	"fmt"
	"strings"
)

// Causes that the sentence names: at most so many, of at least such a share.
const (
	mostNamed  = 2
	leastShare = 0.1
)

// sentence is the finding in words.
func (x *Explanation) sentence() string {
	fast, slow, nsFast, nsSlow := x.A, x.B, x.NsA, x.NsB
	if nsSlow < nsFast {
		fast, slow, nsFast, nsSlow = slow, fast, nsSlow, nsFast
	}
	if x.small() {
		return fmt.Sprintf("%s and %s take as long in %s: %s and %s an operation; there is no gap to explain",
			x.A, x.B, x.Workload, ns(x.NsA), ns(x.NsB))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s is %.*fx as fast as %s in %s: ", fast, decimals(nsSlow/nsFast), nsSlow/nsFast, slow, x.Workload)
	named := 0
	for _, t := range x.Terms {
		if named == mostNamed || *t.Share < leastShare {
			break
		}
		if named++; named > 1 {
			b.WriteString("; ")
		}
		b.WriteString(x.because(t))
		if named == 1 {
			b.WriteString(" of the gap")
		}
	}
	if named == 0 {
		b.WriteString("no counter explains a tenth of the gap")
	}
	if others := x.others(named); others != 0 {
		fmt.Fprintf(&b, "; others %s %s", direction(others), percent(others))
	}
	switch u := *x.UnexplainedShare; {
	case u < -0.005:
		fmt.Fprintf(&b, "; together that is %s more than the gap", percent(u))
	default:
		fmt.Fprintf(&b, "; %s is unexplained", percent(u))
		b.WriteString(x.whereRest(u))
	}
	return b.String()
}

// whereRest names the part of the time that most of the unexplained share u is
// in, when there is enough of both.
func (x *Explanation) whereRest(u float64) string {
	most, name := leastShare, ""
	for _, p := range x.Parts {
		if p.Unexplained == nil {
			continue
		}
		if share := *x.share(*p.Unexplained); share > most {
			most, name = share, p.Name
		}
	}
	if name == "" || u < leastShare {
		return ""
	}
	return fmt.Sprintf(" (%s of the gap is %s)", percent(most), map[string]string{
		partHarness: "the harness", partGC: "garbage collection", partUser: "processor time of the program",
		partSystem: "processor time of the kernel", partWait: "waiting",
	}[name])
}

// others is the share of the terms that are not named, 0 when it rounds to it.
func (x *Explanation) others(named int) (share float64) {
	for _, t := range x.Terms[named:] {
		share += *t.Share
	}
	if share > -0.005 && share < 0.005 {
		return 0
	}
	return share
}

func direction(share float64) string {
	if share < 0 {
		return "counteract"
	}
	return "explain"
}

// because names a term from the faster side on.
func (x *Explanation) because(t Term) string {
	fast, slow := t.PerOpA, t.PerOpB
	if x.GapNs < 0 {
		fast, slow = slow, fast
	}
	if t.Source == Measured {
		return fmt.Sprintf("%s, %s against %s an operation, measured, explains %s", t.Counter, ns(fast), ns(slow), percent(*t.Share))
	}
	return fmt.Sprintf("%s against %s %s an operation at %s explain %s",
		count(fast), count(slow), t.Counter, ns(t.UnitNs), percent(*t.Share))
}

// count writes a number of things an operation.
func count(x float64) string {
	if x != 0 && x < 0.01 && x > -0.01 {
		return fmt.Sprintf("%.2g", x)
	}
	return fmt.Sprintf("%.2f", x)
}

func decimals(ratio float64) int {
	if ratio < 2 {
		return 2
	}
	return 1
}
