package enginetest

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// opKind is what a step of a random stream does.
type opKind uint8

const (
	opPut opKind = iota
	opDelete
	opBatch
	opDeleteRange
	opGet
	opIterate  // a random walk on a new iterator
	opScan     // all contents
	opSnapshot // keep one, replacing that kept before
	opRecheck  // read the snapshot that is kept
	opSync
	opSettle // Settle or Compact, where there is such a thing
	opReopen
	opCheckpoint // of histories only
)

// op is one step. Which fields mean something depends on the kind.
type op struct {
	kind         opKind
	key, value   string
	lower, upper bound
	parts        []op // of a batch: puts, deletes, range deletes
	moves        []move
	level        uint64 // picks among the levels that there are
}

func (o op) String() string {
	switch o.kind {
	case opPut:
		return fmt.Sprintf("put %s = %s", show([]byte(o.key)), show([]byte(o.value)))
	case opDelete:
		return "delete " + show([]byte(o.key))
	case opBatch:
		var parts []string
		for _, p := range o.parts {
			parts = append(parts, p.String())
		}
		return "batch { " + strings.Join(parts, "; ") + " }"
	case opDeleteRange:
		return fmt.Sprintf("delete range [%s, %s)", o.lower, o.upper)
	case opGet:
		return "get " + show([]byte(o.key))
	case opIterate:
		return fmt.Sprintf("iterate [%s, %s) %v", o.lower, o.upper, o.moves)
	}
	return [...]string{
		opScan: "scan", opSnapshot: "snapshot", opRecheck: "read the snapshot",
		opSync: "sync", opSettle: "settle", opReopen: "reopen", opCheckpoint: "checkpoint",
	}[o.kind]
}

// weights are how often each kind is drawn, of their sum.
var weights = [...]int{
	opPut: 30, opDelete: 10, opBatch: 8, opDeleteRange: 2, opGet: 25, opIterate: 10,
	opScan: 2, opSnapshot: 2, opRecheck: 3, opSync: 1, opSettle: 1, opReopen: 1,
}

// stream draws n ops. Keys come from a small set, so that ops meet.
func stream(r *rand.Rand, n int) []op {
	keys := keySet(r)
	ops := make([]op, n)
	for i := range ops {
		ops[i] = randomOp(r, keys)
	}
	return ops
}

func keySet(r *rand.Rand) []string {
	keys := awkward()
	for i := range 10 + r.IntN(150) {
		keys = append(keys, fmt.Sprintf("key%04d", i*7))
	}
	return keys
}

func randomKind(r *rand.Rand) opKind {
	sum := 0
	for _, w := range weights {
		sum += w
	}
	x := r.IntN(sum)
	for kind, w := range weights {
		if x -= w; x < 0 {
			return opKind(kind)
		}
	}
	return opGet
}

func randomOp(r *rand.Rand, keys []string) op {
	o := op{kind: randomKind(r), level: r.Uint64()}
	switch o.kind {
	case opPut, opDelete, opGet, opDeleteRange:
		fillOp(r, keys, &o)
	case opBatch:
		for range r.IntN(12) {
			part := op{kind: []opKind{opPut, opPut, opPut, opDelete, opDelete, opDeleteRange}[r.IntN(6)]}
			if part.kind == opDeleteRange && r.IntN(3) > 0 {
				part.kind = opPut
			}
			fillOp(r, keys, &part)
			o.parts = append(o.parts, part)
		}
	case opIterate:
		o.lower, o.upper = randomBound(r, keys), randomBound(r, keys)
		if o.lower.set && o.upper.set && o.lower.key > o.upper.key && r.IntN(4) > 0 {
			o.lower, o.upper = o.upper, o.lower
		}
		for range 1 + r.IntN(30) {
			o.moves = append(o.moves, randomMove(r, keys))
		}
	}
	return o
}

func fillOp(r *rand.Rand, keys []string, o *op) {
	o.key = keys[r.IntN(len(keys))]
	if o.kind == opDeleteRange {
		i := r.IntN(len(keys))
		o.lower = bound{keys[i], true}
		o.upper = bound{keys[min(len(keys)-1, i+r.IntN(8))], true}
		return
	}
	if o.kind == opPut {
		n := r.IntN(30)
		if r.IntN(10) == 0 {
			n = r.IntN(3000)
		}
		o.value = fmt.Sprint(r.IntN(1000), "/", filled(n))
		if r.IntN(20) == 0 {
			o.value = ""
		}
	}
}

func randomBound(r *rand.Rand, keys []string) bound {
	if r.IntN(3) == 0 {
		return bound{}
	}
	return bound{nearby(r, keys), true}
}

// nearby is a key of the set, or one just beside it.
func nearby(r *rand.Rand, keys []string) string {
	key := keys[r.IntN(len(keys))]
	switch r.IntN(4) {
	case 0:
		return key + "\x00"
	case 1:
		return key[:1+r.IntN(len(key))]
	}
	return key
}

func randomMove(r *rand.Rand, keys []string) move {
	switch r.IntN(14) {
	case 0:
		return move{"First", ""}
	case 1:
		return move{"Last", ""}
	case 2, 3:
		return move{"SeekGE", nearby(r, keys)}
	case 4, 5:
		return move{"SeekLT", nearby(r, keys)}
	case 6, 7, 8, 9:
		return move{"Next", ""}
	}
	return move{"Prev", ""}
}
