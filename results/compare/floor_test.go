package compare

import (
	"strings"
	"testing"

	"github.com/kvbench/kvbench/results"
)

func TestAFloorHoldsUnlessTheIntervalIsWhollyBelow(t *testing.T) {
	// The ratio of each repetition is 1.9, 1.96, ... 2.2: the interval is all.
	m := maker{engines: []string{"a", "b"}, workloads: []string{"A"}, reps: 6, rate: func(e, _ string, rep int) float64 {
		if e == "b" {
			return 1000 * (1.84 + 0.06*float64(rep))
		}
		return 1000
	}}
	for text, held := range map[string]bool{"b>=1.5*a": true, "b >= 2 * a": true, "b>=2.19x a": true, "b>=2.21*a": false, "a>=0.5*b": true, "b>=a": true, "a>=b": false} {
		f, err := ParseFloor(text)
		if err != nil {
			t.Fatal(err)
		}
		list, err := f.Check(m.run(), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if len(list) != 1 || list[0].Held != held || list[0].Reason != "" {
			t.Errorf("%s: %v", text, list)
		}
	}
	m.reps = 5
	f := Floor{Side: "b", Base: "a", Times: 1}
	list, err := f.Check(m.run(), Options{})
	if err != nil || list[0].Held || !strings.Contains(list[0].String(), "cannot be judged: 5 pairs, needs 6") {
		t.Errorf("%v, %v", list, err)
	}
	_, err = Floor{Side: "c", Base: "a", Times: 1}.Check(m.run(), Options{})
	wantError(t, err, `"c"`)
	_, err = Floor{Side: "b", Base: "z", Times: 1}.Check(m.run(), Options{})
	wantError(t, err, `"z"`)
}

func TestAFloorOfASideThatFailedIsNotHeld(t *testing.T) {
	m := maker{
		engines: []string{"a", "b"}, workloads: []string{"A"}, reps: 6, rate: steady(map[string]float64{"a": 1, "b": 9}),
		change: func(c *results.Cell) {
			if c.Engine.Name == "b" && c.Rep == 1 {
				c.Status, c.Error = results.StatusFailed, "died"
			}
		},
	}
	list, err := Floor{Side: "b", Base: "a", Times: 1}.Check(m.run(), Options{})
	if err != nil || list[0].Held || !strings.Contains(list[0].Reason, "died") {
		t.Errorf("%v, %v", list, err)
	}
}

func TestABadFloorSaysHowOneIsWritten(t *testing.T) {
	for _, text := range []string{"", "a", "a>b", "a>=", ">=b", "a>=x*b", "a>=0*b", "a>=-1*b", "a>=1**b", "a b>=c"} {
		if f, err := ParseFloor(text); err == nil {
			t.Errorf("%q is %+v", text, f)
		} else {
			wantError(t, err, "btree>=2*bbolt")
		}
	}
}
