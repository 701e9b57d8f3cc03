package nearest

import (
	"strings"
	"testing"
)

func TestTheNearestWordIsFoundWhateverItsCase(t *testing.T) {
	known := []string{"sync", "syncdir", "truncate"}
	for word, want := range map[string]string{
		"sync": "sync", "SYNK": "sync", "syncdri": "syncdir", "trucnate": "truncate", "": "sync",
	} {
		if got, _ := Word(word, known); got != want {
			t.Errorf("%q is nearest to %q, want %q", word, got, want)
		}
	}
	if got, _ := Word("anything", nil); got != "" {
		t.Errorf("found %q among nothing", got)
	}
}

func TestDistanceCountsEdits(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"kitten", "sitting", 3}, {"flaw", "lawn", 2}, {"ab", "ba", 2}} {
		if got := Distance(c.a, c.b); got != c.want {
			t.Errorf("%q to %q: %d edits, want %d", c.a, c.b, got, c.want)
		}
	}
}

func TestAHintNamesWhatIsNearOrAllThatIsKnown(t *testing.T) {
	known := []string{"lru", "clock"}
	for word, want := range map[string]string{
		"clok": "; did you mean clock?", "entirely-else": "; known are lru, clock",
	} {
		if got := Hint(word, known); got != want {
			t.Errorf("%q: %q, want %q", word, got, want)
		}
	}
	if got := Hint("x", nil); got != "" {
		t.Errorf("%q", got)
	}
	if got := Hint(strings.Repeat("clock", 1<<20), known); got == "" {
		t.Error("a very long word has no hint")
	}
}
