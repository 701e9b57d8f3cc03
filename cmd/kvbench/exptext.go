package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/kvbench/kvbench/bench/experiments"
	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/results"
)

// expList prints names and titles.
func (a *app) expList(format string) error {
	if err := oneOf("format", format, "table", "json"); err != nil {
		return err
	}
	if format == "json" {
		list := []studyText{}
		for _, s := range experiments.All() {
			list = append(list, a.textOf(s))
		}
		return a.printJSON(list)
	}
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "EXPERIMENT\tTITLE\tMISSING\n")
	for _, s := range experiments.All() {
		fmt.Fprintf(w, "%s\t%s\t%s\n", s.Name, s.Title, orDash(s.Missing(a.lookup)))
	}
	return w.Flush()
}

// studyText is a study as describe prints it.
type studyText struct {
	Name     string   `json:"name"`
	Title    string   `json:"title"`
	Question string   `json:"question"`
	Story    string   `json:"story"`
	Paper    string   `json:"paper"`
	Look     string   `json:"look"`
	Needs    []string `json:"needs"`
	Missing  string   `json:"missing,omitempty"`
}

func (a *app) textOf(s experiments.Study) studyText {
	t := studyText{
		Name: s.Name, Title: s.Title, Question: s.Question, Story: experiments.Paragraph(s.Story, 1<<20),
		Paper: s.Paper, Look: s.Look, Needs: []string{}, Missing: s.Missing(a.lookup),
	}
	seen := make(map[string]bool)
	for _, n := range s.Needs {
		text := experiments.Need{Engine: n.Engine, Setting: n.Setting}.String()
		if n.Optional {
			text += " (optional)"
		}
		if !seen[text] {
			seen[text] = true
			t.Needs = append(t.Needs, text)
		}
	}
	return t
}

func (a *app) expDescribe(name, format string) error {
	if err := oneOf("format", format, "table", "json"); err != nil {
		return err
	}
	s, err := a.study(name)
	if err != nil {
		return err
	}
	t := a.textOf(s)
	if format == "json" {
		return a.printJSON(t)
	}
	const width = 78
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n\n", t.Name, t.Title)
	for _, part := range []struct{ head, text string }{
		{"", t.Question},
		{"", t.Story},
		{"What to look for", t.Look},
		{"From", t.Paper},
		{"Needs", strings.Join(t.Needs, ", ")},
		{"Missing in this build", t.Missing},
	} {
		if part.text == "" {
			continue
		}
		if part.head != "" {
			b.WriteString(part.head + "\n")
		}
		b.WriteString(experiments.Paragraph(part.text, width) + "\n")
	}
	fmt.Fprintf(&b, "Run it\n  kvbench exp run %s --scale tiny     (or small, or full)\n", t.Name)
	_, err = fmt.Fprint(a.out, b.String())
	return err
}

// studyOutcome is what came of an experiment.
type studyOutcome struct {
	study   *results.Study
	run     *results.Run // nil: the experiment could not be carried through
	invalid error        // a cell failed, or the run was interrupted
}

// err is how the experiment ended.
func (o *studyOutcome) err() error {
	broken := experiments.Broken(o.study.Claims)
	switch {
	case o.study.Missing != "":
		return fmt.Errorf("%w: experiment %s needs %s, which this build does not have", engine.ErrUnsupported, o.study.Name, o.study.Missing)
	case o.invalid != nil:
		return o.invalid
	case len(broken) > 0:
		return missed{fmt.Sprintf("experiment %s: %d of %d claims did not hold; the first: %s: %s",
			o.study.Name, len(broken), len(o.study.Claims), broken[0].Text, broken[0].Detail)}
	}
	return nil
}

// worst is the error of the experiment that ended worst: one that is invalid
// before one without its shape before one that could not be run.
func worst(outcomes []studyOutcome) (err error) {
	for _, o := range outcomes {
		if e := o.err(); e != nil && (err == nil || exitCode(e) > exitCode(err)) {
			err = e
		}
	}
	return err
}

// printStudy prints the figure and the claims to standard output.
func (r *studyRun) printStudy(o *studyOutcome) error {
	if r.o.format == "json" {
		return r.printJSON(o.study)
	}
	var b strings.Builder
	s := o.study
	if r.o.format == "markdown" {
		fmt.Fprintf(&b, "## %s\n\n%s\n\n```\n%s```\n\n", s.Title, s.Question, experiments.Text(s.Figure, r.width()))
	} else if s.Missing == "" {
		fmt.Fprintf(&b, "\n%s\n", experiments.Text(s.Figure, r.width()))
	}
	if s.Missing != "" {
		fmt.Fprintf(&b, "not run: this build has no %s\n", s.Missing)
	}
	for _, c := range s.Claims {
		fmt.Fprintf(&b, "%s %s\n", markOf(c, r.o.format == "markdown"), c.Text)
		b.WriteString(indent(experiments.Paragraph(c.Detail, r.width()-11), "           "))
	}
	b.WriteString("\n" + experiments.Paragraph("What to look for: "+s.Look, r.width()))
	b.WriteString(experiments.Paragraph("From: "+s.Paper, r.width()))
	fmt.Fprintf(&b, "Results: %s\n\n", o.run.Dir)
	_, err := fmt.Fprint(r.app.out, b.String())
	return err
}

// markOf is whether a claim held, in a word.
func markOf(c results.Claim, list bool) string {
	mark := "held      "
	switch {
	case c.Held == nil:
		mark = "unknown   "
	case !*c.Held && c.Advisory:
		mark = "not seen  "
	case !*c.Held:
		mark = "NOT HELD  "
	}
	if list {
		return "- " + strings.TrimSpace(mark) + ":"
	}
	return mark
}

func indent(text, by string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(by + line)
	}
	return b.String()
}

// summaryOf is a line for each experiment.
func summaryOf(outcomes []studyOutcome) string {
	rows := make([][]string, 0, len(outcomes))
	for _, o := range outcomes {
		held := 0
		for _, c := range o.study.Claims {
			if c.Held != nil && *c.Held {
				held++
			}
		}
		verdict := "held"
		switch err := o.err(); {
		case o.study.Missing != "":
			verdict = "missing " + o.study.Missing
		case err != nil && o.invalid != nil:
			verdict = "failed"
		case err != nil:
			verdict = "NOT HELD"
		}
		claims, place := fmt.Sprintf("%d of %d", held, len(o.study.Claims)), ""
		if o.run != nil {
			place = o.run.Dir
		}
		rows = append(rows, []string{o.study.Name, claims, verdict, place})
	}
	return textTable([]string{"experiment", "claims held", "verdict", "results"}, rows)
}
