package btree

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/kvbench/kvbench/btree/mapping"
	"github.com/kvbench/kvbench/btree/moment"
	"github.com/kvbench/kvbench/btree/page"
	"github.com/kvbench/kvbench/btree/pool"
	"github.com/kvbench/kvbench/btree/space"
	"github.com/kvbench/kvbench/btree/store"
	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/offheap"
	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/engine/wal"
)

const (
	dataName = "data"
	logDir   = "log"

	// Of the log 8 segments cover what a checkpoint lets go, and no more than
	// this each, since some are kept to be written again.
	minSegmentBytes = 64 << 10
	maxSegmentBytes = 16 << 20

	// hugeBytes: frames are in huge pages if they are as much.
	hugeBytes = 32 << 20
)

// begin makes what can fail, and brings the tree to where it was: the
// checkpoint, and what the log has from there on.
func (t *tree) begin() (err error) {
	began := time.Now()
	t.pages = mapping.New(offheap.Options{HugePages: true})
	sb, err := t.openFile()
	if err != nil {
		return err
	}
	if err := t.makePool(&sb); err != nil {
		return err
	}
	if err := t.loadMapping(&sb); err != nil {
		return t.damaged(fmt.Errorf("read the map of pages: %w", err))
	}
	t.opening = true
	if err := t.openLog(&sb); err != nil {
		return err
	}
	t.opening = false
	if t.readOnly { // what is dirty stays; beside it, there is what was asked for
		t.frames = t.settings.frames() + t.pool.Counts().Dirty
		t.pool.Limit(t.frames)
	}
	if !t.readOnly {
		if err := t.file.Heal(); err != nil {
			return err
		}
	}
	t.counts.placed(t.slots.Stats())
	t.recovery = time.Since(began)
	return nil
}

// makePool makes the frames. Who only reads writes no page, not even to make
// room: the pages that the log changes get frames of their own.
func (t *tree) makePool(sb *store.Superblock) (err error) {
	t.frames = t.settings.frames()
	if t.readOnly && t.settings.Mode == modeWAL {
		changed, err := t.changedByLog(sb)
		if err != nil {
			return err
		}
		t.frames += changed
	}
	t.pool, err = pool.New(pool.Options{
		PageBytes: t.settings.PageBytes, Frames: t.frames, Reserve: maxHeight * 2,
		Policy: t.settings.Eviction, Domain: t.domain,
		Memory: offheap.Options{HugePages: t.settings.HugePages && t.settings.CacheBytes >= hugeBytes},
	})
	return err
}

// changedByLog is how many pages the log may change, at most.
func (t *tree) changedByLog(sb *store.Superblock) (pages int, err error) {
	if there, err := t.exists(t.home.Path(logDir)); err != nil || !there {
		return 0, err
	}
	ops, bytes, ranges := 0, 0, false
	var b engine.Batch
	log, err := wal.Open(vfs.Classed(t.counting, vfs.Log), t.home.Path(logDir), t.logOptions(sb), func(rec wal.Record) error {
		if rec.Kind == checkpointRecord {
			return nil
		}
		bytes += len(rec.Payload)
		if rec.Kind != batchRecord || b.Load(rec.Payload) != nil { // replay tells of damage
			ops++
			return nil
		}
		var o engine.Op
		for r := b.Reader(); r.Next(&o); ops++ {
			ranges = ranges || o.Kind == engine.KindDeleteRange
		}
		return nil
	})
	if err != nil {
		return 0, t.damaged(fmt.Errorf("read the log: %w", err))
	}
	if err := log.Close(); err != nil {
		return 0, err
	}
	// An op changes pages that there are, of which there are so many, and makes
	// some by what it brings.
	pages = 4 * ops
	if ranges || pages > int(sb.Pages) {
		pages = int(sb.Pages)
	}
	return pages + min(4*ops, 4*bytes/t.settings.PageBytes+2*maxHeight), nil
}

// logOptions are those of the log behind a checkpoint.
func (t *tree) logOptions(sb *store.Superblock) wal.Options {
	o := wal.Options{
		From: wal.LSN(sb.LogFrom), Through: wal.LSN(sb.LogThrough), Complete: sb.LogFrom == 0,
		Recycle: 2, ReadOnly: t.readOnly,
		SegmentBytes: min(max(t.settings.LogBytes/8, minSegmentBytes), maxSegmentBytes),
	}
	if !t.logging {
		o.FirstBytes = minSegmentBytes
	}
	return o
}

