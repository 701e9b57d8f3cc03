package explain

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/kvbench/kvbench/results"
)

// Write writes explanations as text, Markdown or JSON (an array).
func Write(w io.Writer, all []*Explanation, format results.Format) error {
	return write(w, all, format, (*Explanation).page)
}

// WriteAlone writes decompositions as text, Markdown or JSON (an array).
func WriteAlone(w io.Writer, all []*Decomposition, format results.Format) error {
	return write(w, all, format, (*Decomposition).page)
}

func write[T any](w io.Writer, all []*T, format results.Format, page func(*T, *document)) error {
	var text []byte
	var err error
	switch format {
	case results.FormatJSON:
		text, err = json.MarshalIndent(append([]*T{}, all...), "", "  ")
		text = append(text, '\n')
	case results.FormatText, results.FormatMarkdown, "":
		d := &document{markdown: format == results.FormatMarkdown}
		for _, x := range all {
			page(x, d)
		}
		text = d.Bytes()
	default:
		err = fmt.Errorf("format %q: want text, markdown or json", format)
	}
	if err != nil {
		return fmt.Errorf("write explanation: %w", err)
	}
	if _, err := w.Write(text); err != nil {
		return fmt.Errorf("write explanation: %w", err)
	}
	return nil
}

// leastShown is the share of a gap below which a term has no line of its own.
const leastShown = 0.005

func (x *Explanation) page(d *document) {
	d.heading(fmt.Sprintf("%s against %s: %s", x.A, x.B, x.Setup.Title()))
	d.paragraph(x.Sentence + ".")
	rows := [][]string{{"PART", x.A, x.B, "GAP", "NOT EXPLAINED", ""}}
	for _, p := range x.Parts {
		gap := "-"
		if p.A != nil && p.B != nil {
			gap = signed(*p.B - *p.A)
		}
		rows = append(rows, []string{p.Name, results.TextNs(p.A), results.TextNs(p.B), gap, orDash(p.Unexplained), p.About})
	}
	rows = append(rows, []string{"an operation", ns(x.NsA), ns(x.NsB), signed(x.GapNs), signed(x.UnexplainedNs), fmt.Sprintf("medians of %d and %d repetitions", x.RepsA, x.RepsB)})
	d.table(rows)
	rows = [][]string{{"CAUSE", x.A, x.B, "", "AT", "OF THE GAP", "SHARE", ""}}
	small, n := 0.0, 0
	for _, t := range x.Terms {
		if math.Abs(t.Ns) < leastShown*math.Abs(x.GapNs) {
			small += t.Ns
			n++
			continue
		}
		at := "-"
		if t.Source == Calibrated {
			at = ns(t.UnitNs)
		}
		rows = append(rows, []string{t.Counter, count(t.PerOpA), count(t.PerOpB), t.Unit, at, signed(t.Ns), shareText(t.Share), t.Source})
	}
	if n > 0 {
		rows = append(rows, []string{fmt.Sprintf("%d small ones", n), "", "", "", "", signed(small), shareText(x.share(small)), ""})
	}
	rows = append(rows, []string{"unexplained", "", "", "", "", signed(x.UnexplainedNs), shareText(x.UnexplainedShare), ""})
	d.table(rows)
	d.differences(x)
	d.unknown(x.Unknown)
	d.notes(x.Notes)
}

// differences are shown as far as they are likely to help.
func (d *document) differences(x *Explanation) {
	const most = 6
	list := x.Differ[:min(len(x.Differ), most)]
	if len(list) == 0 {
		return
	}
	rows := [][]string{{"WITHOUT A PRICE", x.A, x.B, ""}}
	for _, c := range list {
		rows = append(rows, []string{c.Counter, count(c.PerOpA), count(c.PerOpB), c.Unit})
	}
	d.table(rows)
}

func (x *Decomposition) page(d *document) {
	d.heading(x.Label + ": " + x.Setup.Title())
	d.paragraph(x.Sentence + ".")
	rows := [][]string{{"PART", "TIME", "SHARE", ""}}
	for _, p := range x.Parts {
		rows = append(rows, []string{p.Name, results.TextNs(p.Ns), shareText(p.Share), p.About})
	}
	rows = append(rows, []string{"an operation", ns(x.Ns), "100 %", fmt.Sprintf("median of %d repetitions", x.Reps)})
	d.table(rows)
	rows = [][]string{{"COUNTED", "", "", "AT", "TIME", "SHARE", ""}}
	for _, c := range x.Counted {
		at := "-"
		if c.Source == Calibrated {
			at = ns(c.UnitNs)
		}
		rows = append(rows, []string{c.Counter, count(c.PerOp), c.Unit, at, ns(c.Ns), shareText(&c.Share), c.Source})
	}
	rows = append(rows, []string{"unexplained", "", "", "", ns(x.UnexplainedNs), shareText(&x.UnexplainedShare), ""})
	d.table(rows)
	d.unknown(x.Unknown)
	d.notes(x.Notes)
}

// A document collects text or Markdown.
type document struct {
	bytes.Buffer
	markdown bool
}

func (d *document) heading(text string) {
	if d.Len() > 0 {
		d.WriteByte('\n')
	}
	if d.markdown {
		text = "## " + text + "\n"
	}
	d.WriteString(text + "\n")
}

func (d *document) paragraph(text string) { d.WriteString(text + "\n\n") }

// table writes rows below the first.
func (d *document) table(rows [][]string) {
	results.WriteRows(&d.Buffer, d.markdown, rows)
	if !d.markdown {
		d.WriteByte('\n')
	}
}

// unknown lists causes by what is missing.
func (d *document) unknown(list []Unknown) {
	var reasons []string
	counters := map[string][]string{}
	for _, u := range list {
		if counters[u.Reason] == nil {
			reasons = append(reasons, u.Reason)
		}
		name := u.Counter
		if u.Cost != "" {
			name += " (" + u.Cost + ")"
		}
		counters[u.Reason] = append(counters[u.Reason], name)
	}
	for _, r := range reasons {
		d.item(fmt.Sprintf("unknown: %s: %s", strings.Join(counters[r], ", "), r))
	}
}

func (d *document) notes(list []string) {
	for _, n := range list {
		d.item("note: " + n)
	}
}

func (d *document) item(text string) {
	if d.markdown {
		text = "- " + text
	}
	d.WriteString(text + "\n")
}

func orDash(x *float64) string {
	if x == nil {
		return "-"
	}
	return signed(*x)
}

func signed(x float64) string {
	const least = 0.0005 // that is written otherwise than as zero
	if math.Abs(x) < least {
		return ns(0)
	}
	if x > 0 {
		return "+" + ns(x)
	}
	return ns(x)
}

func shareText(share *float64) string {
	if share == nil {
		return "-"
	}
	return fmt.Sprintf("%.0f %%", *share*100)
}
