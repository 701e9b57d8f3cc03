package btree

import (
	"context"
	"fmt"

	"github.com/kvbench/kvbench/engine"
)

// inspect implements engine.Driver.Inspect.
func inspect(_ context.Context, dir string, _ engine.Env) (engine.Layout, error) {
	return engine.Layout{}, fmt.Errorf("inspect %s: %w", dir, engine.ErrUnsupported)
}