// openFile opens the file of pages, or makes it in a directory that was marked
// and never came further: the log's directory is made after the file is there,
// durably.
func (t *tree) openFile() (store.Superblock, error) {
	path := t.home.Path(dataName)
	born, err := t.exists(t.home.Path(logDir))
	if err != nil {
		return store.Superblock{}, err
	}
	there, err := t.exists(path)
	if err != nil {
		return store.Superblock{}, err
	}
	if born && !there {
		return store.Superblock{}, t.damaged(engine.Corrupt(path, -1, "the file is missing", nil))
	}
	if there {
		if err := t.renew(path); err != nil {
			return store.Superblock{}, fmt.Errorf("write %s anew, of which a sync has failed: %w", path, err)
		}
		sb, err := t.openData(path)
		if err == nil {
			return sb, t.makeLogDir()
		}
		if born || !errors.Is(err, store.ErrUnborn) {
			return sb, t.damaged(err)
		}
	}
	if t.readOnly {
		return store.Superblock{}, fmt.Errorf("%w: %s was never finished being made: open it once for writing", engine.ErrNotEngineDir, t.home.Dir)
	}
	if there {
		if err := t.counting.Remove(path); err != nil {
			return store.Superblock{}, fmt.Errorf("remove what a crash left: %w", err)
		}
	}
	if err := t.createFile(path); err != nil {
		return store.Superblock{}, err
	}
	sb, err := t.openData(path)
	if err != nil {
		return sb, err
	}
	return sb, t.makeLogDir()
}

