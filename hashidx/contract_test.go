package hashidx

import (
	"testing"

	"github.com/kvbench/kvbench/engine/enginetest"
)

func TestTheHashEngineKeepsTheContract(t *testing.T) {
	enginetest.Run(t, Driver(), enginetest.Tiny(map[string]string{"tail_bytes": "16k", "segment_bytes": "8k", "image_ops": "8"}))
}
