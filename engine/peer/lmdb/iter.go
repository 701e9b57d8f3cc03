//go:build lmdb

package lmdb

import (
	"fmt"

	"github.com/PowerDNS/lmdb-go/lmdb"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/peer/internal/adapt"
)

// rawIter is a cursor of LMDB's and a user of its view.
type rawIter struct {
	v          *view
	cursor     *lmdb.Cursor
	key, value []byte // in the map; valid as long as the transaction
	err        error
}

func (e *store) NewIter(o engine.IterOptions) (engine.Iterator, error) {
	call := e.gate.Enter()
	if call == nil {
		return nil, engine.ErrClosed
	}
	defer call.Leave()
	v, err := e.newView()
	if err != nil {
		return nil, fmt.Errorf("iterator: %w", err)
	}
	return v.newIter(o)
}

// newIter makes an iterator that is a user of v, for which the caller has
// counted it.
func (v *view) newIter(o engine.IterOptions) (engine.Iterator, error) {
	v.mu.Lock()
	cursor, err := v.r.open(v.e.dbi)
	v.mu.Unlock()
	if err != nil {
		v.release()
		return nil, fmt.Errorf("iterator: %w", v.e.translate(err))
	}
	c, err := adapt.NewCursor(&rawIter{v: v, cursor: cursor}, adapt.BoundsOf(o), true, &v.e.views)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// move does one step of the cursor. False leaves r.err, unless it is an end.
func (r *rawIter) move(op uint, key []byte) bool {
	r.v.mu.Lock()
	defer r.v.mu.Unlock()
	return r.step(op, key)
}

// step is move with r.v.mu held.
func (r *rawIter) step(op uint, key []byte) bool {
	var err error
	r.key, r.value, err = r.cursor.Get(key, nil, op)
	if err == nil || lmdb.IsNotFound(err) {
		r.err = nil
		return err == nil
	}
	r.err = fmt.Errorf("iterate: %w", r.v.e.translate(err))
	return false
}

func (r *rawIter) First() bool            { return r.move(lmdb.First, nil) }
func (r *rawIter) Last() bool             { return r.move(lmdb.Last, nil) }
func (r *rawIter) SeekGE(key []byte) bool { return r.move(lmdb.SetRange, key) }
func (r *rawIter) Next() bool             { return r.move(lmdb.Next, nil) }
func (r *rawIter) Prev() bool             { return r.move(lmdb.Prev, nil) }

// SeekLT goes back from the first key that is too great, or from the end.
func (r *rawIter) SeekLT(key []byte) bool {
	r.v.mu.Lock()
	defer r.v.mu.Unlock()
	if r.step(lmdb.SetRange, key) {
		return r.step(lmdb.Prev, nil)
	}
	return r.err == nil && r.step(lmdb.Last, nil)
}

func (r *rawIter) Key() []byte            { return r.key }
func (r *rawIter) Value() ([]byte, error) { return loaded(r.value), nil }
func (r *rawIter) Err() error             { return r.err }

func (r *rawIter) Close() error {
	r.v.mu.Lock()
	r.v.r.done(r.cursor)
	r.v.mu.Unlock()
	r.v.release()
	return nil
}