func (t *tree) exists(path string) (bool, error) {
	_, err := t.counting.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

func (t *tree) openData(path string) (sb store.Superblock, err error) {
	o := store.Options{PageBytes: t.settings.PageBytes, IO: t.settings.IO, ReadOnly: t.readOnly}
	t.file, sb, err = store.Open(t.counting, path, o)
	if err != nil && !t.readOnly {
		t.suspect(err)
	}
	return sb, err
}

func (t *tree) createFile(path string) error {
	root := vfs.AlignedBuffer(t.settings.PageBytes)
	page.InitLeaf(root, page.RootID, nil, nil, 0)
	sb := store.Superblock{
		PageBytes: t.settings.PageBytes,
		Logged:    t.settings.Mode == modeWAL, Cow: t.settings.Mode == modeCOW,
	}
	if err := store.Create(t.counting, path, sb, root); err != nil {
		return err
	}
	return t.counting.SyncDir(t.home.Dir)
}

// makeLogDir makes the log's directory, durably, in every mode: it says that
// the file was finished.
func (t *tree) makeLogDir() error {
	if t.readOnly {
		return nil
	}
	if err := vfs.Classed(t.counting, vfs.Meta).MkdirAll(t.home.Path(logDir)); err != nil {
		return fmt.Errorf("make the log's directory: %w", err)
	}
	return t.counting.SyncDir(t.home.Dir)
}

// loadMapping makes the tree that of the superblock.
func (t *tree) loadMapping(sb *store.Superblock) error {
	t.clock = moment.New(sb.Stamp)
	t.slots = space.New(store.Reserved(sb.PageBytes))
	t.keys.Store(int64(sb.Keys))
	if err := t.pages.Restore(sb.Pages); err != nil {
		return err
	}
	n := int64(0)
	each := func(id page.ID, e mapping.Entry) error {
		n++
		t.pages.Store(id, e)
		t.pages.SetDurable(id, e)
		if err := t.slots.Hold(e.Slot()); err != nil {
			return err
		}
		return t.slots.Fix(e.Slot())
	}
	maps, err := store.LoadMapping(t.file, sb, each, t.slots.Hold)
	if err != nil {
		return err
	}
	t.pages.FreeZero()
	t.onDisk.Store(n)
	t.work.generation, t.work.maps, t.work.reach = sb.Generation, maps, sb.Slots
	if t.pages.Load(page.RootID) == 0 {
		return engine.Corrupt(t.home.Path(dataName), -1, "the map has no root", nil)
	}
	return nil
}

// openLog opens the log and applies what it has from the checkpoint on.
func (t *tree) openLog(sb *store.Superblock) error {
	if t.settings.Mode != modeWAL {
		return nil
	}
	dir := t.home.Path(logDir)
	if t.readOnly {
		if there, err := t.exists(dir); err != nil || !there {
			return err
		}
	}
	r := &replay{tree: t, generation: sb.Generation}
	log, err := wal.Open(vfs.Classed(t.counting, vfs.Log), dir, t.logOptions(sb), r.record)
	if err != nil {
		return t.damaged(fmt.Errorf("read the log: %w", err))
	}
	t.log = log
	t.recovered = r.bytes
	return r.flush()
}

// position is where the log goes on that is not applied. mu is held.
func (t *tree) position() wal.LSN {
	if t.log == nil {
		return 0
	}
	c := &t.commits
	c.mu.Lock()
	defer c.mu.Unlock()
	if t.logging && len(c.queue) > 0 {
		return c.queue[0].lsn
	}
	return t.log.End()
}

// A replay applies records of the log, some hundreds at a time, so that those
// of a page come together.
type replay struct {
	tree       *tree
	generation uint64 // of the checkpoint
	group      []*request
	ops, held  int // in group
	bytes      int64
}

const (
	replayedOps   = 1 << 12
	replayedBytes = 4 << 20
)

func (r *replay) record(rec wal.Record) error {
	t := r.tree
	if rec.Kind != checkpointRecord {
		r.bytes += int64(len(rec.Payload))
	}
	damage := func(detail string, err error) error {
		return engine.Corrupt(wal.SegmentPath(t.home.Path(logDir), rec.LSN.Segment()), rec.LSN.Offset(), detail, err)
	}
	q := new(request)
	var err error
	switch rec.Kind {
	case batchRecord:
		q.batch = new(engine.Batch)
		if err = q.batch.Load(rec.Payload); err == nil {
			err = t.caps.CheckBatch(q.batch)
		}
		r.ops += q.batch.Len()
	case putTTLRecord:
		if err = q.parsePutTTL(rec.Payload); err == nil {
			err = errors.Join(t.caps.CheckKey(q.key), t.caps.CheckValue(q.value))
		}
		r.ops++
	case checkpointRecord:
		return r.checkpoint(rec, damage)
	default:
		return damage(fmt.Sprintf("a record of unknown kind %d", rec.Kind), nil)
	}
	if err != nil {
		return damage("a record that makes no sense", err)
	}
	r.group = append(r.group, q)
	r.held += len(rec.Payload)
	if r.ops >= replayedOps || r.held >= replayedBytes {
		return r.flush()
	}
	return nil
}

// checkpoint looks whether the superblock is the newest that there was.
func (r *replay) checkpoint(rec wal.Record, damage func(string, error) error) error {
	if len(rec.Payload) != generationBytes {
		return damage("a record that makes no sense", nil)
	}
	if g := binary.LittleEndian.Uint64(rec.Payload); g > r.generation {
		return engine.Corrupt(r.tree.home.Path(dataName), -1,
			fmt.Sprintf("the newest superblock is of generation %d, and there was one of %d", r.generation, g), nil)
	}
	return nil
}

// parsePutTTL copies what it needs.
func (q *request) parsePutTTL(payload []byte) error {
	n, w := binary.Uvarint(payload)
	if w <= 0 || n == 0 || uint64(len(payload)-w) < n || uint64(len(payload)-w)-n < expiryBytes {
		return errors.New("a put that is cut short")
	}
	b := append([]byte(nil), payload[w:]...)
	q.ttl, q.key, b = true, b[:n], b[n:]
	q.expiry, q.value = int64(binary.LittleEndian.Uint64(b)), b[expiryBytes:]
	return nil
}

// flush applies what has come together.
func (r *replay) flush() error {
	t := r.tree
	if len(r.group) == 0 {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.domain.Reclaim()
	t.takeDropped()
	if err := t.perform(r.group); err != nil {
		return fmt.Errorf("apply the log: %w", err)
	}
	clear(r.group)
	r.group, r.ops, r.held = r.group[:0], 0, 0
	return nil
}

// damaged counts damage that an error tells of, and gives it the names that the
// contract has.
func (t *tree) damaged(err error) error {
	var d *wal.DamageError
	if errors.As(err, &d) {
		err = engine.Corrupt(d.Path, d.Offset, d.Detail, err)
	}
	if errors.Is(err, engine.ErrCorrupt) {
		t.corruptions.Add(1)
	}
	return err
}
