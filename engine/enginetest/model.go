package enginetest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kvbench/kvbench/engine"
)

func modelClauses() []clause {
	return []clause{
		{name: "random streams of ops answer as a sorted slice does", run: answersAsOracle},
	}
}

const (
	modelTime  = 300 * time.Millisecond
	modelOps   = 400
	shrinkTime = 5 * time.Second
)

func answersAsOracle(b *rig) {
	deadline := time.Now().Add(budget(modelTime))
	for s := seed(); ; s++ {
		ops := stream(rand.New(rand.NewPCG(s, 0)), modelOps)
		if !modelled(b, &b.d, b.settings, s, ops) || time.Now().After(deadline) {
			return
		}
	}
}

// ModelMany performs random streams of ops on each of the drivers, opened with
// random settings, and compares every answer with the oracle's: all engines
// answer alike, as far as their Caps go.
func ModelMany(t *testing.T, drivers []engine.Driver) {
	deadline := time.Now().Add(budget(2 * time.Second))
	for s, n := seed(), 1; ; s, n = s+1, n+1 {
		r := rand.New(rand.NewPCG(s, 1))
		ops := stream(r, modelOps)
		for i := range drivers {
			d := &drivers[i]
			modelled(t, d, usableSettings(t, d, r), s, ops)
		}
		if t.Failed() || time.Now().After(deadline) {
			t.Logf("%d streams of %d ops on each of %d engines", n, modelOps, len(drivers))
			return
		}
	}
}

// usableSettings draws settings until the driver takes them together: some
// that are valid alone exclude each other.
func usableSettings(t T, d *engine.Driver, r *rand.Rand) map[string]string {
	for range 10 {
		settings := randomSettings(d, r)
		e, err := d.Open(t.TempDir(), settings, engine.Env{})
		if err == nil {
			e.Close()
			return settings
		}
		t.Logf("%s with %v: %v", d.Name, settings, err)
	}
	return nil
}

// randomSettings changes about half of the settings.
func randomSettings(d *engine.Driver, r *rand.Rand) map[string]string {
	settings := map[string]string{}
	for _, s := range d.Settings {
		if s.Inapplicable != "" || s.Name == engine.ReadOnlyName || r.IntN(2) == 0 {
			continue
		}
		switch s.Kind {
		case engine.BoolSetting:
			settings[s.Name] = []string{"false", "true"}[r.IntN(2)]
		case engine.ChoiceSetting:
			settings[s.Name] = s.Choices[r.IntN(len(s.Choices))]
		case engine.IntSetting, engine.SizeSetting:
			n, err := engine.ParseSize(s.Default)
			if err != nil {
				continue
			}
			n = max(s.Min, []int64{n / 8, n / 2, n, n + 1, 2 * n}[r.IntN(5)])
			if s.Max > 0 {
				n = min(n, s.Max)
			}
			settings[s.Name] = fmt.Sprint(n)
		}
	}
	return settings
}

// modelled performs ops and reports a difference, with the shortest stream of
// ops found that shows it.
func modelled(t T, d *engine.Driver, settings map[string]string, seed uint64, ops []op) bool {
	t.Helper()
	err := perform(t, d, settings, ops)
	if err == nil {
		return true
	}
	left := shrink(ops, time.Now().Add(shrinkTime), func(fewer []op) bool {
		e := perform(t, d, settings, fewer)
		if e != nil {
			err = e
		}
		return e != nil
	})
	var text strings.Builder
	for i, o := range left {
		fmt.Fprintf(&text, "\n  %d %v", i, o)
	}
	t.Errorf("%s with %v, KVBENCH_SEED=%d: %v; the shortest stream found:%s", d.Name, settings, seed, err, text.String())
	return false
}

// shrink leaves out stretches of ops, long ones first, as long as fails.
func shrink(ops []op, deadline time.Time, fails func([]op) bool) []op {
	for size := len(ops) / 2; size > 0; {
		shorter := false
		for i := 0; i+size <= len(ops); {
			if time.Now().After(deadline) {
				return ops
			}
			fewer := slices.Concat(ops[:i], ops[i+size:])
			if fails(fewer) {
				ops, shorter = fewer, true
			} else {
				i += size
			}
		}
		if !shorter || size > 1 {
			size /= 2
		}
	}
	return ops
}

// player performs a stream on an engine and on the oracle.
type player struct {
	t        T
	open     func() (engine.Engine, error)
	e        engine.Engine
	caps     engine.Caps
	o        *oracle
	snapshot engine.Snapshot // nil, or what opSnapshot kept
	frozen   *oracle         // what it must show
}

// perform returns the first difference, an error that names the op.
func perform(t T, d *engine.Driver, settings map[string]string, ops []op) error {
	dir := t.TempDir()
	p := &player{t: t, o: &oracle{}, open: func() (engine.Engine, error) {
		return d.Open(dir, settings, engine.Env{})
	}}
	var err error
	if p.e, err = p.open(); err != nil {
		return fmt.Errorf("open: %w", err)
	}
	p.caps = p.e.Caps()
	defer func() {
		p.dropSnapshot()
		p.e.Close()
	}()
	for i, o := range ops {
		if err := p.play(o); err != nil {
			return fmt.Errorf("op %d, %v: %w", i, o, err)
		}
	}
	return p.compare(p.e, p.o)
}

func (p *player) dropSnapshot() {
	if p.snapshot != nil {
		p.snapshot.Close()
	}
	p.snapshot, p.frozen = nil, nil
}

func (p *player) play(o op) error {
	switch o.kind {
	case opPut, opDelete, opBatch, opDeleteRange:
		return p.write(o)
	case opGet:
		return p.get(p.e, p.o, o.key)
	case opIterate:
		return p.iterate(o)
	case opScan:
		return p.compare(p.e, p.o)
	case opSnapshot:
		return p.keepSnapshot()
	case opRecheck:
		if p.snapshot == nil {
			return nil
		}
		return p.compare(p.snapshot, p.frozen)
	case opSync:
		return p.e.Sync()
	case opSettle:
		return settle(p.e)
	}
	return p.reopen()
}

func (p *player) keepSnapshot() (err error) {
	s, ok := engine.As[engine.Snapshotter](p.e)
	if !ok {
		return nil
	}
	p.dropSnapshot()
	p.frozen = p.o.clone()
	p.snapshot, err = s.NewSnapshot()
	return err
}

func (p *player) reopen() (err error) {
	if !p.caps.Persistent {
		return nil
	}
	p.dropSnapshot()
	if err := p.e.Close(); err != nil {
		return err
	}
	p.e, err = p.open()
	if err != nil {
		return err
	}
	return p.compare(p.e, p.o)
}
