package hashidx

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
)

func TestMultiGetIsGetForEachKey(t *testing.T) {
	for _, mode := range ioModes() {
		t.Run(mode, func(t *testing.T) {
			const n = 400
			fsys := vfs.NewMem()
			if err := fill(t, fsys, n, tinyWith(mode, "80k")).Close(); err != nil {
				t.Fatal(err)
			}
			now := time.Unix(1000, 0)
			e, err := open("/db", tinyWith(mode, "80k"), engine.Env{FS: fsys, Now: func() time.Time { return now }})
			if err != nil {
				t.Fatal(err)
			}
			defer e.Close()
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			r := rand.New(rand.NewPCG(seed, 0))
			for range 20 { // some are in the tail, some have expired
				i := r.IntN(n)
				if err := e.Put(fmt.Appendf(nil, "key%d", i), []byte(valueOf(i)), engine.Default); err != nil {
					t.Fatal(err)
				}
				if err := e.(engine.Expirer).PutTTL(fmt.Appendf(nil, "expiring%d", i), []byte("v"), now.Add(time.Duration(r.IntN(3)-1)), engine.Default); err != nil {
					t.Fatal(err)
				}
			}
			for range 50 {
				keys := make([][]byte, r.IntN(100))
				out := make([]engine.Value, len(keys))
				for i := range keys {
					keys[i] = fmt.Appendf(nil, "%s%d", []string{"key", "expiring"}[r.IntN(5)/4], r.IntN(2*n))
					out[i] = engine.Value{Data: []byte("old"), Found: r.IntN(2) == 0}
				}
				if err := e.(engine.MultiGetter).MultiGet(keys, out); err != nil {
					t.Fatal(err)
				}
				for i, key := range keys {
					want, err := e.Get(nil, key)
					if out[i].Found != (err == nil) || !bytes.Equal(out[i].Data, want) {
						t.Fatalf("%s is %.20q, %v, and by Get %.20q, %v", key, out[i].Data, out[i].Found, want, err)
					}
				}
			}
		})
	}
}

func TestMultiGetOfTwinsTellsThemApart(t *testing.T) {
	e := openIn(t, vfs.NewMem(), smallest())
	if err := e.Put([]byte("a"), []byte("1"), engine.Default); err != nil {
		t.Fatal(err)
	}
	c := e.index.Find(e.hash([]byte("a")))
	place, _ := c.Next()
	if err := e.index.mem.Insert(e.hash([]byte("b")), place); err != nil {
		t.Fatal(err)
	}
	if err := e.Put([]byte("b"), []byte("2"), engine.Default); err != nil {
		t.Fatal(err)
	}
	out := make([]engine.Value, 2)
	if err := e.MultiGet([][]byte{[]byte("a"), []byte("b")}, out); err != nil {
		t.Fatal(err)
	}
	if string(out[0].Data) != "1" || string(out[1].Data) != "2" {
		t.Errorf("a is %q, b is %q", out[0].Data, out[1].Data)
	}
}

func TestMultiGetRefusesWhatGetRefuses(t *testing.T) {
	e := openIn(t, vfs.NewMem(), smallest())
	out := make([]engine.Value, 1)
	if err := e.MultiGet([][]byte{{}}, out); !errors.Is(err, engine.ErrEmptyKey) {
		t.Error(err)
	}
	if err := e.MultiGet([][]byte{[]byte("a"), []byte("b")}, out); !errors.Is(err, engine.ErrInvalid) {
		t.Error(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if err := e.MultiGet([][]byte{[]byte("a")}, out); !errors.Is(err, engine.ErrClosed) {
		t.Error(err)
	}
}
