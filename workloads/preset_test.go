package workloads

import "testing"

func TestEveryPresetParsesWithoutWarning(t *testing.T) {
	for _, name := range presetNames() {
		s, err := Parse(Input{Preset: name})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, w := range s.Warnings {
			t.Errorf("%s: %s", name, w)
		}
		if s.Name != name || s.Title == "" {
			t.Errorf("%s: name %q, title %q", name, s.Name, s.Title)
		}
	}
	if got := len(List()); got != len(presetNames()) {
		t.Errorf("List has %d presets, want %d", got, len(presetNames()))
	}
}
