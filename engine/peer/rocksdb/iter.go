//go:build rocksdb

package rocksdb

import (
	"bytes"
	"fmt"
	"runtime"

	"github.com/linxGnu/grocksdb"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/peer/internal/adapt"
)

// rawIter is a RocksDB iterator with what it needs until it is closed.
type rawIter struct {
	e    *store
	it   *grocksdb.Iterator
	ro   *grocksdb.ReadOptions
	pins runtime.Pinner // holds the bounds, to which C keeps pointers
}

func (e *store) NewIter(o engine.IterOptions) (engine.Iterator, error) {
	call := e.gate.Enter()
	if call == nil {
		return nil, engine.ErrClosed
	}
	defer call.Leave()
	return e.newIter(o, nil)
}

// newIter makes an iterator over snap, or over the present when it is nil.
// RocksDB keeps the bounds.
func (e *store) newIter(o engine.IterOptions, snap *grocksdb.Snapshot) (engine.Iterator, error) {
	b := adapt.BoundsOf(o)
	r := &rawIter{e: e, ro: grocksdb.NewDefaultReadOptions()}
	if !b.Empty() {
		if len(b.Lower) > 0 {
			r.pins.Pin(&b.Lower[0])
			r.ro.SetIterateLowerBound(b.Lower)
		}
		if len(b.Upper) > 0 {
			r.pins.Pin(&b.Upper[0])
			r.ro.SetIterateUpperBound(b.Upper)
		}
		b = adapt.Bounds{}
	}
	if snap != nil {
		r.ro.SetSnapshot(snap)
	}
	r.it = e.db.NewIterator(r.ro)
	c, err := adapt.NewCursor(r, b, true, &e.views)
	if err != nil {
		return nil, err
	}
	return c, nil
}

func (r *rawIter) First() bool {
	r.it.SeekToFirst()
	return r.it.Valid()
}

func (r *rawIter) Last() bool {
	r.it.SeekToLast()
	return r.it.Valid()
}

func (r *rawIter) SeekGE(key []byte) bool {
	r.it.Seek(key)
	return r.it.Valid()
}

func (r *rawIter) SeekLT(key []byte) bool {
	r.it.SeekForPrev(key)
	if !r.it.Valid() {
		return false
	}
	if bytes.Equal(r.Key(), key) {
		return r.Prev()
	}
	return true
}

func (r *rawIter) Next() bool {
	r.it.Next()
	return r.it.Valid()
}

func (r *rawIter) Prev() bool {
	r.it.Prev()
	return r.it.Valid()
}

func (r *rawIter) Key() []byte { return bytesOf(r.it.Key()) }

func (r *rawIter) Value() ([]byte, error) { return bytesOf(r.it.Value()), nil }

// bytesOf returns C's bytes. The binding has nil for an empty slice.
func bytesOf(s *grocksdb.Slice) []byte {
	if s == nil {
		return nil
	}
	return s.Data()
}

func (r *rawIter) Err() error {
	if err := r.it.Err(); err != nil {
		return fmt.Errorf("iterate: %w", r.e.translate(err))
	}
	return nil
}

func (r *rawIter) Close() error {
	r.it.Close()
	r.ro.Destroy()
	r.pins.Unpin()
	return nil
}
