package pebble

import (
	"context"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/peer/internal/adapt"
)

// openToLook opens a directory read-only.
func openToLook(dir string, env engine.Env) (*store, error) {
	var s settings
	given := map[string]string{engine.ReadOnlyName: "true"}
	if _, err := engine.Decode(describe(), given, &s); err != nil {
		return nil, err
	}
	return openStore(dir, s, env.WithDefaults())
}

// verify checks the order of the levels and reads every block.
func verify(ctx context.Context, dir string, env engine.Env, report func(engine.Problem)) error {
	e, err := openToLook(dir, env)
	if err != nil {
		return adapt.ReportDamage(err, report)
	}
	defer e.Close()
	if err := e.db.CheckLevels(nil); err != nil {
		report(engine.Problem{File: e.path, Offset: -1, Detail: "levels: " + err.Error()})
	}
	return adapt.VerifyByReading(ctx, e, report)
}

// inspect describes the levels.
func inspect(_ context.Context, dir string, env engine.Env) (engine.Layout, error) {
	e, err := openToLook(dir, env)
	if err != nil {
		return engine.Layout{}, fmt.Errorf("inspect pebble: %w", err)
	}
	defer e.Close()
	m := e.db.Metrics()
	table := engine.LayoutTable{
		Title:   "levels",
		Columns: []string{"level", "sublevels", "tables", "bytes", "score"},
	}
	for i := range m.Levels {
		table.Rows = append(table.Rows, levelRow(i, &m.Levels[i]))
	}
	return engine.Layout{
		Facts: []engine.Fact{
			{Name: "format", Value: e.db.FormatMajorVersion().String()},
			{Name: "disk bytes", Value: fmt.Sprint(m.DiskSpaceUsage())},
			{Name: "log bytes", Value: fmt.Sprint(m.WAL.PhysicalSize)},
			{Name: "blob files", Value: fmt.Sprint(m.BlobFiles.LiveCount)},
			{Name: "tombstones", Value: fmt.Sprint(m.Keys.TombstoneCount)},
		},
		Tables: []engine.LayoutTable{table},
	}, nil
}

func levelRow(level int, l *pebble.LevelMetrics) []string {
	return []string{
		fmt.Sprint(level), fmt.Sprint(l.Sublevels), fmt.Sprint(l.TablesCount),
		fmt.Sprint(l.TablesSize), fmt.Sprintf("%.2f", l.Score),
	}
}
