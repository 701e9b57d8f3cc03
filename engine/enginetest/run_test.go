package enginetest

import (
	"strings"
	"testing"

	"github.com/kvbench/kvbench/engine"
)

func TestAnExcuseNeedsAClauseAndAnAsterisk(t *testing.T) {
	d := toyDriver("")
	for _, c := range []struct {
		name, clause, reason, want string
	}{
		{"sound", "Close is idempotent", "It is a toy.", ""},
		{"no such clause", "Close is quick", "It is a toy.", "no such clause"},
		{"no such asterisk", "Close is idempotent", "it is a toy", "no asterisk"},
	} {
		o := collect([]Option{Excuse(c.clause, c.reason)})
		failures := strings.Join(watch(t, func(r *recorder) { o.check(r, &d) }), "\n")
		if c.want == "" && failures != "" || !strings.Contains(failures, c.want) {
			t.Errorf("%s: %q, want %q", c.name, failures, c.want)
		}
	}
}

func TestClausesHaveNamesOfTheirOwn(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range clauses() {
		if seen[c.name] || c.name == "" || c.run == nil {
			t.Errorf("clause %q is there twice or is empty", c.name)
		}
		seen[c.name] = true
	}
}

func TestAFailingStreamIsShortenedToWhatMatters(t *testing.T) {
	ops := make([]op, 100)
	for i := range ops {
		ops[i].key = string(rune('a' + i%26))
	}
	ops[17].key, ops[80].key = "one", "two"
	fails := func(some []op) bool {
		one := false
		for _, o := range some {
			one = one || o.key == "one"
			if o.key == "two" {
				return one
			}
		}
		return false
	}
	short := shrink(ops, noon().AddDate(100, 0, 0), fails)
	if len(short) != 2 || short[0].key != "one" || short[1].key != "two" {
		t.Errorf("%d ops are left: %v", len(short), short)
	}
}

func TestAModelManyRunCoversDriversWithDifferentRoles(t *testing.T) {
	// The second has no range deletes: its streams delete key by key.
	ModelMany(t, []engine.Driver{toyDriver(""), toyDriver("ignores range deletes without the role")})
}
