package enginetest

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/kvbench/kvbench/engine"
)

func settingClauses() []clause {
	return []clause{
		{name: "a driver describes itself", run: driverIsDescribed},
		{name: "every driver knows durability, cache_bytes and read_only", run: commonSettings},
		{name: "settings describe themselves and their defaults are valid", run: settingsAreDescribed},
		{name: "an unknown setting names the nearest", run: unknownSetting},
		{name: "an ill-typed setting is refused by name", run: illTypedSetting},
		{name: "a setting out of bounds is refused", run: settingOutOfBounds},
		{name: "an inapplicable setting is refused with the reason", run: inapplicableSetting},
		{name: "every choice of every setting opens", run: choicesOpen},
		{name: "Caps agree with each other and with the roles", run: capsAgree},
		{name: "Caps are the same after reopening", run: capsStay},
	}
}

func families() []string {
	return []string{engine.FamilyLSM, engine.FamilyBTree, engine.FamilyHash, engine.FamilyMemory}
}

func driverIsDescribed(b *rig) {
	d := b.d
	if d.Name == "" || d.Name != strings.ToLower(d.Name) || strings.ContainsAny(d.Name, " ./") {
		b.Errorf("name %q: want one word in lower case", d.Name)
	}
	if d.Title == "" || strings.Contains(d.Title, "\n") {
		b.Errorf("title %q: want one line", d.Title)
	}
	if !slices.Contains(families(), d.Family) {
		b.Errorf("family %q: want one of %v", d.Family, families())
	}
	for _, a := range d.Asterisks {
		if a != strings.TrimSpace(a) || !strings.HasSuffix(a, ".") {
			b.Errorf("asterisk %q is no sentence", a)
		}
	}
}

func commonSettings(b *rig) {
	for name, kind := range map[string]engine.SettingKind{
		engine.DurabilityName: engine.ChoiceSetting,
		engine.CacheBytesName: engine.SizeSetting,
		engine.ReadOnlyName:   engine.BoolSetting,
	} {
		s, ok := b.d.Setting(name)
		if !ok {
			b.Errorf("no setting %s", name)
		} else if s.Kind != kind {
			b.Errorf("setting %s is of kind %s, want %s", name, s.Kind, kind)
		}
	}
}

func settingsAreDescribed(b *rig) {
	seen := map[string]bool{}
	for _, s := range b.d.Settings {
		if seen[s.Name] {
			b.Errorf("setting %s is there twice", s.Name)
		}
		seen[s.Name] = true
		if s.Name == "" || s.Name != strings.ToLower(s.Name) || strings.ContainsAny(s.Name, " .-=") {
			b.Errorf("setting %q: want a name in lower_case", s.Name)
		}
		if s.Effect == "" && s.Inapplicable == "" {
			b.Errorf("setting %s does not say its effect", s.Name)
		}
		if (s.Kind == engine.ChoiceSetting) != (len(s.Choices) > 0) && s.Inapplicable == "" {
			b.Errorf("setting %s of kind %s has choices %v", s.Name, s.Kind, s.Choices)
		}
	}
	if _, err := engine.Resolve(b.d.Settings, nil); err != nil {
		b.Errorf("a default is not valid: %v", err)
	}
}

// refusesSetting expects an ErrInvalid that mentions all of words.
func (b *rig) refusesSetting(name, value string, words ...string) {
	b.Helper()
	dir := b.TempDir()
	e, err := b.d.Open(dir, b.with(map[string]string{name: value}), engine.Env{})
	if err == nil {
		e.Close()
		b.Errorf("%s=%s was accepted", name, value)
		return
	}
	b.is(err, engine.ErrInvalid, "%s=%s", name, value)
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			b.Errorf("%s=%s: the error %q does not mention %q", name, value, err, word)
		}
	}
	if left := fingerprint(b, dir); len(left) > 0 {
		b.Errorf("%s=%s: the refused open left %v", name, value, left)
	}
}

func unknownSetting(b *rig) {
	b.refusesSetting("durabilty", "none", "durabilty", engine.DurabilityName)
	b.refusesSetting("cachebytes", "1", engine.CacheBytesName)
	b.refusesSetting("qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq", "", "unknown")
}

