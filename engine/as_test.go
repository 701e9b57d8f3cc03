package engine

import "testing"

// bare has no role. Methods that no test calls are nil.
type bare struct {
	Engine
	caps Caps
}

func (b bare) Caps() Caps { return b.caps }

type scanner struct{ bare }

func (scanner) NewIter(IterOptions) (Iterator, error) { return nil, nil }

func (scanner) MultiGet([][]byte, []Value) error { return nil }

// wrapper hides the roles of what it wraps unless asked to unwrap.
type wrapper struct {
	bare
	inside Engine
}

func (w wrapper) Unwrap() Engine { return w.inside }

type loudWrapper struct{ wrapper }

func (loudWrapper) NewIter(IterOptions) (Iterator, error) { return nil, ErrInvalid }

func TestARoleIsFoundThroughWrappersOutermostFirst(t *testing.T) {
	ordered := bare{caps: Caps{Ordered: true}}
	inner := scanner{ordered}
	if _, ok := As[Scanner](inner); !ok {
		t.Error("not found on the engine itself")
	}
	quiet := wrapper{ordered, inner}
	if s, ok := As[Scanner](wrapper{ordered, quiet}); !ok || s != Scanner(inner) {
		t.Errorf("found %T through two wrappers", s)
	}
	if s, ok := As[Scanner](loudWrapper{quiet}); !ok {
		t.Error("not found on a wrapper")
	} else if _, err := s.NewIter(IterOptions{}); err != ErrInvalid {
		t.Error("the wrapper's own was passed over")
	}
	if _, ok := As[MultiGetter](quiet); !ok {
		t.Error("a role without a field in Caps was not found")
	}
}

func TestARoleThatTheOutermostCapsDenyIsNotFound(t *testing.T) {
	inner := scanner{bare{caps: Caps{Ordered: true}}}
	if s, ok := As[Scanner](wrapper{bare{}, inner}); ok || s != nil {
		t.Errorf("found %T", s)
	}
	if _, ok := As[Scanner](scanner{}); ok {
		t.Error("found on an engine whose own Caps deny it")
	}
	all := Caps{
		Ordered: true, Snapshots: true, UnorderedScan: true, Checkpoint: true,
		RangeDelete: true, BulkLoad: true, TTL: true,
	}
	for name, found := range map[string]func(Engine) bool{
		"Snapshotter":      func(e Engine) bool { _, ok := As[Snapshotter](e); return ok },
		"UnorderedScanner": func(e Engine) bool { _, ok := As[UnorderedScanner](e); return ok },
		"Checkpointer":     func(e Engine) bool { _, ok := As[Checkpointer](e); return ok },
		"RangeDeleter":     func(e Engine) bool { _, ok := As[RangeDeleter](e); return ok },
		"BulkLoader":       func(e Engine) bool { _, ok := As[BulkLoader](e); return ok },
		"Expirer":          func(e Engine) bool { _, ok := As[Expirer](e); return ok },
	} {
		if found(everyRole{bare: bare{}}) || !found(everyRole{bare: bare{caps: all}}) {
			t.Errorf("%s does not follow its field in Caps", name)
		}
	}
}

// everyRole has them all; none is called.
type everyRole struct {
	bare
	Snapshotter
	UnorderedScanner
	Checkpointer
	RangeDeleter
	BulkLoader
	Expirer
}

func TestNoRoleIsFoundOnNothing(t *testing.T) {
	if _, ok := As[Scanner](nil); ok {
		t.Error("found on nil")
	}
	if _, ok := As[Scanner](wrapper{bare: bare{caps: Caps{Ordered: true}}}); ok {
		t.Error("found on a wrapper of nil")
	}
	if _, ok := As[Scanner](bare{caps: Caps{Ordered: true}}); ok {
		t.Error("Caps alone make no role")
	}
}
