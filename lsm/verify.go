package lsm

import (
	"context"

	"github.com/kvbench/kvbench/engine"
)

func verify(ctx context.Context, dir string, env engine.Env, report func(engine.Problem)) error {
	return nil
}
func inspect(ctx context.Context, dir string, env engine.Env) (engine.Layout, error) {
	return engine.Layout{}, nil
}
