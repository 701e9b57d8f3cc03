package report

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
)

// The parts of the page. ECharts is vendored: see assets/CHECKSUMS.
//
//go:embed assets/*.html assets/*.css assets/*.js
var assets embed.FS

// Scripts in the order in which they run: the guard in the head, the others
// at the end of the page.
const (
	guardScript   = "guard.js"
	libraryScript = "echarts.min.js"
)

func ownScripts() []string {
	return []string{"format.js", "page.js", "timeline.js", "kinds.js", "charts.js", "start.js"}
}

// HTML writes the report as one page that needs nothing else: no file, no
// server, no network. The page forbids itself every request by a policy. All
// text and tables are in the markup, so that it reads without scripts, too;
// charts are drawn by scripts from data in the page. Equal models give equal
// bytes.
func HTML(w io.Writer, m *Model) error {
	p, err := newHTMLPage(m)
	if err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	t, err := template.New("report").Funcs(p.funcs()).ParseFS(assets, "assets/*.html")
	if err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	var b bytes.Buffer
	if err := t.ExecuteTemplate(&b, "page.html", p); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

// htmlPage is a model on its way into the templates. Charts that a template
// draws are kept until the end of the page, where their data stand.
type htmlPage struct {
	*Model
	Guard, Library, Script template.JS
	Style                  template.CSS
	Policy                 string // of the scripts and requests allowed

	Throughput []*figureView

	names  map[string]string // of tables, short
	tables map[string]*Table
	charts []chartSpec
}

func newHTMLPage(m *Model) (*htmlPage, error) {
	p := &htmlPage{Model: m, names: shortNames(m), tables: map[string]*Table{}}
	for i := range m.Tables {
		p.tables[m.Tables[i].ID] = &m.Tables[i]
	}
	style, err := assets.ReadFile("assets/style.css")
	if err != nil {
		return nil, err
	}
	p.Style = template.CSS(style)
	if p.Guard, err = script(guardScript); err != nil {
		return nil, err
	}
	if p.Library, err = script(libraryScript); err != nil {
		return nil, err
	}
	if p.Script, err = script(ownScripts()...); err != nil {
		return nil, err
	}
	p.Policy = policy(p.Guard, p.Library, p.Script)
	p.Throughput = p.throughput()
	return p, nil
}

// script joins files of assets into the content of one script element.
func script(names ...string) (template.JS, error) {
	var b strings.Builder
	for _, name := range names {
		text, err := assets.ReadFile("assets/" + name)
		if err != nil {
			return "", err
		}
		b.WriteString("\n")
		b.Write(text)
	}
	return template.JS(b.String()), nil
}

// policy allows these scripts, by their hashes, and styles, and nothing that
// would be fetched.
func policy(scripts ...template.JS) string {
	var b strings.Builder
	b.WriteString("default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:; style-src 'unsafe-inline'; script-src")
	for _, s := range scripts {
		sum := sha256.Sum256([]byte(s))
		b.WriteString(" 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'")
	}
	return b.String()
}

// ChartData are the charts that the page has drawn so far, as JSON that may
// stand in a script element: < > & and the line separators are escaped.
func (p *htmlPage) ChartData() (template.JS, error) {
	charts := p.charts
	if charts == nil {
		charts = []chartSpec{}
	}
	text, err := json.Marshal(charts)
	return template.JS(text), err
}

// manyTables is from where on the details of single tables begin folded.
const manyTables = 13

// shown is how many sentences of a list are shown at once.
const shown = 4

func head(lines []string) []string { return lines[:min(shown, len(lines))] }

func tail(lines []string) []string { return lines[min(shown, len(lines)):] }

// saysNothing: no entry has a rate, and none says why, as in a study that
// looks at counters alone.
func saysNothing(t *Table) bool {
	return !slices.ContainsFunc(slices.Concat(t.Entries, t.Rails), func(e Entry) bool { return e.Rate.Median != nil || e.Why != "" })
}

// Ranked are the tables that rank something, and all of them where there are
// few.
func (p *htmlPage) Ranked() []*Table { return p.tablesThat(func(lone bool) bool { return !lone }) }

// Alone are the tables of one entry, where there are many of them.
func (p *htmlPage) Alone() []*Table { return p.tablesThat(func(lone bool) bool { return lone }) }

func (p *htmlPage) tablesThat(keep func(lone bool) bool) []*Table {
	isLone := func(t Table) bool { return len(t.Entries) == 1 && len(t.Rails) == 0 }
	lone := 0
	for _, t := range p.Tables {
		if isLone(t) {
			lone++
		}
	}
	var out []*Table
	for i := range p.Tables {
		if saysNothing(&p.Tables[i]) {
			continue
		}
		if keep(lone > 2 && isLone(p.Tables[i])) {
			out = append(out, &p.Tables[i])
		}
	}
	return out
}

// Tells reports whether anything is known about any need.
func (p *htmlPage) Tells() bool { return len(p.Untold()) < len(p.Needs) }

// Untold are the needs that nothing in the runs tells about.
func (p *htmlPage) Untold() []Need {
	var out []Need
	for _, n := range p.Needs {
		if len(n.Picks) == 0 {
			out = append(out, n)
		}
	}
	return out
}

// HasTimelines reports whether a time series is worth a chart.
func (p *htmlPage) HasTimelines() bool {
	return slices.ContainsFunc(p.Series, func(s Series) bool { return len(s.T) >= leastRows })
}

// HasTimes reports whether anything is said about latency.
func (p *htmlPage) HasTimes() bool {
	return len(p.Curves) > 0 || slices.ContainsFunc(p.Tables, func(t Table) bool { return len(p.times(&t)) > 0 })
}

// HasLog reports whether the quality log has a line.
func (p *htmlPage) HasLog() bool {
	return len(p.Quality) > 0 || len(p.Left) > 0 || slices.ContainsFunc(p.Runs, func(r Run) bool { return len(r.Notes) > 0 })
}

func (p *htmlPage) funcs() template.FuncMap {
	return template.FuncMap{
		// words and numbers
		"quantity": quantity, "quantities": quantities, "interval": interval, "ratio": ratioText, "date": date, "seedless": seedless,
		"count": countText[uint64], "name": func(id string) string { return p.names[id] },
		"share": shareText, "plural": pluralText, "num": number, "join": strings.Join,
		// marks
		"mark": mark, "markof": p.markOf, "lamp": lamp, "rankplot": newRankPlot, "triangle": triangleSVG,
		// shapes of tables
		"overview": p.overview, "times": p.times, "matrix": matrix, "changes": p.changeTables, "outcome": shortVerdict, "weight": weight, "bar": shareBar,
		"facts": factTable, "options": newOptionTable, "checks": failedChecks, "run": p.runName,
		"runs": func() int { return len(p.Runs) }, "pair": newRankRow, "promises": promises, "survives": survives, "head": head, "tail": tail,
		"many": func() bool { return len(p.Tables) >= manyTables }, "of": p.seriesOf,
		"columns": func(s SettingsOf, rows []Setting, caption string) optionRows { return optionRows{s, rows, caption} },
		"deref":   func(b *bool) bool { return *b },
		// charts
		"latency": p.latency, "timeline": p.timeline, "amplification": p.amplification,
		"sweep": p.sweep, "study": p.study, "studytriangle": p.studyTriangle, "searches": p.searches,
	}
}
