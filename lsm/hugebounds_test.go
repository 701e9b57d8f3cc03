package lsm

import (
	"bytes"
	"context"
	"testing"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
)

// Who deletes just the longest key gives an upper bound that is longer.
func TestRangeDeletesMayHaveLongerBoundsThanKeys(t *testing.T) {
	longest := func(last ...byte) []byte {
		return append(bytes.Repeat([]byte("k"), maxKey-len(last)), last...)
	}
	highest := bytes.Repeat([]byte{0xff}, maxKey)
	after := func(key []byte) []byte { return append(bytes.Clone(key), 0) }
	for _, c := range []struct {
		name         string
		lower, upper []byte
		gone         [][]byte
		stay         [][]byte
	}{
		{"one key", longest('a'), after(longest('a')), [][]byte{longest('a')}, [][]byte{longest('b'), longest()[1:]}},
		{"before a carry", longest('a', 0xff), after(longest('a', 0xff)), [][]byte{longest('a', 0xff)}, [][]byte{longest('b')}},
		{"behind one key", after(longest('a')), nil, [][]byte{longest('b')}, [][]byte{longest('a')}},
		{"to the highest key", longest(), after(highest), [][]byte{longest(), highest}, [][]byte{longest('a')}},
		{"behind the highest key", after(highest), nil, nil, [][]byte{longest('a'), highest}},
		{"between keys", after(longest('a')), append(longest('a'), 1), nil, [][]byte{longest('a'), longest('b')}},
	} {
		t.Run(c.name, func(t *testing.T) {
			fsys := vfs.NewMem()
			e := openMem(t, fsys, nil)
			for _, key := range append(c.gone, c.stay...) {
				must(t, e.Put(key, []byte("v"), engine.Buffered))
			}
			must(t, e.flushAll(context.Background()))
			must(t, e.DeleteRange(c.lower, c.upper, engine.Buffered))
			check := func(when string) {
				t.Helper()
				for _, key := range c.gone {
					if _, err := e.Get(nil, key); err != engine.ErrNotFound {
						t.Errorf("%s, key of %d bytes that ends in %x: %v, want not found", when, len(key), key[len(key)-1], err)
					}
				}
				for _, key := range c.stay {
					if _, err := e.Get(nil, key); err != nil {
						t.Errorf("%s, key of %d bytes that ends in %x: %v", when, len(key), key[len(key)-1], err)
					}
				}
			}
			check("in memory")
			closed(t, e)
			e = openMem(t, fsys, nil)
			check("from the log")
			must(t, e.flushAll(context.Background()))
			check("in a table")
			must(t, e.Settle(context.Background()))
			check("settled")
			must(t, e.Put([]byte("k"), nil, engine.Sync))
			closed(t, e)
		})
	}
}
