package adapt

import (
	"errors"
	"testing"

	"github.com/kvbench/kvbench/engine"
)

// letters is a Raw iterator over the letters b, d and f. It fails the test
// when it is stepped while it stands on nothing.
type letters struct {
	t      *testing.T
	at     int // index in keys; -1 or len off the ends
	closed int
	err    error
}

var keys = []string{"b", "d", "f"}

func (l *letters) to(i int) bool {
	l.at = i
	return l.err == nil && i >= 0 && i < len(keys)
}

func (l *letters) step(by int) bool {
	if l.at < 0 || l.at >= len(keys) {
		l.t.Error("a step from nowhere")
	}
	return l.to(l.at + by)
}

func (l *letters) atLeast(key []byte) int {
	i := 0
	for i < len(keys) && keys[i] < string(key) {
		i++
	}
	return i
}

func (l *letters) First() bool            { return l.to(0) }
func (l *letters) Last() bool             { return l.to(len(keys) - 1) }
func (l *letters) SeekGE(key []byte) bool { return l.to(l.atLeast(key)) }
func (l *letters) SeekLT(key []byte) bool { return l.to(l.atLeast(key) - 1) }
func (l *letters) Next() bool             { return l.step(1) }
func (l *letters) Prev() bool             { return l.step(-1) }
func (l *letters) Key() []byte            { return []byte(keys[l.at]) }
func (l *letters) Value() ([]byte, error) { return []byte(keys[l.at]), nil }
func (l *letters) Err() error             { return l.err }
func (l *letters) Close() error           { l.closed++; return nil }

func newCursor(t *testing.T, lower, upper string, reverse bool) (*Cursor, *letters, *Views) {
	t.Helper()
	var o engine.IterOptions
	if lower != "" {
		o.Lower = []byte(lower)
	}
	if upper != "" {
		o.Upper = []byte(upper)
	}
	raw, views := &letters{t: t, at: -1}, new(Views)
	c, err := NewCursor(raw, BoundsOf(o), reverse, views)
	if err != nil {
		t.Fatal(err)
	}
	return c, raw, views
}

// moves are the positioning calls by short names; a letter behind G or L is
// the key to seek.
func move(c *Cursor, name string) bool {
	switch name[0] {
	case 'F':
		return c.First()
	case 'Z':
		return c.Last()
	case 'N':
		return c.Next()
	case 'P':
		return c.Prev()
	case 'G':
		return c.SeekGE([]byte(name[1:]))
	}
	return c.SeekLT([]byte(name[1:]))
}

func TestACursorStandsWhereTheContractSays(t *testing.T) {
	type step struct{ move, want string } // want "" is no key
	for _, c := range []struct {
		name, lower, upper string
		steps              []step
	}{
		{"next at birth is first", "", "", []step{{"N", "b"}, {"N", "d"}, {"N", "f"}, {"N", ""}, {"N", ""}}},
		{"prev at birth is last", "", "", []step{{"P", "f"}, {"P", "d"}, {"P", "b"}, {"P", ""}, {"P", ""}}},
		{"prev from the end is last", "", "", []step{{"Z", "f"}, {"N", ""}, {"P", "f"}}},
		{"next from the front is first", "", "", []step{{"F", "b"}, {"P", ""}, {"N", "b"}}},
		{"seeks go to their key or past it", "", "", []step{{"Gd", "d"}, {"Ge", "f"}, {"Gg", ""}, {"Ld", "b"}, {"Le", "d"}, {"Lb", ""}, {"L", ""}, {"G", "b"}}},
		{"an exhausted seek is an end", "", "", []step{{"Gg", ""}, {"P", "f"}, {"La", ""}, {"N", "b"}}},
		{"bounds are the ends", "c", "f", []step{{"F", "d"}, {"N", ""}, {"P", "d"}, {"P", ""}, {"N", "d"}, {"Z", "d"}}},
		{"seeks stay within the bounds", "c", "e", []step{{"Ga", "d"}, {"Ge", ""}, {"Lz", "d"}, {"Ld", ""}, {"N", "d"}}},
		{"an upper bound is no key of its range", "", "f", []step{{"Z", "d"}, {"N", ""}}},
		{"an empty range has no keys", "d", "d", []step{{"F", ""}, {"Z", ""}, {"N", ""}, {"P", ""}, {"Gd", ""}, {"Lf", ""}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			it, _, _ := newCursor(t, c.lower, c.upper, true)
			for i, s := range c.steps {
				found := move(it, s.move)
				if found != (s.want != "") || string(it.Key()) != s.want || it.Err() != nil {
					t.Fatalf("step %d, %s: %v, key %q, %v; want %q", i, s.move, found, it.Key(), it.Err(), s.want)
				}
			}
		})
	}
}

func TestACursorWithoutReverseRefusesToGoBack(t *testing.T) {
	it, _, _ := newCursor(t, "", "", false)
	for _, name := range []string{"Z", "P", "Lf"} {
		if move(it, name) || !errors.Is(it.Err(), engine.ErrUnsupported) {
			t.Errorf("%s: %v", name, it.Err())
		}
	}
	if !it.First() || it.Err() != nil {
		t.Error("forward:", it.Err())
	}
}

func TestAnErrorOfTheLibraryIsNoEnd(t *testing.T) {
	it, raw, _ := newCursor(t, "", "", true)
	raw.err = errors.New("unreadable")
	if it.First() || it.Err() != raw.err {
		t.Error(it.Err())
	}
	if err := it.Close(); err != raw.err {
		t.Error("close:", err)
	}
}

func TestAClosedCursorIsClosedOnce(t *testing.T) {
	it, raw, views := newCursor(t, "", "", true)
	it.First()
	if err := errors.Join(it.Close(), it.Close()); err != nil {
		t.Error(err)
	}
	views.EndAll()
	if raw.closed != 1 || views.Len() != 0 {
		t.Errorf("closed %d times, %d views", raw.closed, views.Len())
	}
	if it.Next() || it.Err() != engine.ErrClosed || it.Key() != nil {
		t.Error("next after close:", it.Err())
	}
}
