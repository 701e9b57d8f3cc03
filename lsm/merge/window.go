package merge

import (
	"bytes"

	"github.com/kvbench/kvbench/lsm/ikey"
	"github.com/kvbench/kvbench/lsm/tombstone"
)

// A window remembers what range deletes say of the keys around the last one.
type window struct {
	set *tombstone.Set

	known        bool
	at           ikey.Seq
	seq          ikey.Seq // the newest delete that is not newer than at
	lower, upper []byte   // of the keys for which it is; nil: no bound
}

// reset forgets, and takes another set.
func (w *window) reset(set *tombstone.Set) { *w = window{set: set} }

// covering is set.Covering.
func (w *window) covering(key []byte, at ikey.Seq) ikey.Seq {
	if !w.known || at != w.at || bytes.Compare(key, w.lower) < 0 || w.upper != nil && bytes.Compare(key, w.upper) >= 0 {
		w.seq, w.lower, w.upper = w.set.CoveringWindow(key, at)
		w.known, w.at = true, at
	}
	return w.seq
}
