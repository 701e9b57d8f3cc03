package lsm

import (
	"slices"

	"github.com/kvbench/kvbench/lsm/version"
)

// install makes an edit: durable first, then in what readers look at. group
// are the frozen memtables that it puts into tables. The tables that it adds
// must be durable, with their names. An error has ended all writing, unless the
// edit is impossible.
func (t *tree) install(e *version.Edit, group []*memory) error {
	w := &t.work
	w.installing.Lock()
	defer w.installing.Unlock()
	if t.log != nil && (e.LogFrom != 0 || !t.logging) {
		// The manifest may only refer to what a crash does not take. A log that
		// nobody writes to has a beginning, which may not be durable yet.
		if err := t.log.Sync(); err != nil {
			return t.fail("sync the log", err)
		}
	}
	if t.log != nil {
		e.Through = t.log.Durable()
	}
	e.NextID, e.NextRun = t.nextID.Load(), t.nextRun.Load()
	next, dropped, err := t.manifest.Append(e)
	if err != nil {
		return t.fail("write the manifest", err)
	}
	l := t.newLevels(next.Version)
	t.files.outdate(dropped.Tables)
	t.blobs.outdate(dropped.Blobs)
	t.state.mu.Lock()
	v := t.view.Load()
	frozen := slices.DeleteFunc(slices.Clone(v.frozen), func(m *memory) bool { return slices.Contains(group, m) })
	t.show(t.newView(v.fresh, frozen, l))
	t.state.mu.Unlock()
	t.state.announce()
	t.work.pokeCompaction()
	return nil
}
