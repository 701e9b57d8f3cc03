package enginetest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
)

// sorted is what is alive, in order. The lock is held.
func (e *toy) sorted() []pair {
	var all []pair
	for k, x := range e.data {
		if !e.expired(x) {
			all = append(all, pair{k, string(x.value)})
		}
	}
	sort.Slice(all, func(i, j int) bool {
		if e.is("orders keys by length") && len(all[i].key) != len(all[j].key) {
			return len(all[i].key) < len(all[j].key)
		}
		return all[i].key < all[j].key
	})
	return all
}

type toyIter struct {
	oracleIter
	e      *toy
	lower  []byte
	upper  []byte
	live   *toy // reads the toy itself, not a copy
	empty  bool
	err    error
	closed bool
}

func (e *toy) NewIter(o engine.IterOptions) (engine.Iterator, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.alive(); err != nil {
		return nil, err
	}
	e.counts.scans++
	all := e.sorted()
	if e.is("shows iterators the past") {
		all, e.stale = e.stale, all
	}
	it := e.iter(all, o)
	if e.is("lets an iterator see later writes") {
		it.live = e
	}
	return it, nil
}

func (e *toy) iter(all []pair, o engine.IterOptions) *toyIter {
	lower, upper := bound{string(o.Lower), o.Lower != nil}, bound{string(o.Upper), o.Upper != nil}
	if e.is("takes an empty bound for none") {
		upper.set = len(o.Upper) > 0
	}
	if e.is("includes the upper bound") && upper.set {
		upper.key += "\x00"
	}
	it := &toyIter{e: e, oracleIter: *(&oracle{all}).iter(lower, upper)}
	switch {
	case e.is("aliases bounds"):
		it.lower, it.upper = o.Lower, o.Upper
		it.pairs = all
	case e.is("is born on the first key"):
		it.born, it.at = false, 0
	case e.is("skips a key"):
		if len(it.pairs) > 2 {
			it.pairs = slices.Delete(it.pairs, 1, 2)
		}
	case e.is("loses each thousandth key"):
		if len(it.pairs) > 1000 {
			it.pairs = slices.Delete(it.pairs, 999, 1000)
		}
	case e.is("shares one position"):
		e.shared = &it.oracleIter
	case e.is("finds a key where there is none"):
		it.empty = len(it.pairs) == 0
	}
	return it
}

func (it *toyIter) step(m move) bool {
	e := it.e
	if it.closed && !e.is("walks on after Close") {
		it.err = engine.ErrClosed
		return false
	}
	if it.live != nil {
		it.live.mu.RLock()
		it.pairs = it.live.sorted()
		it.live.mu.RUnlock()
	}
	if it.upper != nil && it.lower != nil {
		it.pairs = (&oracle{it.pairs}).iter(bound{string(it.lower), true}, bound{string(it.upper), true}).pairs
		it.lower = nil
	}
	if it.empty {
		it.pairs = []pair{{"k", "v"}}
	}
	if e.shared != nil {
		return e.shared.move(m)
	}
	off := !it.born && it.at >= len(it.pairs)
	switch {
	case m.name == "SeekGE" && e.is("seeks after the key"):
		m.key += "\x00"
	case m.name == "SeekLT" && e.is("seeks up to the key"):
		m.key += "\x00"
	case m.name == "Prev" && e.is("breaks reverse iteration"):
		m.name = "Next"
	case m.name == "Prev" && e.is("stays off the end") && off:
		return false
	case m.name == "Prev" && e.is("turns round a step late") && it.at == 1:
		return it.at < len(it.pairs)
	}
	return it.move(m)
}

func (it *toyIter) First() bool            { return it.step(move{"First", ""}) }
func (it *toyIter) Last() bool             { return it.step(move{"Last", ""}) }
func (it *toyIter) SeekGE(key []byte) bool { return it.step(move{"SeekGE", string(key)}) }
func (it *toyIter) SeekLT(key []byte) bool { return it.step(move{"SeekLT", string(key)}) }
func (it *toyIter) Next() bool             { return it.step(move{"Next", ""}) }
func (it *toyIter) Prev() bool             { return it.step(move{"Prev", ""}) }
func (it *toyIter) Err() error             { return it.err }

func (it *toyIter) on() *oracleIter {
	if it.e.shared != nil {
		return it.e.shared
	}
	return &it.oracleIter
}

func (it *toyIter) Key() []byte {
	return it.lent(0, it.on().current().key)
}

func (it *toyIter) Value() ([]byte, error) {
	return it.lent(1, it.on().current().value), nil
}

// lent is a copy of s that is the caller's until the next positioning call.
func (it *toyIter) lent(which int, s string) []byte {
	p := []byte(s)
	if it.e.is("aliases its iterators' keys") {
		it.e.buffer[which] = p
	}
	return p
}

func (it *toyIter) Close() error {
	it.closed = true
	return nil
}

type toySnapshot struct {
	e      *toy
	o      *oracle
	closed bool
}

func (e *toy) NewSnapshot() (engine.Snapshot, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.alive(); err != nil {
		return nil, err
	}
	return &toySnapshot{e: e, o: &oracle{e.sorted()}}, nil
}

