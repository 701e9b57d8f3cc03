package engine

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// SettingKind is the type of a setting's value.
type SettingKind string

const (
	BoolSetting     SettingKind = "bool"     // true or false
	IntSetting      SettingKind = "int"      // a whole number, within Min and Max
	FloatSetting    SettingKind = "float"    // a decimal number
	SizeSetting     SettingKind = "size"     // bytes: 4096, 64k, 256MiB; suffixes are powers of 1024
	DurationSetting SettingKind = "duration" // as time.ParseDuration reads it
	ChoiceSetting   SettingKind = "choice"   // one of Choices
	TextSetting     SettingKind = "text"     // anything
)

// A Setting describes one knob of an engine. Settings are data: they are
// recorded, resolved, in every result.
type Setting struct {
	Name    string      `json:"name"`
	Kind    SettingKind `json:"kind"`
	Unit    string      `json:"unit,omitempty"` // of a bare number, where the kind does not say it
	Default string      `json:"default"`
	Effect  string      `json:"effect"` // what it does and when to change it
	Choices []string    `json:"choices,omitempty"`
	Min     int64       `json:"min"` // for IntSetting and SizeSetting
	Max     int64       `json:"max"` // inclusive; 0 means no maximum

	// Fixed settings belong to the directory from its creation on: opening it
	// with another value is an error.
	Fixed bool `json:"fixed,omitempty"`

	// Inapplicable, when not empty, says why the engine has no such knob. The
	// setting is then known, but giving it a value is an error.
	Inapplicable string `json:"inapplicable,omitempty"`
}

// Settings that every driver knows.
const (
	DurabilityName = "durability"
	CacheBytesName = "cache_bytes"
	ReadOnlyName   = "read_only"
)

// DurabilityOption is the setting for the level that Default writes get.
func DurabilityOption(def Durability, set DurabilitySet) Setting {
	s := Setting{
		Name: DurabilityName, Kind: ChoiceSetting, Default: def.String(),
		Effect: "level of writes that do not ask for one",
	}
	for _, d := range set.Levels() {
		s.Choices = append(s.Choices, d.String())
	}
	return s
}

// CacheBytesOption is the setting for the size of the engine's own cache.
func CacheBytesOption(def string, effect string) Setting {
	return Setting{Name: CacheBytesName, Kind: SizeSetting, Default: def, Effect: effect}
}

// NoCacheBytes is the setting of an engine that has no cache to size.
func NoCacheBytes(why string) Setting {
	return Setting{Name: CacheBytesName, Kind: SizeSetting, Inapplicable: why}
}

// ReadOnlyOption is the setting that opens a directory without changing it.
func ReadOnlyOption() Setting {
	return Setting{
		Name: ReadOnlyName, Kind: BoolSetting, Default: "false",
		Effect: "open without changing the directory, which must exist",
	}
}

// NoReadOnly is the setting of an engine that cannot open read-only.
func NoReadOnly(why string) Setting {
	return Setting{Name: ReadOnlyName, Kind: BoolSetting, Inapplicable: why}
}

// Decode checks given against settings and stores every value, given or
// default, in the struct that into points to: in the field with the tag
// `setting:"name"`. It returns the resolved settings as canonical text.
//
// It is strict: an unknown name is an error that names the nearest known one,
// and so is a value that does not parse, is out of bounds, or belongs to an
// inapplicable setting. A tag without a setting, or the reverse, is an error
// as well, so that a test of Decode with nothing given finds it.
func Decode(settings []Setting, given map[string]string, into any) (map[string]string, error) {
	resolved, err := Resolve(settings, given)
	if err != nil {
		return nil, err
	}
	fields := fieldsByTag(into)
	for _, s := range settings {
		if s.Inapplicable != "" {
			continue
		}
		field, ok := fields[s.Name]
		if !ok {
			return nil, fmt.Errorf("setting %s: no field of %T has its tag", s.Name, into)
		}
		delete(fields, s.Name)
		if err := store(field, s, resolved[s.Name]); err != nil {
			return nil, err
		}
	}
	for name := range fields {
		return nil, fmt.Errorf("%T has a field for setting %s, which is not described", into, name)
	}
	return resolved, nil
}

