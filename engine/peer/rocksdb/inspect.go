//go:build rocksdb

package rocksdb

import (
	"context"
	"strconv"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/peer/internal/adapt"
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
// which checks each block's checksum.
func verify(ctx context.Context, dir string, env engine.Env, report func(engine.Problem)) error {
	e, err := openQuiet(dir, env.WithDefaults())
	if err != nil {
		return adapt.ReportDamage(err, report)
	}
	defer e.Close()
	return adapt.VerifyByReading(ctx, e, report)
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
