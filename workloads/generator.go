package workloads

import (
	"fmt"
	"math"

	"github.com/kvbench/kvbench/workloads/dist"
)

// Streams of random numbers that one worker draws from.
const (
	streamOps = iota + 1
	streamRedraw
	streamFields
	streamValues
	streamPool
	streamLoad
)

// place seeds what all workers and all runs must agree upon: which keys the
// ranks of a Zipf law fall on, and where the hot key ranges lie.
const place = 0x6b7662656e6368

// maxRedraws bounds the search for an existing number; the chance of getting
// there is negligible unless next to nothing exists.
const maxRedraws = 64

// drawer draws numbers of the request range.
type drawer interface{ Next(r *dist.Rand) uint64 }

// Generator draws the operations of one worker. It is not safe for concurrent
// use. What Fill draws depends only on the spec, the seed, the worker and the
// number of workers; Resolve also depends on the progress of the inserts.
type Generator struct {
	q      *Sequence
	safe   uint64 // numbers below exist, whatever is inserted
	floor  uint64 // least number of the request range
	behind bool   // numbers are distances behind the newest record

	rand, redraw, fields dist.Rand

	kinds  []kindCut
	length dist.Quantile
	draw   drawer
	latest dist.Latest
	// newest estimates the newest acknowledged number while operations are
	// drawn ahead; growth is the inserts of all workers per own operation.
	newest, growth float64

	fieldCount uint64
}

// kindCut gives the draws below a bound, and not below the bound before, to a
// kind.
type kindCut struct {
	below uint64
	kind  Kind
}

// NewGenerator returns the generator of one of workers. q is the sequence that
// the inserts of all workers use; see [Spec.NewSequence].
func (s *Spec) NewGenerator(seed uint64, worker, workers int, q *Sequence) (*Generator, error) {
	if worker < 0 || worker >= workers {
		return nil, fmt.Errorf("new generator: worker %d of %d", worker, workers)
	}
	if s.Writers >= workers && s.Writers > 0 {
		return nil, fmt.Errorf("workload %s: %d writers need at least %d threads, not %d",
			s.Name, s.Writers, s.Writers+1, workers)
	}
	if n := q.acked.Load(); n < s.InsertStart {
		return nil, fmt.Errorf("new generator: sequence at %d, before the first record %d", n, s.InsertStart)
	}
	w := uint64(worker)
	g := &Generator{
		q: q, floor: s.InsertStart, behind: s.Request.behind(),
		rand:       dist.NewRand(dist.Derive(seed, w, streamOps)),
		redraw:     dist.NewRand(dist.Derive(seed, w, streamRedraw)),
		fields:     dist.NewRand(dist.Derive(seed, w, streamFields)),
		length:     s.ScanLength.Quantile(),
		newest:     float64(s.FirstInsert) - 1,
		fieldCount: uint64(s.Values.FieldCount),
	}
	mix := s.Mix
	if worker < s.Writers {
		mix = s.WriterMix
	}
	g.kinds = cutKinds(mix)
	g.growth = float64(workers-s.Writers)*s.Mix[Insert] + float64(s.Writers)*s.WriterMix[Insert]
	g.safe = s.FirstInsert
	if s.Compat == GoYCSB || (s.Records == 0 && !s.Has(Insert)) {
		g.safe = math.MaxUint64
	}
	return g, g.choose(s, worker, workers)
}

// cutKinds turns shares into bounds on 64 random bits.
func cutKinds(mix Mix) []kindCut {
	var cuts []kindCut
	sum, total := 0.0, mix.sum()
	for k, p := range mix {
		if p <= 0 {
			continue
		}
		sum += p
		c := kindCut{below: math.MaxUint64, kind: Kind(k)}
		if share := sum / total; share < 1 {
			c.below = uint64(share * 0x1p64)
		}
		cuts = append(cuts, c)
	}
	return cuts
}

