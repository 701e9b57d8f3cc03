package catalog

import (
	"slices"
	"testing"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/enginetest"
)

func TestAllEnginesAnswerAlikeWithAnySettings(t *testing.T) {
	drivers := slices.DeleteFunc(All(), func(d engine.Driver) bool { return d.Blank })
	enginetest.ModelMany(t, drivers)
}
