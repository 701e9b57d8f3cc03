package main

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/spf13/pflag"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/kvbench/kvbench/bench"
	"github.com/kvbench/kvbench/results"
)

// progress is a bench.Watcher that ends with close.
type progress interface {
	bench.Watcher
	close()
}

// progressOptions are the flags of progress.
type progressOptions struct{ none, lines bool }

func (o *progressOptions) add(f *pflag.FlagSet) {
	f.BoolVar(&o.none, "no-progress", false, "no progress on standard error")
	f.BoolVarP(&o.lines, "status", "s", false, "a line of progress a second, on a terminal too")
}

// newProgress chooses bars on a terminal, a line a second elsewhere.
func (a *app) newProgress(o progressOptions, x *bench.Experiment, total int) progress {
	l := &lines{to: a.console, named: namer{reps: x.Reps, threads: len(x.Threads)}}
	_, terminal := terminalWidth(a.errs)
	switch {
	case o.none:
		l.to = io.Discard
	case terminal && !o.lines:
		return a.newBars(l, total)
	}
	return l
}

// namer names cells as briefly as the experiment allows.
type namer struct{ reps, threads int }

func (n namer) name(c *results.Cell, task bench.Task) string {
	if task == bench.TaskPrepare {
		return fmt.Sprintf("load %s, %s records", c.Engine.Title(), humanCount(float64(c.Workload.Records)))
	}
	text := c.Workload.Name + " " + c.Engine.Title()
	if n.threads > 1 {
		text += fmt.Sprintf(" %d threads", c.Load.Threads)
	}
	if c.Load.Rate != nil {
		text += fmt.Sprintf(" at %s/s", humanCount(*c.Load.Rate))
	}
	if n.reps > 1 {
		text += fmt.Sprintf(" rep %d", c.Rep)
	}
	return text
}

// outcome says what became of a cell.
func outcome(c *results.Cell) string {
	switch {
	case c.Status == results.StatusUnsupported:
		return "n/a: " + c.Error
	case c.Status == results.StatusOK && c.OpsPerS != nil:
		return humanCount(*c.OpsPerS) + " ops/s"
	case c.Status == results.StatusOK:
		return "done"
	case c.LastWords != "":
		first, _, _ := strings.Cut(c.LastWords, "\n")
		return string(c.Status) + ": " + c.Error + ": " + first
	case c.Error != "":
		return string(c.Status) + ": " + c.Error
	}
	return string(c.Status)
}

// glance describes a moment of a phase.
func glance(p bench.Progress) string {
	text := p.Phase
	if p.Elapsed > 0 {
		text += fmt.Sprintf(" %.1fs", p.Elapsed.Seconds())
	}
	if p.Total > 0 {
		text += fmt.Sprintf(" %3.0f %%", 100*float64(p.Ops)/float64(p.Total))
	}
	if p.Rate > 0 {
		text += " " + humanCount(p.Rate) + " ops/s"
	}
	return text
}

// lines writes a line at most once a second, and one as each cell ends.
type lines struct {
	to    io.Writer
	named namer

	total, index int
	current      string
	last         time.Time

	begun time.Time // the first cell
	ended int       // cells
}

func (l *lines) Begin(index, total int, cell *results.Cell, task bench.Task) {
	l.index, l.total, l.current = index, total, l.named.name(cell, task)
	l.last = time.Now()
	if l.begun.IsZero() {
		l.begun = l.last
	}
}

func (l *lines) prefix() string {
	if l.index == 0 {
		return l.current
	}
	return fmt.Sprintf("[%d/%d] %s", l.index, l.total, l.current)
}

func (l *lines) Progress(p bench.Progress) {
	if now := time.Now(); now.Sub(l.last) >= time.Second {
		l.last = now
		fmt.Fprintf(l.to, "%s: %s\n", l.prefix(), glance(p))
	}
}

func (l *lines) End(cell *results.Cell) {
	if l.index > 0 {
		l.ended++
	}
	fmt.Fprintf(l.to, "%s: %s%s\n", l.prefix(), outcome(cell), l.left())
}

// left guesses from the cells so far, loads included, how long the others
// take; it says nothing of little.
func (l *lines) left() string {
	if l.ended == 0 || l.ended >= l.total {
		return ""
	}
	each := time.Since(l.begun) / time.Duration(l.ended)
	left := time.Duration(l.total-l.ended) * each
	if left < 20*time.Second {
		return ""
	}
	return ", about " + humanTime(left.Round(time.Second)) + " left"
}

func (l *lines) close() {}

// bars shows all cells and the running one at the bottom of a terminal; ended
// cells pass above.
type bars struct {
	*lines
	console *console
	errs    io.Writer
	all     *mpb.Progress
	cells   *mpb.Bar
	now     *mpb.Bar

	mu   sync.Mutex // the bars draw themselves
	text string
}

func (a *app) newBars(l *lines, total int) *bars {
	b := &bars{lines: l, console: a.console, errs: a.errs}
	b.all = mpb.New(mpb.WithOutput(a.errs), mpb.WithWidth(64), mpb.WithRefreshRate(150*time.Millisecond))
	b.now = b.all.New(1, mpb.NopStyle(), mpb.PrependDecorators(decor.Any(func(decor.Statistics) string { return b.glance() })))
	b.cells = b.all.AddBar(int64(total),
		mpb.PrependDecorators(decor.CountersNoUnit("%d of %d cells ")),
		mpb.AppendDecorators(decor.Elapsed(decor.ET_STYLE_GO), decor.Name(", left about "), decor.AverageETA(decor.ET_STYLE_GO)),
	)
	// What others write must not land between the bars.
	a.console.lead(b.all)
	l.to = b.all
	return b
}

func (b *bars) glance() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text
}

func (b *bars) show(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.text = text
}

func (b *bars) Begin(index, total int, cell *results.Cell, task bench.Task) {
	b.lines.Begin(index, total, cell, task)
	b.show(b.prefix())
}

func (b *bars) Progress(p bench.Progress) { b.show(b.prefix() + ": " + glance(p)) }

func (b *bars) End(cell *results.Cell) {
	b.lines.End(cell)
	if b.index > 0 {
		b.cells.Increment()
	}
}

func (b *bars) close() {
	b.now.Abort(true)
	b.cells.Abort(true)
	b.all.Wait()
	b.console.lead(b.errs)
}
