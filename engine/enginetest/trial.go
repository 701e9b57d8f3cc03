package enginetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"sync"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
)

// trialDir is where the engine of a trial lives.
const trialDir = "/db"

// A trial performs a history on a file system that can lose power, and forks
// that at some of its points: each fork is what a power loss may leave then.
type trial struct {
	b        *rig
	settings map[string]string
	level    engine.Durability // what Default stands for
	h        *history
	keys     []string
	dir      string
	mem      *vfs.Mem
	fsys     vfs.FS // what the engine is handed: mem, or a wrapper of it
	e        engine.Engine
	j        *journal

	mu     sync.Mutex
	points int
	forks  []fork
	copies []fork // by checkpoints; where is the directory
}

// A fork is what one power loss leaves, and what the engine had been told and
// had answered by then.
type fork struct {
	mem   *vfs.Mem
	span  span
	where string
}

// A shot is how the power is lost: a seed, or one of the extremes.
type shot struct {
	seed    uint64
	extreme bool
	image   vfs.Image
}

func (s shot) of(m *vfs.Mem) *vfs.Mem {
	if s.extreme {
		return m.Image(s.image)
	}
	return m.Crash(s.seed)
}

func (s shot) String() string {
	if s.extreme {
		return fmt.Sprintf("leaving %v", s.image)
	}
	return fmt.Sprintf("seed %d", s.seed)
}

func extremes() []shot {
	return []shot{{extreme: true, image: vfs.Synced}, {extreme: true, image: vfs.Written}}
}

// newTrial makes a trial on mem. base is what the engine holds already.
func (b *rig) newTrial(mem *vfs.Mem, settings map[string]string, h *history, base map[string]string) *trial {
	return &trial{
		b: b, settings: settings, level: b.defaultLevel(settings), h: h, keys: h.universe(),
		dir: trialDir, mem: mem, fsys: mem, j: newJournal(len(h.steps), base),
	}
}

// defaultLevel is the level of writes that do not ask for one.
func (b *rig) defaultLevel(settings map[string]string) engine.Durability {
	resolved, err := engine.Resolve(b.d.Settings, b.with(settings))
	if err != nil {
		return engine.Default
	}
	level, err := engine.ParseDurability(resolved[engine.DurabilityName])
	if err != nil {
		return engine.Default
	}
	return level
}

// errPanic is wrapped by the error that safely makes of a panic.
var errPanic = errors.New("panic")

// safely turns a panic into an error.
func safely(what string, f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%s: %w: %v\n%s", what, errPanic, p, debug.Stack())
		}
	}()
	return f()
}

// open opens the engine on the trial's file system.
func (x *trial) open() error {
	return safely("open", func() (err error) {
		x.e, err = x.b.d.Open(x.dir, x.b.with(x.settings), engine.Env{FS: x.fsys})
		if err != nil {
			return fmt.Errorf("open: %w", err)
		}
		return nil
	})
}

func (x *trial) close() error {
	return safely("close", func() error {
		if err := x.e.Close(); err != nil {
			return fmt.Errorf("close: %w", err)
		}
		return nil
	})
}

// watch forks the file system as choose says, which is called at each point,
// from any goroutine.
func (x *trial) watch(choose func(p vfs.Point) []shot) {
	x.mem.Watch(func(p vfs.Point) {
		for _, s := range choose(p) {
			f := fork{where: describePoint(p) + ", " + s.String()}
			f.span.low = x.j.now()
			f.mem = s.of(x.mem)
			f.span.high = x.j.now()
			x.keep(f)
		}
		x.mu.Lock()
		x.points++
		x.mu.Unlock()
	})
}

func (x *trial) keep(f fork) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.forks = append(x.forks, f)
}

func describePoint(p vfs.Point) string {
	when := "after"
	if p.Before {
		when = "before"
	}
	return fmt.Sprintf("power loss %s %s of %s, which is point %d", when, p.Op, p.Path, p.N)
}

// play performs one step of a writer. An error of the engine is returned, and
// noted in the journal.
func (x *trial) play(w int, o op) error {
	return safely(o.String(), func() error {
		switch o.kind {
		case opSync:
			begun := x.j.now()
			err := x.e.Sync()
			if err == nil {
				x.j.synced(begun)
			}
			return err
		case opSettle:
			return settle(x.e)
		case opReopen:
			if err := x.close(); err != nil {
				return err
			}
			return x.open()
		case opCheckpoint:
			return x.checkpoint()
		}
		level := engine.Durability(o.level)
		x.j.begin(w, o)
		err := writeOp(x.e, o, level)
		if level == engine.Default {
			level = x.level
		}
		x.j.end(w, level, err)
		return err
	})
}

// checkpoint makes a copy, which must hold what had been acknowledged when it
// began, and nothing that begins from now on.
func (x *trial) checkpoint() error {
	c, ok := engine.As[engine.Checkpointer](x.e)
	if !ok {
		return errors.New("there is no Checkpointer, though Caps promise one")
	}
	x.mu.Lock()
	n := len(x.copies)
	f := fork{mem: x.mem, where: fmt.Sprintf("/copies/%d", n)}
	x.copies = append(x.copies, f)
	x.mu.Unlock()
	f.span.low = x.j.now()
	err := c.Checkpoint(f.where)
	f.span.high = x.j.now()
	x.mu.Lock()
	defer x.mu.Unlock()
	if err == nil {
		x.copies[n] = f
	}
	return err
}

// perform opens the engine and performs the history: one writer by itself,
// several at the same time. Nothing may fail.
func (x *trial) perform() error {
	if err := x.open(); err != nil {
		return err
	}
	errs := make([]error, len(x.h.steps))
	var writers sync.WaitGroup
	for w, steps := range x.h.steps {
		writers.Go(func() {
			for i, o := range steps {
				if err := x.play(w, o); err != nil {
					errs[w] = fmt.Errorf("writer %d, step %d, %v: %w", w, i, o, err)
					return
				}
			}
		})
	}
	writers.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return x.close()
}

// read returns the contents.
func (x *trial) read() (found map[string]string, err error) {
	err = safely("read", func() error {
		found, err = readAll(x.e, x.keys)
		return err
	})
	return found, err
}

// everyPoint forks at each point that makes something durable or changes a
// name, and at some of the writes: with seeds, and at one extreme or both.
func everyPoint(r *rand.Rand, seeds int, both bool) func(vfs.Point) []shot {
	var mu sync.Mutex
	return func(p vfs.Point) (shots []shot) {
		mu.Lock()
		defer mu.Unlock()
		if plain(p) {
			if r.IntN(3) > 0 {
				return nil
			}
			return []shot{{seed: r.Uint64()}}
		}
		shots = extremes()
		if !both {
			shots = shots[r.IntN(2):][:1]
		}
		for range seeds {
			shots = append(shots, shot{seed: r.Uint64()})
		}
		return shots
	}
}

// plain reports whether a point is about bytes or lengths only.
func plain(p vfs.Point) bool {
	return !p.Sync && (p.Op == "write" || p.Op == "truncate" || p.Op == "punch")
}

// somePoints forks at about one point in every, most seldom at the extremes.
func somePoints(r *rand.Rand, every int) func(vfs.Point) []shot {
	var mu sync.Mutex
	return func(p vfs.Point) []shot {
		mu.Lock()
		defer mu.Unlock()
		if r.IntN(every) > 0 {
			return nil
		}
		if r.IntN(4) == 0 {
			return extremes()[r.IntN(2):][:1]
		}
		return []shot{{seed: r.Uint64()}}
	}
}
