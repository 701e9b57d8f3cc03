package engine

import (
	"testing"
	"time"

	"github.com/kvbench/kvbench/engine/vfs"
)

func TestAZeroEnvIsTheMachine(t *testing.T) {
	e := Env{}.WithDefaults()
	if e.FS != vfs.FS(vfs.OS{}) || e.Log == nil || e.Now == nil || e.Events == nil {
		t.Errorf("%+v", e)
	}
	e.Log.Info("goes nowhere")
	e.Events.Event(Event{Kind: "flush"})
	fixed := time.Unix(7, 0)
	e = Env{Now: func() time.Time { return fixed }}.WithDefaults()
	if !e.Now().Equal(fixed) || e.FS == nil {
		t.Error("what was given was replaced")
	}
}

func TestADriverFindsItsSettings(t *testing.T) {
	d := Driver{Settings: []Setting{ReadOnlyOption(), CacheBytesOption("8m", "more is faster"), NoReadOnly("why")}}
	if s, ok := d.Setting(CacheBytesName); !ok || s.Default != "8m" || s.Kind != SizeSetting {
		t.Errorf("%+v, %v", s, ok)
	}
	if s, ok := d.Setting(ReadOnlyName); !ok || s.Inapplicable != "" {
		t.Errorf("%+v, %v", s, ok)
	}
	if _, ok := d.Setting("readonly"); ok {
		t.Error("found a setting by another name")
	}
}
