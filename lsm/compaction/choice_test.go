package compaction

import "testing"

func TestJobsMustNotPassEachOther(t *testing.T) {
	job := func(in, out int, run uint64, lower, upper string) *Choice {
		return &Choice{
			Kind: Merge, Inputs: []Input{{Level: in}}, OutputLevel: out, OutputRun: run,
			Lower: []byte(lower), Upper: []byte(upper),
		}
	}
	for _, c := range []struct {
		what string
		a, b *Choice
		want bool
	}{
		{"to the same keys", job(0, 5, 7, "a", "m"), job(4, 5, 7, "m", "z"), true},
		{"to other keys", job(0, 5, 7, "a", "l"), job(4, 5, 7, "m", "z"), false},
		{"each to a new run", job(4, 5, 0, "a", "l"), job(4, 5, 0, "m", "z"), true},
		{"one to a new run", job(4, 5, 0, "a", "l"), job(4, 5, 7, "m", "z"), true},
		{"one after the other", job(4, 5, 7, "a", "z"), job(5, 6, 8, "a", "z"), false},
		{"past where the other arrives", job(0, 6, 7, "a", "z"), job(3, 4, 8, "c", "d"), true},
		{"past, elsewhere", job(0, 6, 7, "a", "c"), job(3, 4, 8, "d", "e"), false},
		{"within level 0 and down from it", job(0, 0, 3, "a", "z"), job(0, 5, 8, "a", "z"), false},
		{"both within level 0", job(0, 0, 3, "a", "z"), job(0, 0, 4, "a", "z"), true},
	} {
		if got, back := c.a.conflicts(c.b), c.b.conflicts(c.a); got != c.want || back != c.want {
			t.Errorf("%s: %t and %t", c.what, got, back)
		}
	}
}

func TestNamesAreOfAllNumbers(t *testing.T) {
	if len(reasons) != Reasons || Idle.String() != "idle" || Drop.String() != "drop" || Level0.String() != "level0" {
		t.Error("a name is missing, or in another place")
	}
	if s := Reason(Reasons).String(); s != "unknown(14)" {
		t.Error(s)
	}
}
