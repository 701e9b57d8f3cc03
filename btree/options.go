package btree

import (
	"github.com/kvbench/kvbench/btree/pace"
	"github.com/kvbench/kvbench/engine"
)

// minFrames is how many frames a pool has at least: what one group of writers
// and some readers need at the same time.
const minFrames = 64

// frames is how many pages of memory there are.
func (s *settings) frames() int {
	const most = 1<<31 - 1
	return int(min(max(s.CacheBytes/int64(s.PageBytes), minFrames), most))
}

// pacing is when checkpoints begin and end. Without a log its length says
// nothing.
func (s *settings) pacing() pace.Options {
	o := pace.Options{
		LogBytes: s.LogBytes, Interval: s.CheckpointInterval, Pace: s.CheckpointPace,
		DirtyShare: s.DirtyShare, CleanShare: s.CleanShare,
	}
	if s.Mode == modeCOW || s.Durability == engine.None {
		o.LogBytes = 0
	}
	return o
}
