package compaction

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kvbench/kvbench/lsm/ikey"
	"github.com/kvbench/kvbench/lsm/version"
)

// A Kind is what is to be done with the inputs.
type Kind uint8

const (
	None  Kind = iota
	Merge      // write what Fold leaves of the inputs to the output level
	Move       // put the tables, as they are, on the output level
	Drop       // delete the tables and what is in them
)

// String returns the kind's name.
func (k Kind) String() string { return name([]string{"none", "merge", "move", "drop"}, int(k)) }

// A Reason is what made a choice due.
type Reason uint8

const (
	NoReason     Reason = iota
	L0Runs              // sublevels, or bytes, of level 0
	IntraL0             // sublevels, while the way down is busy
	Size                // a level over its target
	Runs                // a level of too many runs
	SpaceAmp            // too much above the oldest run
	Stale               // older than TTL
	TombstoneAge        // a delete is about to be older than it may
	Garbage             // mostly deletes
	Expired             // all its puts have expired
	BlobGarbage         // it refers to a blob file that is mostly garbage
	Full                // layout fifo: more than MaxBytes
	Manual              // PickRange
	Idle                // nothing else to do

	// Reasons is how many there are.
	Reasons = int(Idle) + 1
)

var reasons = []string{
	"none", "l0", "intra-l0", "size", "runs", "space-amp", "stale", "tombstone-age",
	"garbage", "expired", "blob-garbage", "full", "manual", "idle",
}

// String returns the reason's name.
func (r Reason) String() string { return name(reasons, int(r)) }

// A Priority orders jobs that compete for the disk and the processor; higher
// ones go first. A flush goes before all of them (Balmau et al., "SILK", ATC
// 2019).
type Priority uint8

const (
	Lowest Priority = iota // only when there is nothing else to do
	Deep                   // below level 0
	Bound                  // keeps a promise: ages, the size of a fifo
	Level0                 // makes room for flushes
)

// String returns the priority's name.
func (p Priority) String() string {
	return name([]string{"lowest", "deep", "bound", "level0"}, int(p))
}

func name(names []string, i int) string {
	if i < len(names) {
		return names[i]
	}
	return fmt.Sprintf("unknown(%d)", i)
}

// An Input is tables of one run, in the order of their keys.
type Input struct {
	Level  int
	Run    uint64 // of level 0: a sublevel, or, of a merge within it, a flush
	Tables []*version.Table
}

// A Choice is what to do next. It is not changed once it was returned.
type Choice struct {
	Kind     Kind
	Reason   Reason
	Priority Priority
	Score    float64 // how due it is; 1: just so

	// Inputs are newest first; tables of the run that the outputs join last.
	// Drops may come from several runs.
	Inputs []Input

	OutputLevel int
	// OutputRun is the run that outputs join, 0: they are a new run, whose id
	// is taken when the job is installed: it is higher than all others then. It
	// may be that of inputs, all of which go. On level 0 it is that of the
	// newest flush: outputs stand where that stood.
	OutputRun  uint64
	TableBytes int64 // size of outputs to aim at

	// GrandparentLevel: an output should end before it overlaps more than
	// GrandparentBytes of this level. 0: no such limit.
	GrandparentLevel int
	GrandparentBytes int64

	// Lower, Upper and Exclusive are the bounds of all inputs; see Bounds.
	Lower, Upper []byte
	Exclusive    bool

	// Cursor is what the caller keeps as State.Cursors[Inputs[0].Level], once
	// the job is done. nil: keep what was.
	Cursor []byte

	// Blocked, of kind None: there is something to do once jobs that run are
	// done.
	Blocked bool
}

// Bounds are those of all inputs.
func (c *Choice) Bounds() version.Bounds {
	return version.Bounds{Lower: c.Lower, Upper: c.Upper, Exclusive: c.Exclusive}
}

func (c *Choice) setBounds() {
	b := hull(c.Inputs)
	c.Lower, c.Upper, c.Exclusive = b.Lower, b.Upper, b.Exclusive
}

