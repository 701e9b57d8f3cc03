package report

import (
	"maps"
	"slices"
	"strings"
)

// sharedSettings is the title of what several engines call by one name.
const sharedSettings = "settings that several engines have"

// settings puts the resolved settings of each run's engines side by side. A
// label whose settings differ between tables is there once for each.
func (b *builder) settings() error {
	for _, s := range b.src {
		shared := &sideBySide{SettingsOf: SettingsOf{Run: s.id, Title: sharedSettings}}
		var engines []*sideBySide
		for _, g := range s.groups {
			for _, l := range g.lots() {
				if len(l.row.Settings) == 0 {
					continue
				}
				i := slices.IndexFunc(engines, func(x *sideBySide) bool { return x.Title == l.row.Engine })
				if i < 0 {
					i = len(engines)
					engines = append(engines, &sideBySide{SettingsOf: SettingsOf{Run: s.id, Title: l.row.Engine}})
				}
				if engines[i].add(l) {
					shared.add(l)
				}
			}
		}
		if len(engines) > 1 {
			shared.fill(namesOfSeveral(engines))
			if len(shared.Options) > 0 {
				b.m.Settings = append(b.m.Settings, shared.SettingsOf)
			}
		}
		for _, x := range engines {
			x.fill(nil)
			b.m.Settings = append(b.m.Settings, x.SettingsOf)
		}
	}
	return nil
}

// sideBySide is a SettingsOf in the making.
type sideBySide struct {
	SettingsOf
	columns []map[string]string
}

// add makes a column of an entry, unless it is there already.
func (s *sideBySide) add(l *lot) bool {
	for i, label := range s.Labels {
		if label == l.Engine && maps.Equal(s.columns[i], l.row.Settings) {
			return false
		}
	}
	s.Labels, s.Colors = append(s.Labels, l.Engine), append(s.Colors, l.Color)
	s.columns = append(s.columns, l.row.Settings)
	return true
}

// namesOfSeveral are the options that more than one engine has.
func namesOfSeveral(engines []*sideBySide) map[string]bool {
	times := map[string]int{}
	for _, e := range engines {
		seen := map[string]bool{}
		for _, c := range e.columns {
			for name := range c {
				if !seen[name] {
					seen[name] = true
					times[name]++
				}
			}
		}
	}
	several := map[string]bool{}
	for name, n := range times {
		several[name] = n > 1
	}
	return several
}

// fill makes a row of each option, of all when only is nil; those that differ
// come first.
func (s *sideBySide) fill(only map[string]bool) {
	names := map[string]bool{}
	for _, c := range s.columns {
		for name := range c {
			if only == nil || only[name] {
				names[name] = true
			}
		}
	}
	for name := range names {
		o := Setting{Name: name}
		first, have := "", false
		for _, c := range s.columns {
			v, ok := c[name]
			o.Values = append(o.Values, v)
			o.Differs = o.Differs || ok && have && v != first
			if ok && !have {
				first, have = v, true
			}
		}
		s.Options = append(s.Options, o)
		if !o.Differs {
			s.Common++
		}
	}
	slices.SortFunc(s.Options, func(x, y Setting) int {
		if x.Differs != y.Differs {
			if x.Differs {
				return -1
			}
			return 1
		}
		return strings.Compare(x.Name, y.Name)
	})
}
