package goycsb

import (
	"context"
	"errors"

	"github.com/pingcap/go-ycsb/pkg/ycsb"
)

// db is the ycsb.DB that a go-ycsb client works on. Each of its threads finds
// its own worker in its context. The table is ignored. What Read and Scan
// return is valid until the next call of the same thread.
type db struct{ workers []*worker }

var _ ycsb.DB = db{}

type workerKey struct{}

// workerOf returns the worker of a go-ycsb thread, nil outside of one.
func workerOf(ctx context.Context) *worker {
	w, _ := ctx.Value(workerKey{}).(*worker)
	return w
}

var errNoThread = errors.New("call outside of a go-ycsb thread")

// Close does nothing: sessions outlive a phase.
func (db) Close() error { return nil }

// InitThread puts the worker with the thread's number in the context.
func (d db) InitThread(ctx context.Context, thread, _ int) context.Context {
	w := d.workers[thread]
	w.started = w.now()
	w.ended = w.started
	return context.WithValue(ctx, workerKey{}, w)
}

// CleanupThread notes when the thread ended.
func (db) CleanupThread(ctx context.Context) {
	if w := workerOf(ctx); w != nil {
		w.ended = w.now()
	}
}

// Read returns the fields of a record, all when fields is empty.
func (db) Read(ctx context.Context, _, key string, fields []string) (map[string][]byte, error) {
	w := workerOf(ctx)
	if w == nil {
		return nil, errNoThread
	}
	return w.read(key, fields)
}

// Scan returns the fields of up to count records from a key on.
func (db) Scan(ctx context.Context, _, start string, count int, fields []string) ([]map[string][]byte, error) {
	w := workerOf(ctx)
	if w == nil {
		return nil, errNoThread
	}
	return w.rows(start, count, fields)
}

// Update replaces fields of a record that exists.
func (db) Update(ctx context.Context, _, key string, values map[string][]byte) error {
	w := workerOf(ctx)
	if w == nil {
		return errNoThread
	}
	return w.update(key, values)
}

// Insert writes a whole record.
func (db) Insert(ctx context.Context, _, key string, values map[string][]byte) error {
	w := workerOf(ctx)
	if w == nil {
		return errNoThread
	}
	return w.insert(key, values)
}

// Delete removes a record.
func (db) Delete(ctx context.Context, _, key string) error {
	w := workerOf(ctx)
	if w == nil {
		return errNoThread
	}
	return w.remove(key)
}
