package catalog

import (
	"fmt"
	"strings"

	"github.com/kvbench/kvbench/btree"
	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/mem"
	"github.com/kvbench/kvbench/engine/noop"
	"github.com/kvbench/kvbench/engine/peer/badger"
	"github.com/kvbench/kvbench/engine/peer/bbolt"
	"github.com/kvbench/kvbench/engine/peer/goleveldb"
	"github.com/kvbench/kvbench/engine/peer/pebble"
	"github.com/kvbench/kvbench/engine/peer/pogreb"
	"github.com/kvbench/kvbench/hashidx"
	"github.com/kvbench/kvbench/lsm"
)

// All returns the drivers of this build.
func All() []engine.Driver {
	drivers := []engine.Driver{
		lsm.Driver(),
		btree.Driver(),
		hashidx.Driver(),
		pebble.Driver(), bbolt.Driver(), badger.Driver(), goleveldb.Driver(), pogreb.Driver(),
	}
	drivers = append(drivers, tagged()...)
	return append(drivers, mem.Driver(), noop.Driver())
}

// Names returns the names of All, in its order.
func Names() []string {
	var names []string
	for _, d := range All() {
		names = append(names, d.Name)
	}
	return names
}

// Lookup finds a driver by name, in any case. The error names the nearest one,
// or the build tag that a missing engine needs.
func Lookup(name string) (engine.Driver, error) {
	for _, d := range All() {
		if strings.EqualFold(d.Name, name) {
			return d, nil
		}
	}
	for _, tag := range []string{"rocksdb", "lmdb"} {
		if strings.EqualFold(tag, name) {
			return engine.Driver{}, fmt.Errorf("%w: engine %s is not in this build: it needs cgo and -tags %s (make peers-cgo sets both up)",
				engine.ErrUnsupported, tag, tag)
		}
	}
	return engine.Driver{}, fmt.Errorf("%w: unknown engine %q%s", engine.ErrInvalid, name, engine.Suggest(name, Names()))
}

// Open opens the named engine in dir. A zero env means the machine's file
// system and clock.
func Open(name, dir string, settings map[string]string, env engine.Env) (engine.Engine, error) {
	d, err := Lookup(name)
	if err != nil {
		return nil, err
	}
	return d.Open(dir, settings, env)
}
