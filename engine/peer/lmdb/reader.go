//go:build lmdb

package lmdb

import (
	"math/rand/v2"
	"sync/atomic"

	"github.com/PowerDNS/lmdb-go/lmdb"
)

// reader is a read transaction with its slot in LMDB's table of readers, and
// a cursor for whoever needs one. One goroutine at a time has it.
type reader struct {
	txn    *lmdb.Txn
	cursor *lmdb.Cursor // idle; nil when there is none or it is in use
}

// open returns a cursor on r's transaction.
func (r *reader) open(dbi lmdb.DBI) (*lmdb.Cursor, error) {
	c := r.cursor
	if c == nil {
		return r.txn.OpenCursor(dbi)
	}
	r.cursor = nil
	if err := c.Renew(r.txn); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// done takes back a cursor that open gave.
func (r *reader) done(c *lmdb.Cursor) {
	if r.cursor != nil {
		c.Close()
		return
	}
	r.cursor = c
}

// free gives everything back to LMDB.
func (r *reader) free() {
	if r.cursor != nil {
		r.cursor.Close()
	}
	r.txn.Abort()
}

// idleReaders is how many readers stay open between reads. More than run at
// once are of no use, and reads do not wait.
const idleReaders = 64

// readers keeps idle readers, because one that is renewed costs a fraction of
// a new one. It is safe for concurrent use and has no lock.
type readers struct {
	env  *lmdb.Env
	idle [idleReaders]atomic.Pointer[reader]
}

// take returns a reader that sees everything committed before.
func (p *readers) take() (*reader, error) {
	at := rand.Uint32()
	for i := range uint32(idleReaders) {
		slot := &p.idle[(at+i)%idleReaders]
		if slot.Load() == nil {
			continue
		}
		if r := slot.Swap(nil); r != nil {
			if err := r.txn.Renew(); err != nil {
				r.free()
				return nil, err
			}
			return r, nil
		}
	}
	txn, err := p.env.BeginTxn(nil, lmdb.Readonly)
	if err != nil {
		return nil, err
	}
	txn.RawRead = true
	return &reader{txn: txn}, nil
}

// put takes r back; what it has shown must not be looked at any more.
func (p *readers) put(r *reader) {
	r.txn.Reset()
	at := rand.Uint32()
	for i := range uint32(idleReaders) {
		if p.idle[(at+i)%idleReaders].CompareAndSwap(nil, r) {
			return
		}
	}
	r.free()
}

// drain frees the idle readers.
func (p *readers) drain() {
	for i := range p.idle {
		if r := p.idle[i].Swap(nil); r != nil {
			r.free()
		}
	}
}
