package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kvbench/kvbench/results"
)

func (d *mdDoc) changes() {
	if len(d.m.Changes) == 0 {
		return
	}
	d.heading(2, "Before and after")
	t := mdTable{head: []string{"<what", "<engine", "<metric", "<run", "before", "after", "ratio", "p (Holm)", "<verdict"}}
	for _, c := range d.m.Changes {
		for _, m := range c.Pairs {
			verdict := m.Verdict
			switch {
			case m.Told && m.Better:
				verdict += ", better"
			case m.Told:
				verdict += ", worse"
			case m.Needs > 0 || m.MDE != nil:
				verdict = toldText(&m)
			}
			of := textOf(c.Unit)
			t.add(text(c.Title), text(m.Name), text(c.Metric), text(d.runName(c.New)), of(m.MedianBase), of(m.Median),
				ratioWith(m.Ratio, m.Low, m.High), pText(m.PHolm), text(verdict))
		}
	}
	t.write(d.mdPage)
	d.notes(d.m.Changes)
}

func (d *mdDoc) notes(comparisons []Comparison) {
	var notes []string
	for _, c := range comparisons {
		for _, n := range c.Notes {
			if !slices.Contains(notes, n) {
				notes = append(notes, n)
			}
		}
	}
	d.items(notes)
}

func pText(p *float64) string {
	switch {
	case p == nil:
		return "-"
	case *p < 0.001:
		return "<0.001"
	}
	return fmt.Sprintf("%.3f", *p)
}

func (d *mdDoc) comparisons() {
	if len(d.m.Comparisons) == 0 {
		return
	}
	d.heading(2, "All pairs")
	d.para("Ratio of ops/s, row to column, with its 95 % interval; bold where the two are told apart.")
	for i := range d.m.Comparisons {
		c := &d.m.Comparisons[i]
		d.details(d.titleOf(c.Table), func() { d.matrix(c) })
	}
	d.notes(d.m.Comparisons)
}

func (d *mdDoc) matrix(c *Comparison) {
	t := mdTable{head: append([]string{"<"}, c.Names...)}
	for _, row := range c.Names {
		cells := []string{text(row)}
		for _, column := range c.Names {
			cell := ""
			for _, m := range c.Pairs {
				if m.Name != row || m.Baseline != column {
					continue
				}
				cell = ratioWith(m.Ratio, m.Low, m.High)
				if m.PHolm != nil {
					cell += ", p " + pText(m.PHolm)
				}
				if m.Told {
					cell = "**" + cell + "**"
				}
			}
			cells = append(cells, cell)
		}
		t.add(cells...)
	}
	t.write(d.mdPage)
}

func (d *mdDoc) explanations() {
	if len(d.m.Explanations) == 0 {
		return
	}
	d.heading(2, "Why")
	d.para("What of the difference in time each counter explains, at the unit costs that were measured on this machine. Terms may overlap; what they do not explain is listed last.")
	for _, x := range d.m.Explanations {
		d.heading(3, d.titleOf(x.Table))
		d.para(text(x.Text))
		t := mdTable{head: []string{"<counter", "<unit", x.A, x.B, "ns each", "ns of the gap", "share", "<source"}}
		for _, k := range x.Terms {
			t.add(text(k.Counter), text(k.Unit), results.TextNumber(k.PerOpA), results.TextNumber(k.PerOpB),
				results.TextNumber(k.UnitNs), results.TextNumber(k.Ns), results.TextShare(k.Share), text(k.Source))
		}
		t.add("not explained", "", "", "", "", results.TextNumber(x.UnexplainedNs), results.TextShare(x.UnexplainedShare), "")
		t.write(d.mdPage)
		d.items(x.Notes)
		if len(x.Unknown) > 0 {
			d.details("causes that could not be weighed", func() { d.items(x.Unknown) })
		}
	}
}

