package vfs

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"
)

// verdict says what becomes of one call. The zero value lets it pass.
type verdict struct {
	kind Kind
	err  error // a *callError, or nil
	part int64 // of a read or write: how much is done before err
	done bool
	lost bool
	lie  bool
}

// ruleSet holds rules with their counts. It is replaced as a whole.
type ruleSet struct {
	byKind [kindCount][]*activeRule // in the order in which they were given
	fired  atomic.Uint64
}

// activeRule is a rule with its counts.
type activeRule struct {
	Rule
	err   *callError
	depth int // separators of a relative pattern; -1 compares the whole path

	seen  atomic.Uint64 // calls that matched
	fired atomic.Uint64 // at most Times, where that is given
	spent atomic.Int64  // bytes of Budget that were asked for and granted
}

func newRuleSet(rules []Rule) *ruleSet {
	s := &ruleSet{}
	for _, r := range rules {
		a := &activeRule{Rule: r, depth: strings.Count(r.Path, string(os.PathSeparator))}
		if filepath.IsAbs(r.Path) {
			a.depth = -1
		}
		if r.Err != nil {
			a.err = &callError{r.String(), r.Err}
		}
		if err := r.Check(); err != nil {
			a = &activeRule{Rule: Rule{Kind: KindAny}, err: &callError{r.String(), errors.New("invalid rule: " + err.Error())}}
		}
		for i := range s.byKind {
			if a.Kind&(1<<i) != 0 {
				s.byKind[i] = append(s.byKind[i], a)
			}
		}
	}
	return s
}

// decide counts a call and says what becomes of it, after the delays that the
// rules ask for. to is empty for calls with one path; bytes is what a read,
// write or preallocation asks for.
func (s *injector) decide(k Kind, from, to string, bytes int64) verdict {
	i := k.index()
	s.calls[i].Add(1)
	set := s.rules.Load()
	v := verdict{kind: k}
	if len(set.byKind[i]) == 0 {
		return v
	}
	var delay time.Duration
	for _, r := range set.byKind[i] {
		if !r.matches(from) && (to == "" || !r.matches(to)) {
			continue
		}
		n := r.seen.Add(1)
		if v.err != nil || v.lie {
			continue
		}
		part, fires := r.fires(k, n, bytes)
		if !fires {
			continue
		}
		set.fired.Add(1)
		delay += r.Delay
		if r.err != nil {
			v.err, v.part, v.done = r.err, part, r.Done
			v.lost = r.Lost && k&kindSyncs != 0
		}
		v.lie = r.Lie
	}
	if delay > 0 {
		time.Sleep(delay)
	}
	return v
}

func (r *activeRule) matches(path string) bool {
	if r.Path == "" {
		return true
	}
	path = filepath.Clean(path)
	if r.depth >= 0 {
		path = lastElements(path, r.depth)
	}
	ok, _ := filepath.Match(r.Path, path) // Check has refused bad patterns
	return ok
}

// lastElements cuts path down to what follows its separator number depth+1,
// counted from the end.
func lastElements(path string, depth int) string {
	for i := len(path) - 1; i >= 0; i-- {
		if os.IsPathSeparator(path[i]) {
			if depth == 0 {
				return path[i+1:]
			}
			depth--
		}
	}
	return path
}

// fires decides about the nth matching call. part is how much of a read or
// write is still done.
func (r *activeRule) fires(k Kind, nth uint64, bytes int64) (part int64, ok bool) {
	if r.Budget != 0 {
		part, ok = r.spend(bytes, k == KindWrite)
		return part, ok && r.limit()
	}
	if nth <= r.After || r.Nth != 0 && nth != r.Nth {
		return 0, false
	}
	if r.Every != 0 && (nth-r.After)%r.Every != 0 {
		return 0, false
	}
	if r.P != 0 && draw(r.Seed, nth) >= r.P {
		return 0, false
	}
	return int64(r.Short), r.limit()
}

// spend takes bytes out of the budget. fires says that there were not so
// many; part is what there was, which only a call that can be done in part
// takes then.
func (r *activeRule) spend(bytes int64, inPart bool) (part int64, fires bool) {
	for {
		spent := r.spent.Load()
		part = min(bytes, r.Budget-spent)
		if part < bytes && !inPart {
			return 0, true
		}
		if r.spent.CompareAndSwap(spent, spent+part) {
			return part, part < bytes
		}
	}
}

// limit takes one of Times.
func (r *activeRule) limit() bool {
	if r.Times == 0 {
		return true
	}
	for {
		n := r.fired.Load()
		if n >= r.Times {
			return false
		}
		if r.fired.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// draw returns number n of the stream seed, in [0, 1): SplitMix64 (Steele, Lea
// and Flood, 2014), which needs no state.
func draw(seed, n uint64) float64 {
	z := seed + n*0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	z ^= z >> 31
	return float64(z>>11) / math.Pow(2, 53)
}
