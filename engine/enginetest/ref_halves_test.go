package enginetest

import (
	"context"
	"errors"
	"path/filepath"
	"strings"

	"github.com/kvbench/kvbench/engine"
)

// twoHalves are two refs, each with a half of the keys and a log of its own.
// What each of the logs keeps is a prefix; both together are none.
type twoHalves struct {
	*ref
	second *ref
}

func halved() engine.Driver {
	d := wrapped(openNaive(""), nil)
	open := d.Open
	d.Open = func(dir string, settings map[string]string, env engine.Env) (engine.Engine, error) {
		first, err := open(dir, settings, env)
		if err != nil {
			return nil, err
		}
		second, err := open(filepath.Join(dir, "second"), settings, env)
		if err != nil {
			return nil, errors.Join(err, first.Close())
		}
		return &twoHalves{first.(*ref), second.(*ref)}, nil
	}
	return d
}

// of returns the half that a key belongs to: writers have one each.
func (e *twoHalves) of(key []byte) *ref {
	if strings.HasPrefix(string(key), "w1") {
		return e.second
	}
	return e.ref
}

func (e *twoHalves) Get(dst, key []byte) ([]byte, error) { return e.of(key).Get(dst, key) }

func (e *twoHalves) Put(key, value []byte, d engine.Durability) error {
	return e.of(key).Put(key, value, d)
}

func (e *twoHalves) Delete(key []byte, d engine.Durability) error { return e.of(key).Delete(key, d) }

func (e *twoHalves) DeleteRange(lower, upper []byte, d engine.Durability) error {
	return e.of(lower).DeleteRange(lower, upper, d)
}

func (e *twoHalves) Apply(b *engine.Batch, d engine.Durability) error {
	var op engine.Op
	for r := b.Reader(); r.Next(&op); {
		return e.of(op.Key).Apply(b, d)
	}
	return nil
}

func (e *twoHalves) Scan(ctx context.Context, f func(key, value []byte) error) error {
	if err := e.ref.Scan(ctx, f); err != nil {
		return err
	}
	return e.second.Scan(ctx, f)
}

func (e *twoHalves) Sync() error { return errors.Join(e.ref.Sync(), e.second.Sync()) }

func (e *twoHalves) Close() error { return errors.Join(e.second.Close(), e.ref.Close()) }
