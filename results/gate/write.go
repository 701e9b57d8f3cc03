package gate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/kvbench/kvbench/results"
)

// Write writes a report as text, Markdown or JSON. Text and Markdown leave out
// the counters that did not move, but for their number.
func (r *Report) Write(w io.Writer, format results.Format) error {
	return write(w, format, r, r.page)
}

// WriteOutcomes writes what became of thresholds.
func WriteOutcomes(w io.Writer, list []Outcome, format results.Format) error {
	return write(w, format, append([]Outcome{}, list...), func(d *document) {
		rows := [][]string{{"THRESHOLD", "ENGINE", "SETUP", "VALUE", "VERDICT"}}
		for _, o := range list {
			verdict := "met"
			if !o.Met {
				verdict = "MISSED"
			}
			rows = append(rows, []string{o.Threshold, o.Engine, o.Setup, o.Figure(), verdict})
		}
		d.table(rows)
	})
}

// Figure is the value for people, or why there is none.
func (o *Outcome) Figure() string {
	if o.Value == nil {
		return o.Reason
	}
	return figure(*o.Value, o.Unit)
}

func write(w io.Writer, format results.Format, v any, page func(*document)) error {
	var text []byte
	var err error
	switch format {
	case results.FormatJSON:
		text, err = json.MarshalIndent(v, "", "  ")
		text = append(text, '\n')
	case results.FormatText, results.FormatMarkdown, "":
		d := &document{markdown: format == results.FormatMarkdown}
		page(d)
		text = d.Bytes()
	default:
		err = fmt.Errorf("format %q: want text, markdown or json", format)
	}
	if err != nil {
		return fmt.Errorf("write check: %w", err)
	}
	if _, err := w.Write(text); err != nil {
		return fmt.Errorf("write check: %w", err)
	}
	return nil
}

func (r *Report) page(d *document) {
	verdict := "no counter is worse"
	if n := r.count(Regression); n == 1 {
		verdict = "1 counter regressed"
	} else if n > 1 {
		verdict = fmt.Sprintf("%d counters regressed", n)
	}
	d.line(fmt.Sprintf("%s against %s: %s by more than %s, of %d.", r.New, r.Base, verdict, percent(r.MaxRegress), len(r.Lines)))
	same := 0
	for rest := r.Lines; len(rest) > 0; {
		n := slices.IndexFunc(rest, func(l Line) bool { return l.Setup != rest[0].Setup })
		if n < 0 {
			n = len(rest)
		}
		same += setupTable(d, rest[:n])
		rest = rest[n:]
	}
	if same > 0 {
		d.line(fmt.Sprintf("%d counters are exactly equal.", same))
	}
	for _, m := range r.Missing {
		d.item("missing: " + m)
	}
	for _, m := range r.Unchecked {
		d.item("not checked: " + m)
	}
	r.times(d)
	for _, n := range r.Notes {
		d.item("note: " + n)
	}
}

// setupTable writes the counters of one setup that moved, and returns how many
// did not.
func setupTable(d *document, lines []Line) (same int) {
	rows := [][]string{{"ENGINE", "COUNTER", "BASE", "NEW", "CHANGE", "LIMIT", "VERDICT"}}
	for _, l := range lines {
		if l.Verdict == OK && l.New == l.Base {
			same++
			continue
		}
		rows = append(rows, []string{
			l.Engine, l.Counter, figure(l.Base, l.Unit), figure(l.New, l.Unit),
			change(l.Change), figure(l.Limit, l.Unit), join(l.Verdict, l.Reason),
		})
	}
	if len(rows) > 1 {
		d.line(lines[0].Setup)
		d.table(rows)
	}
	return same
}

// times writes the advisory part.
func (r *Report) times(d *document) {
	if len(r.Times) == 0 {
		return
	}
	d.line("Times are advisory: they never fail a check.")
	rows := [][]string{{"", "SETUP", "METRIC", "BASE", "NEW", "RATIO", "P", ""}}
	for _, t := range r.Times {
		verdict := ""
		if t.Worse {
			verdict = "worse"
		}
		rows = append(rows, []string{
			t.Subject, t.Setup, t.Metric, results.TextCount(t.Base), results.TextCount(t.New),
			results.TextFactor(t.Ratio), results.TextNumber(t.P), verdict,
		})
	}
	d.table(rows)
}

func (r *Report) count(verdict string) (n int) {
	for _, l := range r.Lines {
		if l.Verdict == verdict {
			n++
		}
	}
	return n
}

// figure writes a value of a metric with its unit.
func figure(x float64, unit string) string {
	base, per, _ := strings.Cut(unit, "/")
	if per != "" {
		per = "/" + per
	}
	switch base {
	case "ns":
		return results.TextNs(&x) + per
	case "s":
		ns := x * 1e9
		return results.TextNs(&ns)
	case "bytes":
		return results.TextBytes(&x) + per
	case "share":
		return results.TextShare(&x)
	case "x":
		return results.TextFactor(&x)
	case "count":
		if x != 0 && x < 0.01 && x > -0.01 {
			return fmt.Sprintf("%.2g", x) + per
		}
		return results.TextCount(&x) + per
	}
	return results.TextCount(&x) + " " + unit
}

func change(x *float64) string {
	if x == nil {
		return "from 0"
	}
	return fmt.Sprintf("%+.2f %%", *x*100)
}

func percent(x float64) string { return fmt.Sprintf("%.4g %%", x*100) }

func join(verdict, reason string) string {
	if reason == "" {
		return verdict
	}
	return verdict + ": " + reason
}

// A document collects text or Markdown.
type document struct {
	bytes.Buffer
	markdown bool
}

func (d *document) line(text string) {
	d.WriteString(text + "\n")
	if d.markdown {
		d.WriteByte('\n')
	}
}

func (d *document) item(text string) {
	if d.markdown {
		text = "- " + text
	}
	d.WriteString(text + "\n")
}

// table writes rows below the first.
func (d *document) table(rows [][]string) {
	results.WriteRows(&d.Buffer, d.markdown, rows)
}
