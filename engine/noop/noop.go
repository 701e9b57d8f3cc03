package noop

import (
	"fmt"

	"github.com/kvbench/kvbench/engine"
)

const name = "noop"

// Driver returns the driver of the engine that does nothing.
func Driver() engine.Driver {
	return engine.Driver{
		Name:     name,
		Family:   engine.FamilyMemory,
		Title:    "nothing: calls return at once, which shows what the harness costs",
		Settings: describe(),
		Asterisks: []string{
			"It stores nothing: a get of any key succeeds with an empty value, and a scan is empty.",
		},
		Rail:  true,
		Blank: true,
		Open:  open,
	}
}

func describe() []engine.Setting {
	return []engine.Setting{
		engine.DurabilityOption(engine.None, engine.Durabilities(engine.None)),
		engine.NoCacheBytes("it stores nothing"),
		engine.NoReadOnly("it stores nothing"),
	}
}

type settings struct {
	Durability engine.Durability `setting:"durability"`
}

func open(_ string, given map[string]string, _ engine.Env) (engine.Engine, error) {
	var s settings
	if _, err := engine.Decode(describe(), given, &s); err != nil {
		return nil, fmt.Errorf("open noop: %w", err)
	}
	return nothing{}, nil
}

// nothing is the engine.
type nothing struct{}

var (
	_ engine.Engine  = nothing{}
	_ engine.Scanner = nothing{}
)

// Caps promises no more than that scans may be asked for.
func (nothing) Caps() engine.Caps {
	return engine.Caps{
		Family:  engine.FamilyMemory,
		Ordered: true, Reverse: true,
		Durabilities: engine.Durabilities(engine.None),
	}
}

// Get finds every key, with an empty value.
func (nothing) Get(dst, _ []byte) ([]byte, error) { return dst, nil }

func (nothing) Put(_, _ []byte, d engine.Durability) error { return refuse(d) }

func (nothing) Delete(_ []byte, d engine.Durability) error { return refuse(d) }

func (nothing) Apply(_ *engine.Batch, d engine.Durability) error { return refuse(d) }

func (nothing) Sync() error { return nil }

// Metrics knows nothing.
func (nothing) Metrics(m *engine.Metrics) { *m = engine.Metrics{} }

// Close does nothing either: later calls still answer.
func (nothing) Close() error { return nil }

func (nothing) NewIter(engine.IterOptions) (engine.Iterator, error) { return empty{}, nil }

// refuse is the one promise that noop keeps: no level that it does not have.
func refuse(d engine.Durability) error {
	if d <= engine.None {
		return nil
	}
	_, err := engine.Durabilities(engine.None).Resolve(d, engine.None)
	return err
}

// empty is an iterator over nothing.
type empty struct{}

func (empty) First() bool        { return false }
func (empty) Last() bool         { return false }
func (empty) SeekGE([]byte) bool { return false }
func (empty) SeekLT([]byte) bool { return false }
func (empty) Next() bool         { return false }
func (empty) Prev() bool         { return false }
func (empty) Key() []byte        { return nil }
func (empty) Err() error         { return nil }
func (empty) Close() error       { return nil }

func (empty) Value() ([]byte, error) { return nil, nil }
