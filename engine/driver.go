package engine

import (
	"context"
	"log/slog"
	"time"

	"github.com/kvbench/kvbench/engine/vfs"
)

// A Driver is how an engine is found, described and opened. It is a plain
// value; package catalog lists all of them.
type Driver struct {
	Name    string // as users type it: lower case, unique in the catalog
	Family  string // one of the Family constants
	Title   string // one line: what it is
	Version string // of the library behind a peer; empty for engines of this house

	// Settings describe every knob, DurabilityName, CacheBytesName and
	// ReadOnlyName among them.
	Settings []Setting

	// Asterisks are deviations from the contract or from a fair comparison,
	// one sentence each. They are printed wherever the engine is described.
	Asterisks []string

	// Rail marks a reference rail (memory, no-op): it is shown apart from
	// engines that store anything.
	Rail bool

	// Blank marks an engine that stores nothing: what it answers means
	// nothing, and nobody should check it. A blank one is also a Rail.
	Blank bool

	// Open opens the engine in dir, making the directory if it is absent.
	// Settings that are not given have their defaults. A zero env means the
	// machine's file system and clock. On error nothing stays open.
	Open func(dir string, settings map[string]string, env Env) (Engine, error)

	// Verify reads all of a directory that is not open and reports each
	// problem; it works on a damaged one. An error means that it could not
	// look. Nil: this engine has no such check.
	Verify func(ctx context.Context, dir string, env Env, report func(Problem)) error

	// Inspect describes how a directory that is not open is laid out. Nil:
	// this engine cannot tell.
	Inspect func(ctx context.Context, dir string, env Env) (Layout, error)
}

// Setting finds one by name.
func (d *Driver) Setting(name string) (Setting, bool) {
	for _, s := range d.Settings {
		if s.Name == name {
			return s, true
		}
	}
	return Setting{}, false
}

// Env holds the components that an engine is handed. They are never recorded.
type Env struct {
	FS     vfs.FS           // nil: the machine's
	Log    *slog.Logger     // nil: discarded
	Now    func() time.Time // nil: time.Now
	Events EventSink        // nil: discarded
}

// WithDefaults returns e with every nil component replaced.
func (e Env) WithDefaults() Env {
	if e.FS == nil {
		e.FS = vfs.OS{}
	}
	if e.Log == nil {
		e.Log = slog.New(slog.DiscardHandler)
	}
	if e.Now == nil {
		e.Now = time.Now
	}
	if e.Events == nil {
		e.Events = discardEvents{}
	}
	return e
}

// An Event is something an engine did in the background that a time line
// should show: a flush, a compaction, a stall, a checkpoint.
type Event struct {
	Kind     string        `json:"kind"` // "flush", "compaction", "stall", ...
	Start    time.Time     `json:"start"`
	Duration time.Duration `json:"duration_ns"`
	BytesIn  int64         `json:"bytes_in,omitempty"`
	BytesOut int64         `json:"bytes_out,omitempty"`
	Detail   string        `json:"detail,omitempty"`
}

// EventSink receives events. Event is called from background goroutines, may
// be called concurrently, and must not block or call the engine.
type EventSink interface{ Event(e Event) }

type discardEvents struct{}

func (discardEvents) Event(Event) {}

// A Problem is one finding of Verify.
type Problem struct {
	File   string `json:"file"`
	Offset int64  `json:"offset"` // negative when unknown
	Detail string `json:"detail"`
}

// A Layout describes a directory: facts, and tables of levels, pages or
// segments.
type Layout struct {
	Facts  []Fact        `json:"facts"`
	Tables []LayoutTable `json:"tables"`
}

// A Fact is a named value.
type Fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// A LayoutTable has as many columns in each row as in Columns.
type LayoutTable struct {
	Title   string     `json:"title"`
	Columns []string   `json:"columns"`
	Rows    [][]string `json:"rows"`
}
