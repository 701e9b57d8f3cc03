package workloads

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pingcap/go-ycsb/pkg/util"
	"pgregory.net/rapid"
)

// mustParse resolves overrides on a preset, which may be empty.
func mustParse(t testing.TB, preset string, overrides ...string) *Spec {
	t.Helper()
	s, err := Parse(Input{Preset: preset, Overrides: overrides})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustKeys(t testing.TB, overrides ...string) *Keys {
	t.Helper()
	k, err := mustParse(t, "C", overrides...).NewKeys()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestKeysAreNamedAsInJava(t *testing.T) {
	for _, c := range []struct {
		overrides []string
		number    uint64
		want      string
	}{
		{nil, 0, "user6284781860667377211"},
		{nil, 1, "user8517097267634966620"},
		{nil, 2, "user1820151046732198393"},
		{nil, 3, "user4052466453699787802"},
		{nil, 999, "user2071219101098386137"},
		{nil, 999999, "user2744965632448235251"},
		{[]string{"zeropadding=20"}, 1, "user08517097267634966620"},
		{[]string{"zeropadding=19"}, 1, "user8517097267634966620"},
		{[]string{"insertorder=ordered"}, 42, "user42"},
		{[]string{"insertorder=ordered", "zeropadding=8"}, 42, "user00000042"},
		{[]string{"insertorder=ordered", "zeropadding=0"}, 0, "user0"},
		{[]string{"insertorder=ordered", "zeropadding=2"}, 12345, "user12345"},
		{[]string{"insertorder=ordered", "keyprefix=k"}, 7, "k7"},
		{[]string{"insertorder=ordered", "keyformat=decimal:16"}, 7, "0000000000000007"},
		{[]string{"insertorder=ordered", "keyformat=binary:10"}, 0x0102, "\x00\x00\x00\x00\x00\x01\x02\x0000"},
		{[]string{"keyformat=binary:8", "keyprefix=p/"}, 0, "p/\x00\x00\x00\x00\x00\x00\x00\x00"},
	} {
		k := mustKeys(t, c.overrides...)
		if got := string(k.Append(nil, c.number)); got != c.want {
			t.Errorf("%v: key of %d is %q, want %q", c.overrides, c.number, got, c.want)
		}
	}
}

func TestKeysOfGoYCSBAreThoseOfItsPackage(t *testing.T) {
	k := mustKeys(t, "ycsbcompat=go-ycsb")
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Uint64Range(0, maxNumber).Draw(t, "number")
		want := fmt.Sprintf("user%d", util.Hash64(int64(n)))
		if got := string(k.Append(nil, n)); got != want {
			t.Fatalf("key of %d is %s, want %s", n, got, want)
		}
	})
}

// keyFormats are overrides with keys of every shape.
var keyFormats = [][]string{
	nil,
	{"zeropadding=20"},
	{"insertorder=ordered", "zeropadding=14"},
	{"keyformat=binary:8"},
	{"keyformat=binary:36"},
	{"keyformat=binary:8", "insertorder=ordered"},
	{"keyformat=binary:16", "insertorder=ordered", "keyprefix=t/"},
	{"keyformat=decimal:20"},
	{"keyformat=decimal:16", "insertorder=ordered"},
	{"ycsbcompat=go-ycsb"},
}

func TestAbsentKeysAreNeverInsertedAndLieAmongTheOthers(t *testing.T) {
	for _, f := range keyFormats {
		k := mustKeys(t, f...)
		const n = 3000
		present := map[string]bool{}
		var all []string
		for i := range uint64(n) {
			key := string(k.Append(nil, i))
			present[key] = true
			all = append(all, key)
		}
		if len(present) != n {
			t.Errorf("%v: %d numbers share keys", f, n-len(present))
		}
		slices.Sort(all)
		within, absent := 0, map[string]bool{}
		for i := range uint64(n) {
			key := string(k.AppendAbsent(nil, i))
			if present[key] {
				t.Fatalf("%v: the absent key of %d exists: %q", f, i, key)
			}
			if len(key) > k.MaxLen() {
				t.Fatalf("%v: absent key of %d bytes, MaxLen %d", f, len(key), k.MaxLen())
			}
			absent[key] = true
			if key > all[0] && key < all[n-1] {
				within++
			}
		}
		if len(absent) != n || within < n-20 {
			t.Errorf("%v: %d absent keys, %d of them within the range", f, len(absent), within)
		}
	}
}

func TestOrderedKeysSortAsTheirNumbers(t *testing.T) {
	for _, f := range keyFormats {
		if !slices.Contains(f, "insertorder=ordered") {
			continue
		}
		k := mustKeys(t, f...)
		rapid.Check(t, func(t *rapid.T) {
			a := rapid.Uint64Range(0, 1e13).Draw(t, "a")
			b := rapid.Uint64Range(0, 1e13).Draw(t, "b")
			ka, kb := k.Append(nil, a), k.Append(nil, b)
			if (a < b) != (bytes.Compare(ka, kb) < 0) {
				t.Fatalf("%v: %d and %d, but %q and %q", f, a, b, ka, kb)
			}
		})
	}
}

func TestHashedKeysHaveNoNeighboursInInsertOrder(t *testing.T) {
	neighbours := func(overrides ...string) float64 {
		const n = 200000
		k := mustKeys(t, overrides...)
		type pair struct {
			key    string
			number int
		}
		all := make([]pair, n)
		for i := range all {
			all[i] = pair{string(k.Append(nil, uint64(i))), i}
		}
		slices.SortFunc(all, func(a, b pair) int { return strings.Compare(a.key, b.key) })
		near := 0
		for i := range all[1:] {
			if d := all[i+1].number - all[i].number; d == 1 || d == -1 {
				near++
			}
		}
		return float64(near) / n
	}
	for _, f := range keyFormats[:2] {
		if got := neighbours(f...); got > 0.01 {
			t.Errorf("%v: %.2f %% of sorted neighbours were inserted one after the other", f, 100*got)
		}
	}
	if got := neighbours("keyformat=binary:8"); got > 0.01 {
		t.Errorf("binary: %.2f %%", 100*got)
	}
	// What go-ycsb's byte order does; the test above can fail.
	if got := neighbours("ycsbcompat=go-ycsb"); got < 0.3 {
		t.Errorf("go-ycsb: only %.2f %%", 100*got)
	}
}

func TestKeysAllocateNothing(t *testing.T) {
	for _, f := range keyFormats {
		k := mustKeys(t, f...)
		dst, n := make([]byte, 0, k.MaxLen()), uint64(0)
		if a := testing.AllocsPerRun(1000, func() {
			dst = k.Append(dst[:0], n)
			dst = k.AppendAbsent(dst[:0], n)
			n += 12345
		}); a != 0 {
			t.Errorf("%v: %g allocations", f, a)
		}
	}
}
