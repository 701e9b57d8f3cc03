package bench

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/results"
	"github.com/kvbench/kvbench/workloads"
)

// Cache regimes: where the data are while they are read. Cells of different
// regimes never share a table.
const (
	CacheCached   = "cached"   // all in the engine's own cache
	CacheOSCached = "oscached" // larger than the engine's cache, all in the page cache
	CacheIOBuf    = "iobuf"    // larger than memory, which a control group limits; read through the page cache
	CacheIODirect = "iodirect" // read past the page cache (O_DIRECT), and larger than the engine's cache
)

func cacheRegimes() []string { return []string{CacheCached, CacheOSCached, CacheIOBuf, CacheIODirect} }

// ParseCacheRegime reads the name of a cache regime; empty claims none.
func ParseCacheRegime(s string) (string, error) {
	name := strings.ToLower(s)
	if name == "" || slices.Contains(cacheRegimes(), name) {
		return name, nil
	}
	return "", fmt.Errorf("%w: cache regime %q%s", engine.ErrInvalid, s, engine.Suggest(s, cacheRegimes()))
}

// Sizes that the regimes set.
const (
	cachedSlack = 2         // times the data: blocks and pages are not full, and caches have shards
	cachedLeast = 256 << 20 // bytes; logs keep garbage beside the data
	smallShare  = 8         // the data over a cache that is too small for them
	limitShare  = 2         // the data over a memory that is too small for them
	// limitLeast is what a process needs whatever its data: memtables, the
	// harness's tapes, the program.
	limitLeast = 512 << 20
)

// ClaimCacheRegime gives x's engines what a regime takes: the size of their
// caches relative to the data, reads past the page cache, a limit of memory.
// What the user has set stays as it is; the counters will tell. Notes say what
// an engine has no setting for. It is called before x is planned, and fails
// when an engine or this machine cannot do it.
func (x *Experiment) ClaimCacheRegime(regime string) (notes []string, err error) {
	if x.CacheRegime, err = ParseCacheRegime(regime); err != nil || x.CacheRegime == "" {
		return nil, err
	}
	var data uint64
	for _, w := range x.Workloads {
		data = max(data, liveBytes(w.Spec))
	}
	if x.CacheRegime == CacheIOBuf {
		if x.MemoryLimit = data / limitShare; x.MemoryLimit < limitLeast {
			return nil, fmt.Errorf("%w: cache regime %s: %d MiB of data are too few to be larger than a memory of %d MiB: use at least %d times the records",
				engine.ErrInvalid, CacheIOBuf, data>>20, limitLeast>>20, limitShare*limitLeast/max(data, 1)+1)
		}
		if err := canLimitMemory(); err != nil {
			return nil, fmt.Errorf("%w: cache regime %s: %w; %s needs no limit", engine.ErrUnsupported, CacheIOBuf, err, CacheIODirect)
		}
	}
	for i := range x.Engines {
		note, err := x.Engines[i].claim(x.CacheRegime, data)
		if err != nil {
			return nil, err
		}
		if note != "" && !slices.Contains(notes, note) {
			notes = append(notes, note)
		}
	}
	return notes, nil
}

// claim adds the settings of a regime to those that were given.
func (e *EngineChoice) claim(regime string, data uint64) (note string, err error) {
	if e.Driver.Rail {
		return "", nil
	}
	settings := make(map[string]string)
	cache, ok := e.Driver.Setting(engine.CacheBytesName)
	switch {
	case !ok || cache.Inapplicable != "":
		note = fmt.Sprintf("%s: %s, so that its own cache cannot be made to fit the regime %s", e.Driver.Name, cache.Inapplicable, regime)
	case regime == CacheCached:
		settings[cache.Name] = size(max(cachedSlack*data, cachedLeast), cache)
	default:
		settings[cache.Name] = size(data/smallShare, cache)
	}
	if regime == CacheIODirect {
		io, ok := e.Driver.Setting("io")
		if !ok || !slices.Contains(io.Choices, "direct") {
			return "", fmt.Errorf("%w: engine %s cannot read past the page cache (it has no io=direct), which cache regime %s takes: leave it out, or use %s",
				engine.ErrUnsupported, e.Driver.Name, CacheIODirect, CacheIOBuf)
		}
		settings[io.Name] = "direct"
	}
	maps.Copy(settings, e.Settings)
	e.Settings = settings
	return note, nil
}

// size writes bytes as a setting takes them.
func size(bytes uint64, s engine.Setting) string {
	n := max(int64(min(bytes, 1<<62)), s.Min)
	if s.Max > 0 {
		n = min(n, s.Max)
	}
	return strconv.FormatInt(n, 10)
}

// Bounds of what the counters of a regime show, per operation.
const (
	// someMisses is the share of operations that may miss a cache that holds
	// all data, or have to in one that does not: first touches, and blocks that
	// compactions have just made.
	someMisses = 0.01
	// someReads is likewise of a page of 4 KiB from the device.
	someReads = 0.01
	pageBytes = 4096
)

// contradiction says how the counters of a measured phase contradict the cache
// regime of its name; empty when they do not. What is not known contradicts
// nothing, but in a regime that rests on reads of the device these have to be
// known. Phases without reads have nothing to show and contradict nothing,
// unless their regime claims reads.
func contradiction(c *results.Cell) string {
	var reads, all uint64
	for kind, op := range c.Ops {
		all += op.N
		switch kind {
		case workloads.Insert.String(), workloads.Put.String(), workloads.Delete.String(), workloads.DeleteRange.String():
		default: // an update of a field reads the record
			reads += op.N
		}
	}
	fetched, fetchedKnown := c.IO.ReadBytes.Value()
	misses, missesKnown := c.Metrics.Cache.Misses.Value()
	pages := float64(fetched) / pageBytes / float64(max(all, 1))
	missed := float64(misses) / float64(max(all, 1))
	switch c.CacheRegime {
	case CacheCached, CacheOSCached:
		switch {
		case fetchedKnown && pages > someReads:
			return fmt.Sprintf("%s means that nothing is read from the device; %d bytes were, %.3g pages an operation", c.CacheRegime, fetched, pages)
		case missesKnown && c.CacheRegime == CacheCached && missed > someMisses:
			return fmt.Sprintf("%s means that the engine's cache has it all; it missed %d times, %.3g an operation", c.CacheRegime, misses, missed)
		case missesKnown && c.CacheRegime == CacheOSCached && reads > 0 && missed < someMisses:
			return fmt.Sprintf("%s means that the data are larger than the engine's cache; it missed only %d times, %.3g an operation", c.CacheRegime, misses, missed)
		}
	case CacheIOBuf, CacheIODirect:
		if !fetchedKnown || pages < someReads {
			return fmt.Sprintf("%s means that data come from the device; the reads counted are %s bytes in %d operations", c.CacheRegime, c.IO.ReadBytes, all)
		}
	}
	return ""
}

// regime takes the name of a cache regime away from a cell that is not in it.
// A measured load reads nothing, and keeps it.
func (j *judgement) regime() {
	if reason := contradiction(j.Cell); reason != "" {
		j.CacheRegime = ""
		j.red(results.FlagRegime, "%s", reason)
	}
}
