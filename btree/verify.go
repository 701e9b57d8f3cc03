package btree

import (
	"context"
	"fmt"

	"github.com/kvbench/kvbench/engine"
)

// verify implements engine.Driver.Verify.
func verify(_ context.Context, dir string, _ engine.Env, _ func(engine.Problem)) error {
	return fmt.Errorf("verify %s: %w", dir, engine.ErrUnsupported)
}
