package lsm

import (
	"context"
	"errors"

	"github.com/kvbench/kvbench/lsm/ikey"
	"github.com/kvbench/kvbench/lsm/merge"
)

// A chunk is entries on their way from the goroutine that merges to the one
// that writes.
type chunk struct {
	bytes []byte
	rows  []chunkRow
}

type chunkRow struct {
	trailer    ikey.Trailer
	key, value int // lengths
}

const (
	chunkBytes = 256 << 10
	chunks     = 4
)

// write merges and writes, at the same time where the settings say so.
func (j *job) write(ctx context.Context, fold *merge.Fold) error {
	if !j.tree.settings.Pipeline || j.what == "flush" {
		if err := j.copyEntries(ctx, fold, j.out.add); err != nil {
			return err
		}
		return j.out.finish()
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	full, empty := make(chan *chunk, chunks), make(chan *chunk, chunks)
	for range chunks {
		empty <- &chunk{}
	}
	p := producer{ctx: ctx, full: full, empty: empty}
	err := j.tree.beside(
		func() error {
			err := j.consume(full, empty)
			cancel(err)
			return err
		},
		func() error {
			defer close(full)
			err := j.copyEntries(ctx, fold, p.add)
			if err == nil {
				err = p.send()
			}
			if err != nil {
				cancel(err)
			}
			return err
		})
	if err != nil {
		return err
	}
	return j.out.finish()
}

// A producer fills chunks.
type producer struct {
	ctx         context.Context
	full, empty chan *chunk
	now         *chunk
}

func (p *producer) add(key []byte, t ikey.Trailer, value []byte) error {
	if p.now == nil {
		select {
		case p.now = <-p.empty:
		case <-p.ctx.Done():
			return context.Cause(p.ctx)
		}
	}
	c := p.now
	c.bytes = append(append(c.bytes, key...), value...)
	c.rows = append(c.rows, chunkRow{t, len(key), len(value)})
	if len(c.bytes) < chunkBytes {
		return nil
	}
	return p.send()
}

// send hands on what there is.
func (p *producer) send() error {
	if p.now == nil {
		return nil
	}
	select {
	case p.full <- p.now:
		p.now = nil
		return nil
	case <-p.ctx.Done():
		return context.Cause(p.ctx)
	}
}

// consume writes chunks until there are no more.
func (j *job) consume(full <-chan *chunk, empty chan<- *chunk) error {
	for c := range full {
		at := 0
		for _, r := range c.rows {
			key, value := c.bytes[at:at+r.key], c.bytes[at+r.key:at+r.key+r.value]
			if err := j.out.add(key, r.trailer, value); err != nil {
				return err
			}
			at += r.key + r.value
		}
		c.bytes, c.rows = c.bytes[:0], c.rows[:0]
		if cap(c.bytes) > 4*chunkBytes {
			c.bytes = nil
		}
		empty <- c
	}
	return nil
}

// first returns the first error that is none of giving up because of another.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil && !errors.Is(err, context.Canceled) {
			return err
		}
	}
	return errors.Join(errs...)
}