// Resolve checks given against settings and returns all of them, given or
// default, as canonical text. Inapplicable settings are left out.
func Resolve(settings []Setting, given map[string]string) (map[string]string, error) {
	byName := make(map[string]Setting, len(settings))
	names := make([]string, 0, len(settings))
	for _, s := range settings {
		byName[s.Name] = s
		names = append(names, s.Name)
	}
	for _, name := range sortedKeys(given) {
		s, ok := byName[name]
		if !ok {
			return nil, fmt.Errorf("%w: unknown setting %q%s", ErrInvalid, name, Suggest(name, names))
		}
		if s.Inapplicable != "" {
			return nil, fmt.Errorf("%w: setting %s does not apply: %s", ErrInvalid, name, s.Inapplicable)
		}
	}
	resolved := make(map[string]string, len(settings))
	for _, s := range settings {
		if s.Inapplicable != "" {
			continue
		}
		text, ok := given[s.Name]
		if !ok {
			text = s.Default
		}
		canonical, err := s.canonical(text)
		if err != nil {
			return nil, err
		}
		resolved[s.Name] = canonical
	}
	return resolved, nil
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// canonical parses text and writes it in the one form that results record.
func (s Setting) canonical(text string) (string, error) {
	text = strings.TrimSpace(text)
	switch s.Kind {
	case BoolSetting:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return "", s.bad(text, "want true or false")
		}
		return strconv.FormatBool(b), nil
	case IntSetting, SizeSetting:
		n, err := s.parseInt(text)
		if err != nil {
			return "", err
		}
		return strconv.FormatInt(n, 10), nil
	case FloatSetting:
		f, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
			return "", s.bad(text, "want a decimal number")
		}
		return strconv.FormatFloat(f, 'g', -1, 64), nil
	case DurationSetting:
		d, err := time.ParseDuration(text)
		if err != nil || d < 0 {
			return "", s.bad(text, "want a duration such as 250ms or 2s")
		}
		return d.String(), nil
	case ChoiceSetting:
		for _, c := range s.Choices {
			if strings.EqualFold(c, text) {
				return c, nil
			}
		}
		return "", s.bad(text, "want one of "+strings.Join(s.Choices, ", "))
	case TextSetting:
		return text, nil
	}
	return "", fmt.Errorf("setting %s: unknown kind %q", s.Name, s.Kind)
}

func (s Setting) parseInt(text string) (n int64, err error) {
	if s.Kind == SizeSetting {
		if n, err = ParseSize(text); err != nil {
			return 0, s.bad(text, "want bytes, such as 4096, 64k or 256MiB")
		}
	} else if n, err = strconv.ParseInt(text, 10, 64); err != nil {
		return 0, s.bad(text, "want a whole number")
	}
	if n < s.Min {
		return 0, s.bad(text, fmt.Sprintf("the least is %d", s.Min))
	}
	if s.Max > 0 && n > s.Max {
		return 0, s.bad(text, fmt.Sprintf("the most is %d", s.Max))
	}
	return n, nil
}

func (s Setting) bad(text, want string) error {
	return fmt.Errorf("%w: setting %s = %q: %s", ErrInvalid, s.Name, text, want)
}

func fieldsByTag(into any) map[string]reflect.Value {
	v := reflect.ValueOf(into).Elem()
	fields := make(map[string]reflect.Value)
	for i := range v.NumField() {
		if name := v.Type().Field(i).Tag.Get("setting"); name != "" {
			fields[name] = v.Field(i)
		}
	}
	return fields
}

// store puts canonical text, which parses, into a field of a fitting type.
func store(field reflect.Value, s Setting, text string) error {
	switch p := field.Addr().Interface().(type) {
	case *Durability:
		return p.UnmarshalText([]byte(text))
	case *time.Duration:
		d, err := time.ParseDuration(text)
		*p = d
		return err
	case *bool:
		*p = text == "true"
	case *string:
		*p = text
	case *int:
		n, err := strconv.ParseInt(text, 10, 0)
		*p = int(n)
		return err
	case *int64:
		n, err := strconv.ParseInt(text, 10, 64)
		*p = n
		return err
	case *float64:
		f, err := strconv.ParseFloat(text, 64)
		*p = f
		return err
	default:
		return fmt.Errorf("setting %s: a field of type %s cannot hold it", s.Name, field.Type())
	}
	return nil
}

// sizeSuffixes are tried in order, after lower-casing; longest first.
var sizeSuffixes = []struct {
	text  string
	shift uint
}{
	{"kib", 10},
	{"mib", 20},
	{"gib", 30},
	{"tib", 40},
	{"kb", 10},
	{"mb", 20},
	{"gb", 30},
	{"tb", 40},
	{"k", 10},
	{"m", 20},
	{"g", 30},
	{"t", 40},
	{"b", 0},
}

// ParseSize reads a number of bytes. The suffixes k, m, g and t, also as KB or
// KiB, in any case, are powers of 1024; the number may have a fraction.
func ParseSize(text string) (int64, error) {
	s := strings.ToLower(strings.TrimSpace(text))
	var shift uint
	for _, suffix := range sizeSuffixes {
		if strings.HasSuffix(s, suffix.text) {
			s, shift = strings.TrimSpace(strings.TrimSuffix(s, suffix.text)), suffix.shift
			break
		}
	}
	f, err := strconv.ParseFloat(s, 64)
	f *= float64(uint64(1) << shift)
	if err != nil || f < 0 || f >= 1<<62 || f != f {
		return 0, fmt.Errorf("%w: size %q: want bytes, such as 4096, 64k or 256MiB", ErrInvalid, text)
	}
	return int64(f), nil
}
