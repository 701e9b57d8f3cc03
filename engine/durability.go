package engine

import (
	"fmt"
	"strings"
)

// Durability says what a write has survived once the call that made it has
// returned. Levels are ordered: a higher one survives all that a lower one
// does. An engine that does not know a level refuses it with ErrUnsupported;
// it never takes a weaker one instead.
type Durability uint8

const (
	// Default is the level that the engine was opened with.
	Default Durability = iota
	// None: no log. Lost at any exit without Close, Checkpoint or Sync.
	None
	// Buffered: logged in the memory of this process. Lost by kill -9.
	Buffered
	// OS: handed to the kernel. Survives kill -9, not a power loss.
	OS
	// Sync: on stable storage (fdatasync done). Survives a power loss.
	Sync
)

// String returns the level's name as settings and results spell it.
func (d Durability) String() string {
	switch d {
	case Default:
		return "default"
	case None:
		return "none"
	case Buffered:
		return "buffered"
	case OS:
		return "os"
	case Sync:
		return "sync"
	}
	return fmt.Sprintf("durability(%d)", uint8(d))
}

// ParseDurability reads a level's name, in any case.
func ParseDurability(s string) (Durability, error) {
	for d := Default; d <= Sync; d++ {
		if strings.EqualFold(s, d.String()) {
			return d, nil
		}
	}
	return Default, fmt.Errorf("%w: durability %q: want none, buffered, os or sync", ErrInvalid, s)
}

// MarshalText writes the level's name.
func (d Durability) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads a level's name.
func (d *Durability) UnmarshalText(text []byte) (err error) {
	*d, err = ParseDurability(string(text))
	return err
}

// SurvivesKill reports whether a write at this level outlives a kill -9 of the
// process. It is false for Default, which is not a level.
func (d Durability) SurvivesKill() bool { return d == OS || d == Sync }

// DurabilitySet is a set of levels. Default is never a member.
type DurabilitySet uint8

// Durabilities returns the set of the given levels.
func Durabilities(levels ...Durability) DurabilitySet {
	var s DurabilitySet
	for _, d := range levels {
		if d != Default {
			s |= 1 << d
		}
	}
	return s
}

// Has reports whether d is in the set.
func (s DurabilitySet) Has(d Durability) bool { return d != Default && s&(1<<d) != 0 }

// Levels lists the set from the weakest level to the strongest.
func (s DurabilitySet) Levels() []Durability {
	var levels []Durability
	for d := None; d <= Sync; d++ {
		if s.Has(d) {
			levels = append(levels, d)
		}
	}
	return levels
}

// String lists the names of the levels, separated by commas.
func (s DurabilitySet) String() string {
	names := make([]string, 0, 4)
	for _, d := range s.Levels() {
		names = append(names, d.String())
	}
	return strings.Join(names, ",")
}

// MarshalText writes what String returns.
func (s DurabilitySet) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads names separated by commas; empty text is the empty set.
func (s *DurabilitySet) UnmarshalText(text []byte) error {
	*s = 0
	if len(text) == 0 {
		return nil
	}
	for name := range strings.SplitSeq(string(text), ",") {
		d, err := ParseDurability(name)
		if err != nil {
			return err
		}
		*s |= Durabilities(d)
	}
	return nil
}

// Resolve returns the level that a call asking for d gets: def for Default,
// otherwise d. A level outside the set is ErrUnsupported.
func (s DurabilitySet) Resolve(d, def Durability) (Durability, error) {
	if d == Default {
		d = def
	}
	if !s.Has(d) {
		return d, unsupportedDurability(d, s)
	}
	return d, nil
}

func unsupportedDurability(d Durability, s DurabilitySet) error {
	return fmt.Errorf("%w: durability %s (this engine has: %s)", ErrUnsupported, d, s)
}

// Async picks the level that the engine's own users run without fsync: the
// strongest logged level below Sync. ok is false when there is none.
func (s DurabilitySet) Async() (d Durability, ok bool) {
	for _, d := range []Durability{OS, Buffered} {
		if s.Has(d) {
			return d, true
		}
	}
	return Default, false
}