func illTypedSetting(b *rig) {
	for _, s := range b.d.Settings {
		if s.Inapplicable != "" || s.Kind == engine.TextSetting {
			continue
		}
		b.refusesSetting(s.Name, "nonsense?", s.Name, "nonsense?")
		b.refusesSetting(s.Name, "", s.Name)
	}
}

func settingOutOfBounds(b *rig) {
	for _, s := range b.d.Settings {
		if s.Inapplicable != "" || s.Kind != engine.IntSetting && s.Kind != engine.SizeSetting {
			continue
		}
		if s.Min > 0 {
			b.refusesSetting(s.Name, strconv.FormatInt(s.Min-1, 10), s.Name)
		}
		if s.Max > 0 {
			b.refusesSetting(s.Name, strconv.FormatInt(s.Max+1, 10), s.Name)
		}
	}
}

func inapplicableSetting(b *rig) {
	for _, s := range b.d.Settings {
		if s.Inapplicable != "" {
			b.refusesSetting(s.Name, "1", s.Name, s.Inapplicable)
		}
	}
}

func choicesOpen(b *rig) {
	for _, s := range b.d.Settings {
		if s.Inapplicable != "" || s.Name == engine.ReadOnlyName {
			continue
		}
		choices := s.Choices
		if s.Kind == engine.BoolSetting {
			choices = []string{"true", "false"}
		}
		for _, c := range choices {
			e := b.openIn(b.TempDir(), map[string]string{s.Name: c})
			e.put("k", c)
			e.wants("k", c)
			if e.Caps().Persistent {
				e.close()
				b.openIn(e.dir, map[string]string{s.Name: c}).wants("k", c)
			}
		}
	}
}

func capsAgree(b *rig) {
	e := b.open()
	c := e.Caps()
	implies := func(what string, a, b2 bool) {
		b.Helper()
		if a && !b2 {
			b.Errorf("Caps: %s", what)
		}
	}
	implies("Reverse without Ordered", c.Reverse, c.Ordered)
	implies("IterSnapshot without Ordered", c.IterSnapshot, c.Ordered)
	implies("PowerLossPrefix without Persistent", c.PowerLossPrefix, c.Persistent)
	implies("Checkpoint without Persistent", c.Checkpoint, c.Persistent)
	implies("no durability at all", true, len(c.Durabilities.Levels()) > 0)
	implies("nothing persists, but there are levels above none", !c.Persistent,
		c.Durabilities == engine.Durabilities(engine.None))
	implies("a negative limit", true, c.MaxKey >= 0 && c.MaxValue >= 0 && c.MaxBatch >= 0)
	implies("family "+c.Family+" is not the driver's, "+b.d.Family, true, c.Family == b.d.Family)

	hasRole[engine.Scanner](e, "Scanner", c.Ordered)
	hasRole[engine.Snapshotter](e, "Snapshotter", c.Snapshots)
	hasRole[engine.RangeDeleter](e, "RangeDeleter", c.RangeDelete)
	hasRole[engine.BulkLoader](e, "BulkLoader", c.BulkLoad)
	hasRole[engine.Expirer](e, "Expirer", c.TTL)
	hasRole[engine.Checkpointer](e, "Checkpointer", c.Checkpoint)
	hasRole[engine.UnorderedScanner](e, "UnorderedScanner", c.UnorderedScan)
}

// hasRole compares what As finds with what Caps say.
func hasRole[R any](e *opened, name string, promised bool) {
	e.b.Helper()
	if _, found := engine.As[R](e.Engine); found != promised {
		e.b.Errorf("Caps say %s: %v, As says %v", name, promised, found)
	}
	if _, has := e.Engine.(R); has && !promised {
		e.b.Logf("the engine has the methods of a %s, but its Caps deny it", name)
	}
}

func capsStay(b *rig) {
	e := b.open()
	was := e.Caps()
	e.put("k", "v")
	if now := e.Caps(); now != was {
		b.Errorf("Caps were %+v, and are %+v after a put", was, now)
	}
	if !was.Persistent {
		return
	}
	if now := e.reopen().Caps(); now != was {
		b.Errorf("Caps were %+v, and are %+v after reopening", was, now)
	}
}

// has reports whether err is nil, or one that a busy engine may answer.
func acceptable(err error, also ...error) bool {
	return err == nil || slices.ContainsFunc(also, func(want error) bool { return errors.Is(err, want) })
}