// Bytes is the size of all inputs.
func (c *Choice) Bytes() int64 {
	var n int64
	for i := range c.Inputs {
		n += bytesOf(c.Inputs[i].Tables)
	}
	return n
}

// Tables is how many inputs there are.
func (c *Choice) Tables() int {
	n := 0
	for i := range c.Inputs {
		n += len(c.Inputs[i].Tables)
	}
	return n
}

// touches reports whether tables of a level are inputs, or become outputs.
func (c *Choice) touches(level int) bool {
	return c.OutputLevel == level || slices.ContainsFunc(c.Inputs, func(in Input) bool { return in.Level == level })
}

// top is the level of the newest input.
func (c *Choice) top() int {
	if len(c.Inputs) == 0 {
		return c.OutputLevel
	}
	return c.Inputs[0].Level
}

// Bottom returns what is older than a choice's inputs and none of them, in the
// version that it was made of. That version gets old while the job runs, but
// what is older than the inputs only moves further down, or goes.
func Bottom(v *version.Version, c *Choice) *version.Older {
	level, run := c.top(), uint64(0)
	var inputs []*version.Table
	for i, in := range c.Inputs {
		inputs = append(inputs, in.Tables...)
		switch {
		case level > 0 && i == 0:
			run = in.Run
		case level == 0 && in.Level == 0:
			run = max(run, newestFlush(v, in.Tables))
		}
	}
	return v.Older(level, run, inputs)
}

// newestFlush is the highest run that some of the tables were added to level 0
// with.
func newestFlush(v *version.Version, tables []*version.Table) uint64 {
	var run uint64
	for _, x := range tables {
		r, _ := v.FlushRun(x.ID)
		run = max(run, r)
	}
	return run
}

// conflicts reports whether c must wait for o, that runs: outputs of both
// would go to one place, or one passes over where the other arrives.
func (c *Choice) conflicts(o *Choice) bool {
	if c.Kind == Drop || o.Kind == Drop {
		return false // what is dropped is busy; nothing is written
	}
	in, out, oin, oout := c.top(), c.OutputLevel, o.top(), o.OutputLevel
	if out == oout && out > 0 && (c.OutputRun == 0 || c.OutputRun != o.OutputRun) {
		return true // it would make one run more than the other knows of
	}
	if out != oout && !(oin < out && out < oout) && !(in < oout && oout < out) {
		return false
	}
	return c.Bounds().Overlaps(o.Bounds())
}

// State is all that a choice depends on.
type State struct {
	Version *version.Version
	// Running are the jobs that have not been installed yet.
	Running []*Choice
	// Busy are further tables that must be left alone.
	Busy map[uint64]bool
	// Now is nanoseconds of Unix time.
	Now int64
	// Snapshot is the oldest that is open; 0: none.
	Snapshot ikey.Seq
	// Idle: nothing else wants the disk. Level 0 is then due with one run.
	Idle bool
	// Cursors say where movement round-robin goes on; see Choice.Cursor.
	Cursors [version.Levels][]byte
	// BlobVictims are tables whose separated values should be written anew.
	BlobVictims []uint64
}

// String is for people and scripts: what, why, and which tables.
func (c *Choice) String() string {
	if c.Kind == None {
		if c.Blocked {
			return "none, blocked"
		}
		return "none"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%v %v %v", c.Kind, c.Reason, c.Priority)
	for _, in := range c.Inputs {
		fmt.Fprintf(&b, " L%d:%d[", in.Level, in.Run)
		for i, x := range in.Tables {
			if i > 0 {
				b.WriteByte(' ')
			}
			fmt.Fprint(&b, x.ID)
		}
		b.WriteByte(']')
	}
	if c.Kind == Drop {
		return b.String()
	}
	fmt.Fprintf(&b, " -> L%d", c.OutputLevel)
	if c.OutputRun > 0 {
		fmt.Fprintf(&b, ":%d", c.OutputRun)
	} else {
		b.WriteString(":new")
	}
	return b.String()
}
