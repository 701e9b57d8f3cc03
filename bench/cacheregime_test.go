package bench

import (
	"errors"
	"strings"
	"testing"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/results"
)

func TestTheCountersDecideWhetherACacheRegimeKeepsItsName(t *testing.T) {
	const ops = 10_000
	for _, c := range []struct {
		regime          string
		kind            string
		fetched, misses float64 // pages, times; negative: unknown
		keeps           bool
	}{
		{CacheCached, "read", 0, 0, true},
		{CacheCached, "read", 90, 90, true}, // below 1 %
		{CacheCached, "read", 110, 0, false},
		{CacheCached, "read", 0, 110, false},
		{CacheCached, "read", -1, -1, true},
		{CacheCached, "insert", 0, 0, true},
		{CacheOSCached, "read", 0, 5000, true},
		{CacheOSCached, "read", 200, 5000, false}, // from the device
		{CacheOSCached, "read", 0, 50, false},     // all in the engine's cache
		{CacheOSCached, "read", 0, -1, true},      // as of an engine that has none
		{CacheOSCached, "insert", 0, 0, true},
		{CacheIOBuf, "read", 5000, 6000, true},
		{CacheIOBuf, "read", 50, 6000, false},
		{CacheIODirect, "read", 5000, -1, true},
		{CacheIODirect, "read", 0, 0, false},
		{CacheIODirect, "read", -1, 5000, false},
		{"", "read", 9999, 9999, true},
	} {
		count := func(n, unit float64) engine.Count {
			if n < 0 {
				return engine.Count{}
			}
			return engine.Known(uint64(n * unit))
		}
		cell := results.Cell{
			OpsPerS: results.Num(1), CacheRegime: c.regime, CacheRegimeClaimed: c.regime,
			Ops: map[string]*results.OpStats{c.kind: {N: ops}}, IO: results.IO{ReadBytes: count(c.fetched, 4096)},
		}
		cell.Metrics.Cache.Misses = count(c.misses, 1)
		judge(&cell, &CellSpec{})
		kept := cell.CacheRegime == c.regime && !flagged(&cell, results.FlagRegime)
		if kept != c.keeps || cell.CacheRegimeClaimed != c.regime {
			t.Errorf("%+v: the cell is in %q, claimed %q, flags %v", c, cell.CacheRegime, cell.CacheRegimeClaimed, cell.Quality.Flags)
		}
		if !c.keeps && (cell.Quality.Lamp != results.LampRed || cell.CacheRegime != "") {
			t.Errorf("%+v: the lamp is %s, the regime %q", c, cell.Quality.Lamp, cell.CacheRegime)
		}
	}
	load := results.Cell{OpsPerS: results.Num(1), CacheRegime: CacheIODirect, Ops: map[string]*results.OpStats{"insert": {N: ops}}}
	if judge(&load, &CellSpec{Task: TaskLoad}); load.CacheRegime != CacheIODirect {
		t.Errorf("a load, which reads nothing, lost its regime: %v", load.Quality.Flags)
	}
}

func TestACacheRegimeSetsWhatItTakes(t *testing.T) {
	driver := func(name string, settings ...engine.Setting) EngineChoice {
		return EngineChoice{Driver: engine.Driver{Name: name, Settings: settings}}
	}
	cache := engine.Setting{Name: engine.CacheBytesName, Kind: engine.SizeSetting, Default: "256m", Min: 4096}
	io := engine.Setting{Name: "io", Kind: engine.ChoiceSetting, Default: "pread", Choices: []string{"pread", "direct"}}
	mapped := engine.NoCacheBytes("it maps its file")
	claim := func(regime string, e EngineChoice) (map[string]string, []string, error) {
		x := &Experiment{Engines: []EngineChoice{e}, Workloads: []WorkloadChoice{{Spec: spec(t, "c", "recordcount=100000")}}}
		notes, err := x.ClaimCacheRegime(regime)
		return x.Engines[0].Settings, notes, err
	}
	own := driver("own", cache, io)
	own.Settings = map[string]string{"cache_bytes": "5m"}
	rail := driver("rail", cache)
	rail.Driver.Rail = true
	for _, c := range []struct {
		regime    string
		e         EngineChoice
		cache, io string
		notes     int
		fails     string
	}{
		{"cached", driver("a", cache, io), "268435456", "", 0, ""},
		{"OSCached", driver("a", cache), "12800000", "", 0, ""},
		{"iodirect", driver("a", cache, io), "12800000", "direct", 0, ""},
		{"iodirect", own, "5m", "direct", 0, ""},
		{"cached", driver("m", mapped), "", "", 1, ""},
		{"cached", rail, "", "", 0, ""},
		{"iodirect", driver("m", mapped), "", "", 0, "io=direct"},
		{"iobuf", driver("a", cache), "", "", 0, "too few"},
		{"cashed", driver("a", cache), "", "", 0, "cached"},
		{"", driver("a", cache), "", "", 0, ""},
	} {
		settings, notes, err := claim(c.regime, c.e)
		if c.fails != "" {
			if err == nil || !strings.Contains(err.Error(), c.fails) {
				t.Errorf("%s of %s: %v, want an error with %q", c.regime, c.e.Driver.Name, err, c.fails)
			}
			continue
		}
		if err != nil || settings["cache_bytes"] != c.cache || settings["io"] != c.io || len(notes) != c.notes {
			t.Errorf("%s of %s: %v, settings %v, notes %q", c.regime, c.e.Driver.Name, err, settings, notes)
		}
	}
	if _, err := ParseCacheRegime("direct"); !errors.Is(err, engine.ErrInvalid) {
		t.Errorf("a regime that there is not: %v", err)
	}
}
