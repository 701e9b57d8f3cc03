package badger

import (
	"context"
	"fmt"
	"strconv"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/peer/internal/adapt"
)

// openToLook opens a directory read-only and checks what it reads.
func openToLook(dir string, env engine.Env) (*store, error) {
	var s settings
	given := map[string]string{engine.ReadOnlyName: "true", "checksums": "block"}
	if _, err := engine.Decode(describe(), given, &s); err != nil {
		return nil, err
	}
	return openStore(dir, s, env.WithDefaults())
}

// verify checks every table's checksums, which iterators do not tell of, and
// then reads every value.
func verify(ctx context.Context, dir string, env engine.Env, report func(engine.Problem)) error {
	e, err := openToLook(dir, env)
	if err != nil {
		return adapt.ReportDamage(err, report)
	}
	defer e.Close()
	if err := e.verifyTables(); err != nil {
		return adapt.ReportDamage(err, report)
	}
	return adapt.VerifyByReading(ctx, e, report)
}

func (e *store) verifyTables() (err error) {
	defer adapt.Rescue(e.path, &err)
	return e.translate(e.db.VerifyChecksum())
}

func inspect(_ context.Context, dir string, env engine.Env) (engine.Layout, error) {
	e, err := openToLook(dir, env)
	if err != nil {
		return engine.Layout{}, fmt.Errorf("inspect badger: %w", err)
	}
	defer e.Close()
	table := engine.LayoutTable{
		Title:   "levels",
		Columns: []string{"level", "tables", "bytes", "target bytes", "score"},
	}
	tables := 0
	for _, l := range e.db.Levels() {
		tables += l.NumTables
		table.Rows = append(table.Rows, []string{
			strconv.Itoa(l.Level), strconv.Itoa(l.NumTables), strconv.FormatInt(l.Size, 10),
			strconv.FormatInt(l.TargetSize, 10), fmt.Sprintf("%.2f", l.Score),
		})
	}
	return engine.Layout{
		Facts:  []engine.Fact{{Name: "tables", Value: strconv.Itoa(tables)}},
		Tables: []engine.LayoutTable{table},
	}, nil
}
