package engine

import (
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"
)

func TestTheZeroMetricsKnowNothing(t *testing.T) {
	var m Metrics
	fields := 0
	eachCount(&m, func(name string, c *Count) {
		if n, known := c.Value(); known || n != 0 || c.String() != "n/a" || c.Or(7) != 7 {
			t.Errorf("%s: %v, known %v", name, n, known)
		}
		fields++
	})
	data, err := json.Marshal(&m)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(data), ":null"); n != fields {
		t.Errorf("%d of %d fields are null in %s", n, fields, data)
	}
}

// eachCount visits every field. It panics when a group holds anything else.
func eachCount(m *Metrics, f func(name string, c *Count)) {
	groups := reflect.ValueOf(m).Elem()
	for i := range groups.NumField() {
		group := groups.Field(i)
		for j := range group.NumField() {
			name := groups.Type().Field(i).Name + "." + group.Type().Field(j).Name
			f(name, group.Field(j).Addr().Interface().(*Count))
		}
	}
}

func TestACountIsWrittenAsANumberOrNull(t *testing.T) {
	for text, c := range map[string]Count{"null": {}, "0": Known(0), "18446744073709551615": Known(math.MaxUint64)} {
		data, err := json.Marshal(c)
		if err != nil || string(data) != text {
			t.Errorf("%v as JSON: %s, %v", c, data, err)
		}
		back := Known(99)
		if err := json.Unmarshal([]byte(text), &back); err != nil || back != c {
			t.Errorf("%s is read as %v, %v", text, back, err)
		}
	}
	for _, text := range []string{"-1", "1.5", `"1"`, "true"} {
		var c Count
		if err := json.Unmarshal([]byte(text), &c); err == nil {
			t.Errorf("%s is read as %v", text, c)
		}
	}
}

func TestWhatIsUnknownStaysUnknown(t *testing.T) {
	unknown := Count{}
	for name, c := range map[string]struct{ got, want Count }{
		"sum":            {Known(2).Plus(Known(3)), Known(5)},
		"sum with it":    {Known(2).Plus(unknown), unknown},
		"it with a sum":  {unknown.Plus(Known(2)), unknown},
		"move":           {Known(5).Since(Known(3)), Known(2)},
		"move from it":   {Known(5).Since(unknown), unknown},
		"move to it":     {unknown.Since(Known(5)), unknown},
		"move backwards": {Known(3).Since(Known(5)), Known(0)},
	} {
		if c.got != c.want {
			t.Errorf("%s: %v, want %v", name, c.got, c.want)
		}
	}
}

func TestSinceMovesCountersAndKeepsGauges(t *testing.T) {
	var was, now Metrics
	eachCount(&was, func(_ string, c *Count) { *c = Known(10) })
	eachCount(&now, func(_ string, c *Count) { *c = Known(13) })
	now.Log.Syncs = Count{}
	moved := now.Since(&was)
	gauges := 0
	eachCount(&moved, func(name string, c *Count) {
		switch n, known := c.Value(); {
		case name == "Log.Syncs":
			if known {
				t.Error("an unknown counter became known")
			}
		case n == 13:
			gauges++
		case n != 3:
			t.Errorf("%s: %d", name, n)
		}
	})
	if moved.Space.DiskBytes != Known(13) || moved.User.Puts != Known(3) || gauges == 0 {
		t.Errorf("disk bytes %v, puts %v, %d gauges", moved.Space.DiskBytes, moved.User.Puts, gauges)
	}
	if now.User.Puts != Known(13) {
		t.Error("Since changed what it was asked of")
	}
}

func TestWhatIsCalledAGaugeIsTaggedSo(t *testing.T) {
	for _, group := range []any{SpaceMetrics{}, MemoryMetrics{}} {
		typ := reflect.TypeOf(group)
		for i := range typ.NumField() {
			if f := typ.Field(i); f.Tag.Get("kind") != "gauge" {
				t.Errorf("%s.%s is a gauge by its group, and not by its tag", typ.Name(), f.Name)
			}
		}
	}
}
