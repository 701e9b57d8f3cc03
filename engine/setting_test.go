package engine

import (
	"errors"
	"maps"
	"reflect"
	"strings"
	"testing"
	"time"
)

type everyKind struct {
	Level  Durability    `setting:"durability"`
	Flag   bool          `setting:"flag"`
	Count  int           `setting:"count"`
	Long   int64         `setting:"long"`
	Size   int64         `setting:"size"`
	Ratio  float64       `setting:"ratio"`
	Wait   time.Duration `setting:"wait"`
	Choice string        `setting:"choice"`
	Name   string        `setting:"name"`
	Other  int           // no setting
}

func everySetting() []Setting {
	return []Setting{
		DurabilityOption(OS, Durabilities(None, OS, Sync)),
		NoCacheBytes("it has no cache"),
		{Name: "flag", Kind: BoolSetting, Default: "false"},
		{Name: "count", Kind: IntSetting, Default: "3", Min: -2, Max: 9},
		{Name: "long", Kind: IntSetting, Default: "0"},
		{Name: "size", Kind: SizeSetting, Default: "4k", Min: 1024, Max: 1 << 30},
		{Name: "ratio", Kind: FloatSetting, Default: "0.5"},
		{Name: "wait", Kind: DurationSetting, Default: "1500ms"},
		{Name: "choice", Kind: ChoiceSetting, Default: "Red", Choices: []string{"Red", "green"}},
		{Name: "name", Kind: TextSetting, Default: ""},
	}
}

func TestSettingsHaveTheirDefaults(t *testing.T) {
	var got everyKind
	resolved, err := Decode(everySetting(), nil, &got)
	if err != nil {
		t.Fatal(err)
	}
	want := everyKind{Level: OS, Count: 3, Size: 4096, Ratio: 0.5, Wait: 1500 * time.Millisecond, Choice: "Red"}
	if got != want {
		t.Errorf("decoded %+v, want %+v", got, want)
	}
	if want := map[string]string{
		"durability": "os", "flag": "false", "count": "3", "long": "0", "size": "4096",
		"ratio": "0.5", "wait": "1.5s", "choice": "Red", "name": "",
	}; !maps.Equal(resolved, want) {
		t.Errorf("resolved %v, want %v", resolved, want)
	}
}

func TestSettingsAreDecodedAndWrittenInOneForm(t *testing.T) {
	var got everyKind
	given := map[string]string{
		"durability": "SYNC", "flag": "T", "count": " -2 ", "long": "9223372036854775807", "size": "1.5 MiB",
		"ratio": "1e2", "wait": "90s", "choice": "GREEN", "name": "any = thing",
	}
	resolved, err := Decode(everySetting(), given, &got)
	if err != nil {
		t.Fatal(err)
	}
	want := everyKind{
		Level: Sync, Flag: true, Count: -2, Long: 1<<63 - 1, Size: 3 << 19,
		Ratio: 100, Wait: 90 * time.Second, Choice: "green", Name: "any = thing",
	}
	if got != want {
		t.Errorf("decoded %+v, want %+v", got, want)
	}
	var again everyKind
	twice, err := Decode(everySetting(), resolved, &again)
	if err != nil || again != got || !maps.Equal(twice, resolved) {
		t.Errorf("what was resolved decodes to %+v, %v, %v", again, twice, err)
	}
}

func TestABadSettingIsRefusedByNameAndReason(t *testing.T) {
	for _, c := range []struct{ name, value, want string }{
		{"durability", "buffered", "want one of none, os, sync"},
		{"durability", "default", "want one of"},
		{"flag", "yes", "want true or false"},
		{"flag", "", "want true or false"},
		{"count", "-3", "the least is -2"},
		{"count", "10", "the most is 9"},
		{"count", "2.5", "want a whole number"},
		{"count", "4k", "want a whole number"},
		{"long", "9223372036854775808", "want a whole number"},
		{"long", "-1", "the least is 0"},
		{"size", "1023", "the least is 1024"},
		{"size", "2g", "the most is 1073741824"},
		{"size", "big", "want bytes"},
		{"ratio", "half", "want a decimal number"},
		{"ratio", "NaN", "want a decimal number"},
		{"ratio", "-inf", "want a decimal number"},
		{"wait", "5", "want a duration"},
		{"wait", "-1s", "want a duration"},
		{"choice", "blue", "want one of Red, green"},
		{"cache_bytes", "1", "it has no cache"},
		{"cuont", "1", "did you mean count?"},
		{"durabilityy", "os", "did you mean durability?"},
	} {
		_, err := Decode(everySetting(), map[string]string{c.name: c.value}, new(everyKind))
		if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), c.name) {
			t.Errorf("%s=%s: %v, want %q", c.name, c.value, err, c.want)
		}
	}
}

func TestSettingsAndFieldsMustMatch(t *testing.T) {
	flag := []Setting{{Name: "flag", Kind: BoolSetting, Default: "true"}}
	type missing struct{}
	type extra struct {
		Flag  bool `setting:"flag"`
		Depth int  `setting:"depth"`
	}
	type wrong struct {
		Flag chan int `setting:"flag"`
	}
	type right struct {
		Flag bool `setting:"flag"`
	}
	for want, into := range map[string]any{
		"no field":             new(missing),
		"which is not descr":   new(extra),
		"chan int cannot hold": new(wrong),
		"":                     new(right),
	} {
		_, err := Decode(flag, nil, into)
		if (want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", reflect.TypeOf(into), err, want)
		}
	}
	bad := []Setting{{Name: "flag", Kind: "colour", Default: "red"}}
	if _, err := Decode(bad, nil, new(right)); err == nil || !strings.Contains(err.Error(), "unknown kind") {
		t.Errorf("unknown kind: %v", err)
	}
	bad = []Setting{{Name: "flag", Kind: BoolSetting}}
	if _, err := Resolve(bad, nil); !errors.Is(err, ErrInvalid) {
		t.Errorf("a default that does not parse: %v", err)
	}
}

func TestSizesArePowersOf1024(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "4096": 4096, "4096b": 4096, "64k": 64 << 10, "64KB": 64 << 10, "64 KiB": 64 << 10,
		"256MiB": 256 << 20, "1.5m": 3 << 19, "2g": 2 << 30, "3TiB": 3 << 40, " 1 ": 1, "0.5k": 512,
	} {
		if got, err := ParseSize(text); err != nil || got != want {
			t.Errorf("%q is %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "k", "-1", "1x", "1 2", "inf", "nan", "1e30", "4096 bytes", "5000000t", "1kk"} {
		if got, err := ParseSize(text); !errors.Is(err, ErrInvalid) {
			t.Errorf("%q is %d, %v", text, got, err)
		}
	}
}

func TestTheNearestNameIsSuggested(t *testing.T) {
	names := []string{"durability", "cache_bytes", "read_only"}
	for name, want := range map[string]string{
		"durabilty":           "; did you mean durability?",
		"DURABILITY":          "; did you mean durability?",
		"cachebytes":          "; did you mean cache_bytes?",
		"readonly":            "; did you mean read_only?",
		"":                    "; known are durability, cache_bytes, read_only",
		"compression_codec_x": "; known are durability, cache_bytes, read_only",
	} {
		if got := Suggest(name, names); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
	if got := Suggest("anything", nil); got != "" {
		t.Errorf("of none: %q", got)
	}
}
