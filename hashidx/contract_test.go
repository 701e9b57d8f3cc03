package hashidx

import (
	"testing"

	"github.com/kvbench/kvbench/engine/enginetest"
)

func TestTheHashEngineKeepsTheContractWithAnIndexOnDisk(t *testing.T) {
	enginetest.Run(t, Driver(),
		enginetest.Settings(map[string]string{"index": "disk", "index_front_bytes": "64k"}),
		enginetest.Tiny(map[string]string{"index": "disk", "tail_bytes": "16k", "segment_bytes": "8k", "image_ops": "8"}))
}

func TestTheHashEngineKeepsTheContract(t *testing.T) {
	enginetest.Run(t, Driver(), enginetest.Tiny(map[string]string{"tail_bytes": "16k", "segment_bytes": "8k", "image_ops": "8"}))
}
