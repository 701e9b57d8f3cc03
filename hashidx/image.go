package hashidx

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/kvbench/kvbench/hashidx/diskindex"
	"github.com/kvbench/kvbench/hashidx/index"
	"github.com/kvbench/kvbench/hashidx/manifest"
	"github.com/kvbench/kvbench/hashidx/snapshot"
)

// An image is a file with the entries of the index at some time.
type image struct {
	name    string
	numbers []uint16 // of segments that it names, which are not given again
	writes  uint64   // how many there had been when it was begun
	serial  uint64   // of the last name that was tried
}

// Images are worth their bytes when the ops behind the last one would take
// about as long to apply as it takes to load: an op costs some 100 ns to apply
// from its hint, and an entry 30 to load.
const (
	imageLeastOps  = 4 << 20 // while open
	imageOpsPerKey = 2
	closeLeastOps  = 64 << 10 // at Close
	closeKeysPerOp = 8
)

// imageDue reports whether an image should be written, now or at Close.
// maintenance is held.
func (e *store) imageDue(closing bool) bool {
	behind, keys := e.opsWritten()-e.image.writes, uint64(e.index.Len())
	switch {
	case e.segments.heldBack(), !closing && e.index.disk != nil && e.index.disk.Full():
		return true
	case e.settings.ImageOps > 0:
		return behind >= uint64(e.settings.ImageOps)
	case closing:
		return behind >= max(closeLeastOps, keys/closeKeysPerOp)
	case e.index.disk != nil:
		return false // its memory is not full
	}
	return behind >= max(imageLeastOps, imageOpsPerKey*keys)
}

// writeImage writes an image of the index and makes the manifest name it.
// maintenance is held, so that no segment ceases to be, and GC has no copies
// under way.
func (e *store) writeImage(ctx context.Context) error {
	next := image{writes: e.opsWritten(), serial: e.image.serial + 1}
	to := manifest.Snapshot{Covers: e.hot.End()}
	if cold := e.cold.Load(); cold != nil {
		to.ColdCovers = cold.End()
	}
	e.sweep() // all ops below are in the index
	next.name = fmt.Sprintf("%016x-%d.index", uint64(to.Covers), e.manifest.State().Sequence+next.serial)
	to.Name = next.name
	if e.index.disk != nil && e.merging == nil {
		for _, s := range e.segments.list() {
			e.merging = append(e.merging, s.number)
		}
		e.segments.avoid(e.merging)
	}
	stale, err := e.fillImage(ctx, &to)
	if err != nil {
		return err
	}
	edit, listed, err := e.nameImage(&to)
	if err != nil {
		return err
	}
	for _, s := range e.segments.list() {
		next.numbers = append(next.numbers, s.number)
	}
	next.numbers = append(next.numbers, e.merging...)
	e.segments.avoid(next.numbers)
	if err := e.manifest.Apply(edit); err != nil {
		return err
	}
	for _, s := range listed {
		s.listed = true
	}
	e.segments.allow(e.image.numbers)
	e.segments.allow(e.merging)
	e.merging = nil
	if old := e.image.name; old != "" {
		stale = append(stale, old)
	}
	e.image = next
	e.removeImages(stale)
	return nil
}

// fillImage writes the file of an image. Of an index in a file it is that file,
// anew; then stale is the one before, and to may come to cover less than it was
// to: what a merge that was interrupted has covered.
func (e *store) fillImage(ctx context.Context, to *manifest.Snapshot) (stale []string, err error) {
	if disk := e.index.disk; disk != nil {
		h := diskindex.Header{Covers: to.Covers, ColdCovers: to.ColdCovers, Seed: e.seed}
		info, err := disk.Merge(ctx, to.Name, h)
		if err != nil {
			return nil, err
		}
		to.Covers, to.ColdCovers = info.Header.Covers, info.Header.ColdCovers
		if info.Previous != "" && info.Previous != e.image.name {
			stale = append(stale, info.Previous)
		}
		return stale, nil
	}
	w := e.index.mem.StartWalk()
	header := snapshot.Header{Covers: to.Covers, Seed: e.seed, Buckets: w.Buckets()}
	_, err = snapshot.Write(e.counting, e.home.Path(imageDir), to.Name, header, func(yield func([]index.Entry) error) error {
		return w.All(func(some []index.Entry) error { return errors.Join(ctx.Err(), yield(some)) })
	})
	return nil, err
}

// removeImages removes files that nothing names any more. Where that fails, the
// next Open does it.
func (e *store) removeImages(names []string) {
	for _, name := range names {
		path := filepath.Join(e.home.Path(imageDir), name)
		if err := e.counting.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			e.env.Log.Warn("remove an old image", "path", path, "error", err)
		}
	}
}

// nameImage is the edit that names an image, once all that it names is durable.
func (e *store) nameImage(to *manifest.Snapshot) (edit manifest.Edit, added []*segment, err error) {
	to.Through = e.hot.End()
	if err := e.hot.Sync(); err != nil {
		return edit, nil, err
	}
	if cold := e.cold.Load(); cold != nil {
		to.ColdThrough = cold.End()
		if err := cold.Sync(); err != nil {
			return edit, nil, err
		}
	}
	through := map[manifest.Log]uint32{manifest.Hot: to.Through.Segment(), manifest.Cold: to.ColdThrough.Segment()}
	for _, s := range e.segments.list() {
		if s.id > through[s.log] {
			continue // begun since, maybe not durable, and not in the image
		}
		g := e.describe(s, s.hinted)
		if s.listed {
			edit.Change = append(edit.Change, g)
			continue
		}
		added = append(added, s)
		edit.Add = append(edit.Add, g)
	}
	edit.Snapshot = to
	return edit, added, nil
}

// settleFiles leaves the directory so that it opens fast. There are no calls
// any more.
func (e *store) settleFiles() error {
	if e.readOnly || e.failure.Load() != nil || e.hot == nil {
		return nil
	}
	e.maintenance.Lock()
	defer e.maintenance.Unlock()
	ctx := context.Background()
	e.removeRipe()
	if err := e.sealAll(ctx); err != nil {
		return fmt.Errorf("close hash: %w", err)
	}
	if e.imageDue(true) {
		if err := e.writeImage(ctx); err != nil {
			return fmt.Errorf("close hash: %w", err)
		}
	}
	return nil
}