func (s *toySnapshot) Get(dst, key []byte) ([]byte, error) {
	if s.closed && !s.e.is("reads closed snapshots") {
		return dst, engine.ErrClosed
	}
	if s.e.is("lets a snapshot move") {
		return s.e.Get(dst, key)
	}
	if len(key) == 0 {
		return dst, engine.ErrEmptyKey
	}
	value, ok := s.o.get(string(key))
	if !ok && s.e.is("drops dst of a snapshot") {
		return nil, engine.ErrNotFound
	}
	return s.e.answer(dst, entry{value: []byte(value)}, ok)
}

func (s *toySnapshot) NewIter(o engine.IterOptions) (engine.Iterator, error) {
	if s.closed {
		return nil, engine.ErrClosed
	}
	if s.e.is("scans the engine for a snapshot") {
		return s.e.NewIter(o)
	}
	it := s.e.iter(s.o.pairs, o)
	if s.e.is("walks a snapshot live") {
		it.live = s.e
	}
	return it, nil
}

func (s *toySnapshot) Close() error {
	s.closed = true
	return nil
}

func (e *toy) Scan(ctx context.Context, f func(key, value []byte) error) error {
	e.mu.Lock()
	all, err := e.sorted(), e.alive()
	e.mu.Unlock()
	if err != nil {
		return err
	}
	if e.is("scans a key twice") && len(all) > 0 {
		all = append(all, all[0])
	}
	for _, p := range all {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := f([]byte(p.key), []byte(p.value)); err != nil && !e.is("scans on after an error") {
			return err
		}
	}
	return nil
}

func (e *toy) MultiGet(keys [][]byte, out []engine.Value) error {
	if len(keys) != len(out) {
		return engine.ErrInvalid
	}
	e.mu.RLock()
	err := e.alive()
	e.mu.RUnlock()
	if err != nil {
		return err
	}
	for i, key := range keys {
		value, err := e.Get(out[i].Data[:0], key)
		if errors.Is(err, engine.ErrNotFound) {
			if !e.is("leaves old answers standing") {
				out[i].Found = false
			}
			continue
		}
		if err != nil {
			return err
		}
		out[i] = engine.Value{Data: value, Found: true}
	}
	return nil
}

func (e *toy) Checkpoint(dir string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.alive(); err != nil {
		return err
	}
	if names, _ := os.ReadDir(dir); len(names) > 0 {
		if e.is("overwrites what is there") {
			return os.Truncate(filepath.Join(dir, "log"), 0)
		}
		return engine.ErrInvalid
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	var log []byte
	for _, p := range e.sorted() {
		if !e.is("copies nothing") {
			log = append(log, putRecord(p.key, []byte(p.value), time.Time{})...)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "log"), log, 0o600); err != nil {
		return err
	}
	return engine.WriteMarker(vfs.OS{}, dir, engine.Marker{Engine: "toy", Format: 1})
}

func (e *toy) Settle(ctx context.Context) error { return e.maintain(ctx) }

func (e *toy) Compact(ctx context.Context, _, _ []byte) error { return e.maintain(ctx) }

func (e *toy) maintain(ctx context.Context) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.is("compacts a key away") {
		delete(e.data, "key100")
	}
	if e.is("answers an ended context with nonsense") && ctx.Err() != nil {
		return os.ErrInvalid
	}
	return errors.Join(e.alive(), ctx.Err())
}

func (e *toy) ApplyAsync(b *engine.Batch) (engine.LSN, error) {
	if err := e.Apply(b, engine.OS); err != nil {
		return 0, err
	}
	if !e.is("repeats positions") {
		e.lsn++
	}
	return e.lsn, nil
}

func (e *toy) WaitDurable(context.Context, engine.LSN) error { return e.Sync() }

type toyLoad struct {
	e    *toy
	b    engine.Batch
	last string
}

func (e *toy) NewBulkLoad() (engine.BulkLoad, error) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	if e.readOnly {
		return nil, engine.ErrReadOnly
	}
	return &toyLoad{e: e}, e.alive()
}

func (l *toyLoad) Add(key, value []byte) error {
	if err := l.e.caps.CheckKey(key); err != nil {
		return err
	}
	if string(key) <= l.last && !l.e.is("loads in any order") {
		return engine.ErrInvalid
	}
	l.last = string(key)
	if l.e.is("shows a load early") {
		return l.e.Put(key, value, engine.OS)
	}
	l.b.Put(key, value)
	return nil
}

func (l *toyLoad) Finish() error { return l.e.Apply(&l.b, engine.Sync) }

func (l *toyLoad) Abort() error {
	if l.e.is("takes Abort for Finish") {
		return l.Finish()
	}
	return nil
}

func verifyToy(broken string) func(context.Context, string, engine.Env, func(engine.Problem)) error {
	return func(_ context.Context, dir string, _ engine.Env, report func(engine.Problem)) error {
		if broken == "finds problems that are not there" {
			report(engine.Problem{File: "log", Detail: "a ghost"})
		}
		_, err := os.Stat(filepath.Join(dir, "log"))
		return err
	}
}

func inspectToy(broken string) func(context.Context, string, engine.Env) (engine.Layout, error) {
	return func(context.Context, string, engine.Env) (engine.Layout, error) {
		table := engine.LayoutTable{Columns: []string{"file", "what"}, Rows: [][]string{{"log", "everything"}}}
		if broken == "describes crookedly" {
			table.Columns = strings.Fields("file")
		}
		return engine.Layout{Tables: []engine.LayoutTable{table}}, nil
	}
}