func (d *mdDoc) fidelity() {
	if len(d.m.Fidelity) == 0 {
		return
	}
	d.heading(2, "Was it asked what the workload says?")
	bad := mdTable{head: []string{"<table", "<engine", "<property", "want", "got", "chance may do", "repetitions out"}}
	fine := 0
	for _, f := range d.m.Fidelity {
		if f.OK {
			fine++
			continue
		}
		for _, c := range f.Checks {
			if !c.OK {
				bad.add(text(d.titleOf(f.Table)), text(f.Engine), text(c.Name), results.TextNumber(&c.Want),
					results.TextNumber(&c.Got), results.TextNumber(&c.Within), fmt.Sprint(c.Failed))
			}
		}
	}
	d.para(fmt.Sprintf("In %d of %d entries every property of the stream of operations was as defined, within what chance may do.", fine, len(d.m.Fidelity)))
	bad.write(d.mdPage)
}

func (d *mdDoc) quality() {
	d.heading(2, "Quality log")
	if len(d.m.Quality) == 0 {
		d.para("There is nothing to object to.")
		return
	}
	d.para("Everything that there is to object to; nothing was dropped.")
	t := mdTable{head: []string{"<level", "<what", "<engine", "<table", "cells", "<reason"}}
	for _, o := range d.m.Quality {
		reason := text(o.Reason)
		if n := len(o.More); n > 0 {
			reason += fmt.Sprintf(" (and %s)", count(n, "other reason"))
		}
		t.add(text(o.Level), text(o.Name), text(o.Engine), text(d.titleOf(o.Table)), fmt.Sprint(len(o.Cells)), reason)
	}
	t.write(d.mdPage)
	d.details("cells concerned", func() {
		for _, o := range d.m.Quality {
			fmt.Fprintf(d.mdPage, "- %s, %s: %s\n", text(o.Name), text(o.Engine), code(strings.Join(o.Cells, " ")))
		}
		d.WriteByte('\n')
	})
}

func (d *mdDoc) environment() {
	d.heading(2, "Environment")
	d.details("machine, disk, Go, program, calibration", func() {
		t := mdTable{head: []string{"<", "<"}}
		for _, r := range d.m.Runs {
			t.head = append(t.head, "<"+r.Name)
		}
		if len(d.m.Environments) == 0 {
			return
		}
		for g, group := range d.m.Environments[0].Groups {
			for f, fact := range group.Facts {
				row := []string{text(group.Name), text(fact.Name)}
				if fact.Differs {
					row[1] = "**" + row[1] + "**"
				}
				for _, e := range d.m.Environments {
					row = append(row, text(e.Groups[g].Facts[f].Value))
				}
				t.add(row...)
			}
		}
		t.write(d.mdPage)
	})
	for _, r := range d.m.Runs {
		d.items(r.Notes)
	}
}

func (d *mdDoc) settings() {
	if len(d.m.Settings) == 0 {
		return
	}
	d.heading(2, "Settings")
	for _, s := range d.m.Settings {
		d.details(d.led(s.Run, s.Title), func() {
			t := mdTable{head: []string{"<setting"}}
			for _, l := range s.Labels {
				t.head = append(t.head, "<"+l)
			}
			for _, o := range s.Options {
				row := []string{text(o.Name)}
				if o.Differs {
					row[0] = "**" + row[0] + "**"
				}
				for _, v := range o.Values {
					row = append(row, text(v))
				}
				t.add(row...)
			}
			t.write(d.mdPage)
		})
	}
}

func (d *mdDoc) reproduce() {
	d.heading(2, "Make it again")
	for _, r := range d.m.Runs {
		if r.Command == "" {
			continue
		}
		if name := d.runName(r.ID); name != "" {
			d.para(text(name))
		}
		d.para("```\n" + strings.ReplaceAll(r.Command, "```", "'''") + "\n```")
	}
}

func (d *mdDoc) left() {
	if len(d.m.Left) == 0 {
		return
	}
	d.heading(2, "Left out")
	d.items(d.m.Left)
}

func (d *mdDoc) glossary() {
	d.heading(2, "Glossary")
	d.details("the words of this report", func() {
		for _, t := range d.m.Glossary {
			fmt.Fprintf(d.mdPage, "- **%s**: %s\n", text(t.Word), text(t.Text))
		}
		d.WriteByte('\n')
	})
}
