package btree

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kvbench/kvbench/engine"
)

// A load is a bulk load. It makes leaves, which are as full as the setting fill
// says, and chains, and writes them to slots of its own, past the pool. No page
// refers to them before Finish, and no checkpoint: what a crash or Close leaves
// of them is free at the next Open. It belongs to one goroutine.
type load struct {
	tree  *tree
	began time.Time
	made  builder
	last  []byte // key
	puts  int
	bytes int
	err   error // that has spoilt it
	over  bool
}

// NewBulkLoad implements engine.BulkLoader.
func (t *tree) NewBulkLoad() (engine.BulkLoad, error) {
	if !t.scans.TryRLock() { // only Close locks it
		return nil, engine.ErrClosed
	}
	defer t.scans.RUnlock()
	if err := t.writable(); err != nil {
		return nil, err
	}
	return &load{tree: t, began: time.Now(), made: builder{tree: t}}, nil
}

// usable says why nothing can be done with the load.
func (l *load) usable() error {
	switch err := l.tree.writable(); {
	case err != nil:
		return err
	case l.over:
		return fmt.Errorf("%w: the bulk load has ended", engine.ErrInvalid)
	}
	return l.err
}

// Add implements engine.BulkLoad.
func (l *load) Add(key, value []byte) error {
	t := l.tree
	if !t.scans.TryRLock() {
		return engine.ErrClosed
	}
	defer t.scans.RUnlock()
	if err := l.usable(); err != nil {
		return err
	}
	if err := t.caps.CheckKey(key); err != nil {
		return err
	}
	if err := t.caps.CheckValue(value); err != nil {
		return err
	}
	if bytes.Compare(key, l.last) <= 0 {
		return fmt.Errorf("%w: bulk load: key %.64q comes after %.64q", engine.ErrInvalid, key, l.last)
	}
	if err := l.made.add(key, value); err != nil {
		l.err = fmt.Errorf("bulk load: %w", err)
		return l.err
	}
	l.last = append(l.last[:0], key...)
	l.puts++
	l.bytes += len(key) + len(value)
	return nil
}

// Abort implements engine.BulkLoad. It does nothing to a load that has ended.
func (l *load) Abort() error {
	if !l.tree.scans.TryRLock() {
		return engine.ErrClosed
	}
	defer l.tree.scans.RUnlock()
	if l.tree.closed.Load() {
		return engine.ErrClosed
	}
	l.discard()
	return nil
}

// discard gives back what the load has taken, unless it has ended.
func (l *load) discard() {
	if l.over {
		return
	}
	l.over = true
	l.made.discard()
}

// Finish implements engine.BulkLoad. What was written before is durable then,
// too.
func (l *load) Finish() error {
	t := l.tree
	if !t.scans.TryRLock() {
		return engine.ErrClosed
	}
	defer t.scans.RUnlock()
	if t.closed.Load() {
		return engine.ErrClosed
	}
	err := l.usable()
	if err == nil && l.puts > 0 {
		err = l.finish()
	}
	l.discard()
	if err != nil {
		if errors.Is(err, engine.ErrClosed) || errors.Is(err, engine.ErrReadOnly) {
			return err
		}
		return fmt.Errorf("bulk load: %w", err)
	}
	if l.puts > 0 {
		t.counts.stripe().wrote(l.puts, 0, l.bytes)
	}
	return nil
}

// finish puts the load between the writes before and those after. The log says
// nothing of it. So no write is let in from when it becomes visible to when a
// checkpoint has it: else a crash could take the load and leave a write that
// came after it. That takes little: another checkpoint has just made durable
// what there was to write.
func (l *load) finish() error {
	t, ctx := l.tree, context.Background()
	if err := l.made.finish(l.last); err != nil {
		return err
	}
	if err := t.checkpointNow(ctx); err != nil {
		return err
	}
	t.commits.stop()
	defer t.commits.resume()
	t.mu.Lock()
	t.applyQueue()
	err := t.failed()
	if err == nil {
		err = l.install()
	}
	t.mu.Unlock()
	if err == nil {
		err = t.checkpointNow(ctx)
	}
	if err != nil {
		return err
	}
	pages := len(l.made.pages)
	t.env.Events.Event(noteLoad(l.began, time.Since(l.began), int64(l.bytes), int(l.puts), len(l.made.leaves), pages, t.settings.PageBytes))
	return nil
}

// install makes the load a part of the tree, as one group. Readers see the
// pages of before until it ends. mu is held.
func (l *load) install() error {
	t := l.tree
	defer t.showBefore()()
	l.over = true // the pages are the tree's
	g := graft{tree: t, made: &l.made}
	if err := t.maintain(g.perform); err != nil {
		return err
	}
	l.made.giveBack()
	return nil
}
