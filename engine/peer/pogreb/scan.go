package pogreb

import (
	"context"
	"fmt"

	"github.com/akrylysov/pogreb"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/peer/internal/adapt"
)

// Scan walks the index bucket by bucket.
func (e *store) Scan(ctx context.Context, f func(key, value []byte) error) error {
	items := e.db.Items()
	var seen window
	for n := 0; ; n++ {
		if n%1024 == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		key, value, err := e.next(items)
		if err == pogreb.ErrIterationDone {
			return nil
		}
		if err == engine.ErrClosed {
			return err
		}
		if err != nil {
			return fmt.Errorf("scan: %w", translate(e.path, err))
		}
		if seen.has(key) {
			continue
		}
		if err := f(key, value); err != nil {
			return err
		}
	}
}

// next passes the gate for each item, so that f may take its time and call
// Close.
func (e *store) next(items *pogreb.ItemIterator) (key, value []byte, err error) {
	call := e.gate.Enter()
	if call == nil {
		return nil, nil, engine.ErrClosed
	}
	defer call.Leave()
	defer adapt.Rescue(e.path, &err)
	return items.Next()
}

// A window remembers the last keys. Those that the index holds twice are in
// one chain of buckets, hence near each other, the newer one first.
type window struct {
	ring [1024]string
	next int
	keys map[string]struct{}
}

// has reports whether key is in the window, and puts it there.
func (w *window) has(key []byte) bool {
	if _, ok := w.keys[string(key)]; ok {
		return true
	}
	if w.keys == nil {
		w.keys = make(map[string]struct{}, len(w.ring))
	}
	delete(w.keys, w.ring[w.next])
	w.ring[w.next] = string(key)
	w.keys[w.ring[w.next]] = struct{}{}
	w.next = (w.next + 1) % len(w.ring)
	return false
}
