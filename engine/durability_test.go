package engine

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"
)

func TestLevelsAreReadAsTheyAreWritten(t *testing.T) {
	for d := Default; d <= Sync; d++ {
		text, err := d.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		var back Durability
		if err := back.UnmarshalText(text); err != nil || back != d {
			t.Errorf("%v is written %s and read as %v, %v", d, text, back, err)
		}
	}
	if d, err := ParseDurability("SYNC"); d != Sync || err != nil {
		t.Errorf("SYNC is %v, %v", d, err)
	}
	for _, s := range []string{"", "fsync", "sync ", "durability(7)", "4"} {
		if d, err := ParseDurability(s); !errors.Is(err, ErrInvalid) || d != Default {
			t.Errorf("%q is %v, %v", s, d, err)
		}
	}
	if got := Durability(7).String(); got != "durability(7)" {
		t.Error(got)
	}
}

func TestOnlyTheKernelsLevelsSurviveAKill(t *testing.T) {
	for d := Default; d <= Sync+1; d++ {
		if got, want := d.SurvivesKill(), d == OS || d == Sync; got != want {
			t.Errorf("%v: %v", d, got)
		}
	}
}

func TestASetHasItsLevelsAndNeverDefault(t *testing.T) {
	s := Durabilities(Sync, Default, Buffered)
	if got := s.Levels(); !slices.Equal(got, []Durability{Buffered, Sync}) || s.String() != "buffered,sync" {
		t.Errorf("%v, %s", got, s)
	}
	for d := range Durability(20) {
		if got, want := s.Has(d), d == Buffered || d == Sync; got != want {
			t.Errorf("has %v: %v", d, got)
		}
	}
	if Durabilities() != 0 || Durabilities(Default) != 0 || Durabilities().String() != "" {
		t.Error("the empty set is not empty")
	}
	if data, err := json.Marshal(s); err != nil || string(data) != `"buffered,sync"` {
		t.Errorf("as JSON %s, %v", data, err)
	}
	for _, want := range []DurabilitySet{0, s, Durabilities(None, Buffered, OS, Sync)} {
		text, _ := want.MarshalText()
		got := Durabilities(OS)
		if err := got.UnmarshalText(text); err != nil || got != want {
			t.Errorf("%s is read as %v, %v", text, got, err)
		}
	}
	if err := s.UnmarshalText([]byte("os,fsync")); !errors.Is(err, ErrInvalid) {
		t.Error(err)
	}
}

func TestAnUnsupportedLevelIsNeverResolvedToAWeakerOne(t *testing.T) {
	s := Durabilities(None, OS)
	for d, want := range map[Durability]Durability{Default: OS, None: None, OS: OS} {
		if got, err := s.Resolve(d, OS); got != want || err != nil {
			t.Errorf("%v is %v, %v", d, got, err)
		}
	}
	for _, d := range []Durability{Buffered, Sync, Sync + 1, 255} {
		if _, err := s.Resolve(d, OS); !errors.Is(err, ErrUnsupported) {
			t.Errorf("%v: %v", d, err)
		}
	}
	if _, err := s.Resolve(Default, Sync); !errors.Is(err, ErrUnsupported) {
		t.Errorf("a default outside of the set: %v", err)
	}
}

func TestAsyncIsTheStrongestLoggedLevelBelowSync(t *testing.T) {
	for _, c := range []struct {
		set  DurabilitySet
		want Durability
		ok   bool
	}{
		{Durabilities(None, Buffered, OS, Sync), OS, true},
		{Durabilities(Buffered, Sync), Buffered, true},
		{Durabilities(Sync), Default, false},
		{Durabilities(None), Default, false},
	} {
		if got, ok := c.set.Async(); got != c.want || ok != c.ok {
			t.Errorf("%v: %v, %v", c.set, got, ok)
		}
	}
}
