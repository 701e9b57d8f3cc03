package page

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

func TestRandomKeysAreFoundUntilAndAfterASplit(t *testing.T) {
	for _, size := range []int{4096, 8192, 16384, 32768} {
		rng := rand.New(rand.NewPCG(1, uint64(size)))
		p := make([]byte, size)
		InitLeaf(p, 1, nil, nil, 0)
		have := map[string]string{}
		for {
			k, v := fmt.Sprintf("user%012d", rng.IntN(1e9)), fmt.Sprint("value", rng.IntN(1e9))
			i, found, ok := Find(p, []byte(k))
			if !ok {
				t.Fatal("no sense")
			}
			if found {
				continue
			}
			if !Insert(p, i, []byte(k), 0, []byte(v)) {
				break
			}
			have[k] = v
		}
		n := Count(p)
		right := make([]byte, size)
		sep, ok := Split(p, right, SplitPoint(p, 0, 100, 0, false), 7)
		if !ok {
			t.Fatal("no split")
		}
		for k, v := range have {
			q := p
			if k >= string(sep) {
				q = right
			}
			_, got, found, ok := Get(q, []byte(k))
			if !found || !ok || string(got) != v {
				t.Fatalf("%s: %q, found is %t, ok is %t", k, got, found, ok)
			}
		}
		if Count(p)+Count(right) != n || len(have) != n {
			t.Errorf("%d and %d entries of %d", Count(p), Count(right), n)
		}
		if !Merge(p, right) || Count(p) != n {
			t.Errorf("%d entries of %d", Count(p), n)
		}
	}
}