// choose builds the request distribution.
func (g *Generator) choose(s *Spec, worker, workers int) error {
	d := s.Request
	first, span := s.InsertStart, d.Span
	if span == 0 {
		span = 1 // nothing to request: an insert-only workload
	}
	switch d.Name {
	case "uniform":
		g.draw = &dist.Uniform{Min: first, Span: span}
	case "zipfian":
		z := dist.NewScrambled(first, first+span-1, d.Theta, s.Compat == GoYCSB)
		g.draw = &z
	case "zipf":
		g.draw = &scattered{
			min: first, ranks: dist.NewZipf(span, d.Theta),
			place: dist.NewPermutation(span, place),
		}
	case "hotspot":
		h := dist.NewHotspot(first, span, d.HotData, d.HotOps)
		g.draw = &h
	case "sequential":
		q := dist.NewSequential(first, span, d.Step, worker, workers)
		if s.Compat == GoYCSB {
			q.Skip(1)
		}
		g.draw = &q
	case "keyrange":
		k := dist.NewKeyRange(first, span, *d.KeyRange, place)
		g.draw = &k
	case "exponential":
		e := dist.NewExponential(d.Percentile, float64(max(s.FirstInsert, 1))*d.Frac)
		g.draw = &e
	case "latest":
		g.latest = dist.NewLatest(max(s.FirstInsert, 1)-1, d.Theta)
	default:
		return fmt.Errorf("new generator: unknown request distribution %q", d.Name)
	}
	return nil
}

// scattered is a Zipf law whose ranks are scattered over the numbers.
type scattered struct {
	min   uint64
	ranks dist.Zipf
	place dist.Permutation
}

// Next draws a number.
func (s *scattered) Next(r *dist.Rand) uint64 { return s.min + s.place.Of(s.ranks.Next(r)) }

// Fill draws len(tape) operations. It does not allocate. Distances behind the
// newest record are drawn for the records that will exist when each operation
// runs if the inserts of all workers proceed alike, so a tape may be as long as
// the run; one that is used again later repeats the distances of its first use.
func (g *Generator) Fill(tape []Op) {
	for i := range tape {
		kind := g.kind()
		var number, length uint64
		if kind != Insert {
			number = min(g.number(&g.rand), maxNumber)
		}
		if kind.hasLen() {
			length = g.length.At(g.rand.Float64())
		}
		tape[i] = makeOp(kind, length, number)
		g.newest += g.growth
	}
}

func (g *Generator) kind() Kind {
	u := g.rand.Uint64()
	for _, c := range g.kinds[:len(g.kinds)-1] {
		if u < c.below {
			return c.kind
		}
	}
	return g.kinds[len(g.kinds)-1].kind
}

// number draws a number or, for distributions of age, a distance.
func (g *Generator) number(r *dist.Rand) uint64 {
	if g.draw != nil {
		return g.draw.Next(r)
	}
	return g.latest.Next(r, uint64(max(g.newest, 0)))
}

// Resolve returns the key number that op is for, at the time of the call. A
// distance is counted back from the newest record that is acknowledged, and a
// number whose record does not exist yet is drawn again, as YCSB does. It must
// not be called for an Insert. It does not allocate.
func (g *Generator) Resolve(op Op) uint64 {
	n := op.Number()
	if g.behind {
		acked := g.q.acked.Load()
		if n < acked-g.floor {
			return acked - 1 - n
		}
	} else if n < g.safe {
		return n
	}
	return g.existing(n)
}

// existing looks for the number of an existing record, beginning with the
// drawn number n. If there is no record at all it returns the first number.
func (g *Generator) existing(n uint64) uint64 {
	for range maxRedraws {
		acked := g.q.acked.Load()
		switch {
		case g.behind && n < acked-g.floor:
			return acked - 1 - n
		case !g.behind && (n < g.safe || n < acked):
			return n
		}
		n = g.number(&g.redraw)
	}
	if acked := g.q.acked.Load(); acked > g.floor {
		return g.floor + g.redraw.Uintn(acked-g.floor)
	}
	return g.floor
}

// Field returns a uniformly random field for an update in field mode.
func (g *Generator) Field() int { return int(g.fields.Uintn(g.fieldCount)) }
