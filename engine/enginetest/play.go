package enginetest

import (
	"errors"
	"fmt"
	"slices"

	"github.com/kvbench/kvbench/engine"
)

// write performs a writing op on the engine, and on the oracle.
func (p *player) write(o op) error {
	levels := p.caps.Durabilities.Levels()
	level := levels[o.level%uint64(len(levels))]
	if level == engine.Sync && o.level%16 != 0 { // seldom: a disk is slow
		level = levels[0]
	}
	switch o.kind {
	case opPut:
		p.o.put(o.key, o.value)
		return p.e.Put([]byte(o.key), []byte(o.value), level)
	case opDelete:
		p.o.remove(o.key)
		return p.e.Delete([]byte(o.key), level)
	case opDeleteRange:
		if r, ok := engine.As[engine.RangeDeleter](p.e); ok {
			p.o.removeRange(o.lower.key, o.upper.key)
			return r.DeleteRange(o.lower.bytes(), o.upper.bytes(), level)
		}
		o = op{parts: []op{o}}
	}
	var b engine.Batch
	for _, part := range o.parts {
		p.part(&b, part)
	}
	return p.e.Apply(&b, level)
}

// part adds a part of a batch. An engine without range deletes is told each
// key of the range, so that all engines come to the same contents.
func (p *player) part(b *engine.Batch, o op) {
	switch {
	case o.kind == opPut:
		p.o.put(o.key, o.value)
		b.Put([]byte(o.key), []byte(o.value))
		return
	case o.kind == opDelete:
		p.o.remove(o.key)
		b.Delete([]byte(o.key))
		return
	case p.caps.RangeDelete:
		b.DeleteRange(o.lower.bytes(), o.upper.bytes())
	default:
		for _, doomed := range p.o.iter(o.lower, o.upper).pairs {
			b.Delete([]byte(doomed.key))
		}
	}
	p.o.removeRange(o.lower.key, o.upper.key)
}

func (p *player) get(g getter, want *oracle, key string) error {
	value, ok := want.get(key)
	got, err := g.Get([]byte("dst"), []byte(key))
	switch {
	case !ok && !errors.Is(err, engine.ErrNotFound):
		return fmt.Errorf("get %q: %s, %v, want it absent", key, show(got), err)
	case ok && err != nil:
		return fmt.Errorf("get %q: %w, want %s", key, err, show([]byte(value)))
	case ok && string(got) != "dst"+value:
		return fmt.Errorf("get %q: %s, want %s", key, show(got), show([]byte("dst"+value)))
	case !ok && string(got) != "dst":
		return fmt.Errorf("get %q: dst came back as %s", key, show(got))
	}
	return nil
}

// failure is a T that keeps the first message, for helpers that want a T.
type failure struct {
	T
	err error
}

func (f *failure) Errorf(format string, args ...any) {
	if f.err == nil {
		f.err = fmt.Errorf(format, args...)
	}
}

func (p *player) iterate(o op) error {
	s, ok := engine.As[engine.Scanner](p.e)
	if !ok {
		return nil
	}
	it, err := s.NewIter(engine.IterOptions{Lower: o.lower.bytes(), Upper: o.upper.bytes()})
	if err != nil {
		return err
	}
	defer it.Close()
	want := p.o.iter(o.lower, o.upper)
	f := &failure{T: p.t}
	for i, m := range o.moves {
		if !p.caps.Reverse && slices.Contains([]string{"Last", "SeekLT", "Prev"}, m.name) {
			continue
		}
		check(f, it, want, m, func() string { return describe(o.moves[:i]) })
		if f.err != nil {
			return f.err
		}
	}
	return nil
}

// compare reads all of an engine or a snapshot: by key, and by scan if it has
// one.
func (p *player) compare(g getter, want *oracle) error {
	f := &failure{T: p.t}
	for _, x := range want.pairs {
		if err := p.get(g, want, x.key); err != nil {
			return err
		}
	}
	var got []pair
	if s, ok := asScanner(g); ok {
		it, err := s.NewIter(engine.IterOptions{})
		if err != nil {
			return err
		}
		defer it.Close()
		got = forwards(f, it)
	} else if s, ok := asUnordered(g); ok {
		got = scanned(f, s)
	} else {
		return nil
	}
	(&rig{T: f}).same("scan", got, want.pairs)
	return f.err
}

func asScanner(g getter) (engine.Scanner, bool) {
	if e, ok := g.(engine.Engine); ok {
		return engine.As[engine.Scanner](e)
	}
	s, ok := g.(engine.Scanner)
	return s, ok
}

func asUnordered(g getter) (engine.UnorderedScanner, bool) {
	if e, ok := g.(engine.Engine); ok {
		return engine.As[engine.UnorderedScanner](e)
	}
	s, ok := g.(engine.UnorderedScanner)
	return s, ok
}
