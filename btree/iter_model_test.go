package btree

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
)

// start is what the clock of these tests says at first.
var start = time.Unix(1_000_000, 0)

// A subject is a tree, with a clock that stands, and what it should hold.
type subject struct {
	*tree
	at    time.Time
	model map[string]entry
}

type entry struct {
	value  string
	expiry time.Time // zero: never
}

func newSubject(t testing.TB, given map[string]string) *subject {
	t.Helper()
	s := &subject{at: start, model: map[string]entry{}}
	full := map[string]string{"durability": "none", "page_bytes": "4k", "cache_bytes": "4m"}
	for k, v := range given {
		full[k] = v
	}
	env := engine.Env{FS: vfs.NewMem(), Now: func() time.Time { return s.at }}
	e, err := Driver().Open("/db", full, env)
	if err != nil {
		t.Fatal(err)
	}
	s.tree = e.(*tree)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

func (s *subject) put(t testing.TB, key, value string) {
	t.Helper()
	if err := s.Put([]byte(key), []byte(value), engine.Default); err != nil {
		t.Fatal(err)
	}
	s.model[key] = entry{value: value}
}

func (s *subject) putUntil(t testing.TB, key, value string, expiry time.Time) {
	t.Helper()
	if err := s.PutTTL([]byte(key), []byte(value), expiry, engine.Default); err != nil {
		t.Fatal(err)
	}
	s.model[key] = entry{value, expiry}
}

func (s *subject) remove(t testing.TB, key string) {
	t.Helper()
	if err := s.Delete([]byte(key), engine.Default); err != nil {
		t.Fatal(err)
	}
	delete(s.model, key)
}

type kv struct{ key, value string }

// rows are what should be seen now, in order.
func (s *subject) rows() []kv {
	var all []kv
	for k, e := range s.model {
		if e.expiry.IsZero() || e.expiry.After(s.at) {
			all = append(all, kv{k, e.value})
		}
	}
	slices.SortFunc(all, func(a, b kv) int { return strings.Compare(a.key, b.key) })
	return all
}

// change does random writes.
func (s *subject) change(t testing.TB, rng *rand.Rand, n int) {
	t.Helper()
	for range n {
		key := randomKey(rng)
		switch rng.IntN(10) {
		case 0, 1, 2:
			s.remove(t, key)
		case 3:
			s.putUntil(t, key, randomValue(rng), s.at.Add(time.Duration(rng.IntN(5)-2)*time.Second))
		case 4:
			if rng.IntN(20) == 0 {
				s.removeRange(t, key, randomKey(rng))
			}
		default:
			s.put(t, key, randomValue(rng))
		}
	}
}

func (s *subject) removeRange(t testing.TB, lower, upper string) {
	t.Helper()
	if err := s.DeleteRange([]byte(lower), []byte(upper), engine.Default); err != nil {
		t.Fatal(err)
	}
	for k := range s.model {
		if lower <= k && k < upper {
			delete(s.model, k)
		}
	}
}

func randomKey(rng *rand.Rand) string {
	switch rng.IntN(20) {
	case 0:
		return strings.Repeat("a", 1+rng.IntN(500))
	case 1:
		return string([]byte{byte(rng.IntN(256))})
	case 2:
		return fmt.Sprintf("%0200d", rng.IntN(300))
	}
	return fmt.Sprintf("key%05d", rng.IntN(2000))
}

func randomValue(rng *rand.Rand) string {
	n := rng.IntN(120)
	switch rng.IntN(30) {
	case 0:
		n = 0
	case 1:
		n = rng.IntN(700)
	case 2:
		n = rng.IntN(20_000)
	}
	return strings.Repeat(string(rune('a'+rng.IntN(26))), n)
}

// A walker is the iterator that a test compares with: over a slice.
type walker struct {
	rows []kv
	i    int // of the row; -1 and len(rows) are beyond the ends
	born bool
}

func newWalker(rows []kv, o engine.IterOptions) *walker {
	w := &walker{born: true}
	for _, r := range rows {
		if r.key >= string(o.Lower) && (o.Upper == nil || r.key < string(o.Upper)) {
			w.rows = append(w.rows, r)
		}
	}
	return w
}

func (w *walker) move(name, key string) bool {
	born := w.born
	w.born = false
	after := sort.Search(len(w.rows), func(i int) bool { return w.rows[i].key >= key })
	switch name {
	case "First":
		w.i = 0
	case "Last":
		w.i = len(w.rows) - 1
	case "SeekGE":
		w.i = after
	case "SeekLT":
		w.i = after - 1
	case "Next":
		if born {
			w.i = 0
		} else {
			w.i = min(w.i+1, len(w.rows))
		}
	case "Prev":
		if born {
			w.i = len(w.rows) - 1
		} else {
			w.i = max(w.i-1, -1)
		}
	}
	return w.i >= 0 && w.i < len(w.rows)
}

func moveIt(it engine.Iterator, name, key string) bool {
	switch name {
	case "First":
		return it.First()
	case "Last":
		return it.Last()
	case "SeekGE":
		return it.SeekGE([]byte(key))
	case "SeekLT":
		return it.SeekLT([]byte(key))
	case "Next":
		return it.Next()
	}
	return it.Prev()
}

// wander compares n moves of it with those of want.
func wander(t testing.TB, rng *rand.Rand, it engine.Iterator, want *walker, n int) {
	t.Helper()
	names := []string{"First", "Last", "SeekGE", "SeekLT", "Next", "Next", "Prev", "Prev"}
	name, left := "", 0
	for step := range n {
		if left--; left <= 0 {
			name, left = names[rng.IntN(len(names))], 1
			if name == "Next" || name == "Prev" {
				left = 1 + rng.IntN(100)
			}
		}
		key := randomKey(rng)
		if len(want.rows) > 0 && rng.IntN(2) == 0 {
			key = want.rows[rng.IntN(len(want.rows))].key
		}
		got, should := moveIt(it, name, key), want.move(name, key)
		if got != should || it.Err() != nil {
			t.Fatalf("step %d, %s %.20q: found %v, want %v; %v", step, name, key, got, should, it.Err())
		}
		if !got {
			continue
		}
		sameRow(t, it, want.rows[want.i])
	}
}

func sameRow(t testing.TB, it engine.Iterator, want kv) {
	t.Helper()
	if string(it.Key()) != want.key {
		t.Fatalf("on %.20q, want %.20q", it.Key(), want.key)
	}
	value, err := it.Value()
	if err != nil || string(value) != want.value {
		t.Fatalf("%.20q has %d bytes, %.20q (%v), want %d, %.20q", want.key, len(value), value, err, len(want.value), want.value)
	}
}

func randomBounds(rng *rand.Rand) (o engine.IterOptions) {
	if rng.IntN(2) == 0 {
		o.Lower = []byte(randomKey(rng))
	}
	if rng.IntN(2) == 0 {
		o.Upper = []byte(randomKey(rng))
	}
	return o
}

func newIter(t testing.TB, s engine.Scanner, o engine.IterOptions) engine.Iterator {
	t.Helper()
	it, err := s.NewIter(o)
	if err != nil {
		t.Fatal(err)
	}
	return it
}

func closeIt(t testing.TB, c interface{ Close() error }) {
	t.Helper()
	if err := c.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
}

func seeded(t testing.TB, seed uint64) *rand.Rand {
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("seed %d", seed)
		}
	})
	return rand.New(rand.NewPCG(seed, 1))
}
