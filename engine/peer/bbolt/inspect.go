package bbolt

import (
	"context"
	"fmt"
	"strconv"

	"go.etcd.io/bbolt"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/peer/internal/adapt"
)

// openToLook opens a directory read-only, with the page size that it has.
func openToLook(dir string, env engine.Env) (*store, error) {
	env = env.WithDefaults()
	given := map[string]string{engine.ReadOnlyName: "true"}
	m, err := engine.ReadMarker(env.FS, dir)
	if err != nil {
		return nil, err
	}
	if size, ok := m.Fixed[pageBytesName]; ok && m.Engine == name {
		given[pageBytesName] = size
	}
	var s settings
	if _, err := engine.Decode(describe(), given, &s); err != nil {
		return nil, err
	}
	return openStore(dir, s, env)
}

// verify reads the whole tree and then runs bbolt's own check, which panics in
// a goroutine of its own when a page makes no sense, and so comes second.
func verify(ctx context.Context, dir string, env engine.Env, report func(engine.Problem)) error {
	e, err := openToLook(dir, env)
	if err != nil {
		return adapt.ReportDamage(err, report)
	}
	defer e.Close()
	sound := true
	found := func(p engine.Problem) {
		sound = false
		report(p)
	}
	if err := adapt.VerifyByReading(ctx, e, found); err != nil || !sound {
		return err
	}
	return e.db.View(func(tx *bbolt.Tx) error {
		for problem := range tx.Check() {
			report(engine.Problem{File: e.path, Offset: -1, Detail: problem.Error()})
		}
		return nil
	})
}

func inspect(_ context.Context, dir string, env engine.Env) (layout engine.Layout, err error) {
	e, err := openToLook(dir, env)
	if err != nil {
		return layout, fmt.Errorf("inspect bbolt: %w", err)
	}
	defer e.Close()
	defer adapt.Rescue(e.path, &err)
	var s bbolt.BucketStats
	var size int64
	err = e.db.View(func(tx *bbolt.Tx) error {
		size = tx.Size()
		if b := tx.Bucket([]byte(bucket)); b != nil {
			s = b.Stats()
		}
		return nil
	})
	if err != nil {
		return layout, fmt.Errorf("inspect bbolt: %w", translate(e.path, err))
	}
	row := func(kind string, pages, overflow, allocated, used int) []string {
		return []string{kind, strconv.Itoa(pages), strconv.Itoa(overflow), strconv.Itoa(allocated), strconv.Itoa(used)}
	}
	return engine.Layout{
		Facts: []engine.Fact{
			{Name: "page bytes", Value: strconv.Itoa(e.db.Info().PageSize)},
			{Name: "file bytes", Value: strconv.FormatInt(size, 10)},
			{Name: "depth", Value: strconv.Itoa(s.Depth)},
			{Name: "keys", Value: strconv.Itoa(s.KeyN)},
		},
		Tables: []engine.LayoutTable{{
			Title: "pages", Columns: []string{"kind", "pages", "overflow pages", "bytes", "bytes used"},
			Rows: [][]string{
				row("branch", s.BranchPageN, s.BranchOverflowN, s.BranchAlloc, s.BranchInuse),
				row("leaf", s.LeafPageN, s.LeafOverflowN, s.LeafAlloc, s.LeafInuse),
			},
		}},
	}, nil
}
