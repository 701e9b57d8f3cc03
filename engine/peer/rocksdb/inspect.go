//go:build rocksdb

package rocksdb

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/kvbench/kvbench/engine"
)

// openQuiet opens dir as it is, read-only, whatever it was made with.
func openQuiet(dir string, env engine.Env) (*store, error) {
	m, err := engine.ReadMarker(env.FS, dir)
	if err != nil {
		return nil, err
	}
	var s settings
	given := map[string]string{engine.ReadOnlyName: "true"}
	if style, ok := m.Fixed["compaction"]; ok {
		given["compaction"] = style
	}
	if _, err := engine.Decode(describe(), given, &s); err != nil {
		return nil, err
	}
	return openStore(dir, s, env)
}

// verify reads every key of every live table and of the log through RocksDB,
// which checks each block's checksum. It stops at the first damage, beyond
// which RocksDB does not go.
func verify(ctx context.Context, dir string, env engine.Env, report func(engine.Problem)) error {
	env = env.WithDefaults()
	e, err := openQuiet(dir, env)
	if err == nil {
		defer e.Close()
		err = e.readAll(ctx)
	}
	if err == nil || !errors.Is(err, engine.ErrCorrupt) {
		return err
	}
	p := engine.Problem{File: dir, Offset: -1, Detail: err.Error()}
	var where *engine.CorruptionError
	if errors.As(err, &where) {
		p.File, p.Offset = where.File, where.Offset
	}
	report(p)
	return nil
}

// checkEvery is how many keys readAll visits between two looks at ctx.
const checkEvery = 1 << 12

func (e *store) readAll(ctx context.Context) error {
	it, err := e.NewIter(engine.IterOptions{})
	if err != nil {
		return err
	}
	defer it.Close()
	n := 0
	for ok := it.First(); ok; ok = it.Next() {
		if _, err := it.Value(); err != nil {
			return err
		}
		if n++; n%checkEvery == 0 && ctx.Err() != nil {
			return fmt.Errorf("verify rocksdb: %w", context.Cause(ctx))
		}
	}
	return it.Err()
}

func inspect(_ context.Context, dir string, env engine.Env) (engine.Layout, error) {
	e, err := openQuiet(dir, env.WithDefaults())
	if err != nil {
		return engine.Layout{}, err
	}
	defer e.Close()
	meta := e.db.GetColumnFamilyMetadata()
	layout := engine.Layout{
		Facts: []engine.Fact{
			{Name: "compaction", Value: e.settings.Compaction},
			{Name: "tables", Value: strconv.Itoa(meta.FileCount())},
			{Name: "table bytes", Value: strconv.FormatUint(meta.Size(), 10)},
		},
		Tables: []engine.LayoutTable{{Title: "levels", Columns: []string{"level", "tables", "bytes"}}},
	}
	for _, level := range meta.LevelMetas() {
		row := []string{
			strconv.Itoa(level.Level()),
			strconv.Itoa(len(level.SstMetas())),
			strconv.FormatUint(level.Size(), 10),
		}
		layout.Tables[0].Rows = append(layout.Tables[0].Rows, row)
	}
	return layout, nil
}
