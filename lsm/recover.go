package lsm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"github.com/zeebo/xxh3"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/engine/wal"
	"github.com/kvbench/kvbench/lsm/ikey"
	"github.com/kvbench/kvbench/lsm/manifest"
	"github.com/kvbench/kvbench/lsm/memtable"
	"github.com/kvbench/kvbench/lsm/version"
)

const (
	logDir = "log"

	minSegmentBytes = 64 << 10
	maxSegmentBytes = 64 << 20

	// lostDir has files that nobody knows, found after a crash that may be why.
	lostDir = "lost"
)

// recover makes the state of the directory that of t: the tables that the
// manifest names, and the ops that the log has from LogFrom on, in memtables.
func (t *tree) recover() error {
	began := time.Now()
	found, err := manifest.Scan(t.counting, t.home.Dir, nil, nil)
	if err != nil {
		return t.damaged(fmt.Errorf("read the manifest: %w", err))
	}
	if err := t.makeDirs(); err != nil {
		return err
	}
	m, state, err := manifest.Open(t.counting, t.home.Dir, manifest.Options{ReadOnly: t.readOnly})
	if err != nil {
		return t.damaged(fmt.Errorf("read the manifest: %w", err))
	}
	t.manifest = m
	t.nextID.Store(state.NextID)
	t.nextRun.Store(state.NextRun)
	orphans, err := t.checkFiles(state.Version, &found)
	if err != nil {
		return err
	}
	if t.fresh, err = t.memory.take(0, 0); err != nil {
		return err
	}
	t.fresh.from = state.LogFrom
	t.state.mu.Lock()
	t.show(t.newView(t.fresh, nil, t.newLevels(state.Version)))
	t.state.mu.Unlock()
	last, err := t.openLog(state)
	if err != nil {
		return err
	}
	t.commits.init(last)
	for _, path := range orphans { // now that manifest and log agree
		t.removeOrphan(path, found.Torn > 0)
	}
	t.recovery = time.Since(began)
	return t.initWork()
}

// makeDirs makes the directories that are absent, durably.
func (t *tree) makeDirs() error {
	if t.readOnly {
		return nil
	}
	fsys := vfs.Classed(t.counting, vfs.Meta)
	for _, name := range []string{logDir, tableDir, blobDir} {
		if err := fsys.MkdirAll(t.home.Path(name)); err != nil {
			return fmt.Errorf("make directory: %w", err)
		}
	}
	return fsys.SyncDir(t.home.Dir)
}

// openLog opens the log, puts what it has into memtables, and returns the
// highest sequence number that was ever given.
func (t *tree) openLog(state *version.State) (ikey.Seq, error) {
	r := &replay{tree: t, last: state.LastSeq}
	dir := t.home.Path(logDir)
	if t.readOnly {
		if _, err := t.counting.Stat(dir); errors.Is(err, fs.ErrNotExist) {
			return r.last, nil
		}
	}
	o := wal.Options{
		From: state.LogFrom, Through: state.Through, Complete: state.LogFrom == 0,
		Recycle: 2, ReadOnly: t.readOnly,
		// A flush then frees about one segment.
		SegmentBytes: min(max(t.settings.MemtableBytes, minSegmentBytes), maxSegmentBytes),
	}
	if !t.logging {
		o.FirstBytes = minSegmentBytes
	}
	log, err := wal.Open(vfs.Classed(t.counting, vfs.Log), dir, o, r.record)
	if err != nil {
		return 0, t.damaged(fmt.Errorf("read the log: %w", err))
	}
	t.log = log
	t.recovered = r.bytes
	return r.last, nil
}

// A replay puts records of the log into memtables.
type replay struct {
	tree   *tree
	last   ikey.Seq // the highest of tree and log
	before ikey.Seq // the highest of the log
	batch  engine.Batch
	bytes  int64
}

func (r *replay) record(rec wal.Record) error {
	r.bytes += int64(len(rec.Payload))
	t := r.tree
	damage := func(detail string, err error) error {
		return engine.Corrupt(wal.SegmentPath(t.home.Path(logDir), rec.LSN.Segment()), rec.LSN.Offset(), detail, err)
	}
	if len(rec.Payload) < sequenceBytes {
		return damage("a record without sequence number", nil)
	}
	seq := ikey.Seq(binary.LittleEndian.Uint64(rec.Payload))
	if rec.Kind == flushedRecord {
		if had := t.manifest.State().LastSeq; had < seq {
			return engine.Corrupt(t.home.Dir, -1, fmt.Sprintf("the manifest ends at sequence number %d, and had come to %d", had, seq), nil)
		}
		return nil
	}
	if seq <= r.before || seq > ikey.MaxSeq {
		return damage(fmt.Sprintf("sequence number %d behind %d", seq, r.before), nil)
	}
	var n int
	var err error
	switch rec.Kind {
	case batchRecord:
		n, err = r.applyBatch(rec, seq)
	case putTTLRecord:
		n, err = r.applyPutTTL(rec, seq)
	default:
		return damage(fmt.Sprintf("a record of unknown kind %d", rec.Kind), nil)
	}
	if errors.Is(err, engine.ErrCorrupt) {
		return damage("a record that makes no sense", err)
	}
	if err == nil && n > 0 {
		r.before = seq + ikey.Seq(n) - 1
		r.last = max(r.last, r.before)
	}
	return err
}

func (r *replay) applyBatch(rec wal.Record, seq ikey.Seq) (int, error) {
	if err := r.batch.Load(rec.Payload); err != nil {
		return 0, err
	}
	if err := r.tree.caps.CheckBatch(&r.batch); err != nil {
		return 0, engine.Corrupt("batch", 0, "a batch that was never taken", err)
	}
	m, err := r.room(rec.LSN, needOf(&r.batch), r.batch.Len())
	if err != nil {
		return 0, err
	}
	m.apply(&r.batch, seq)
	return r.batch.Len(), nil
}

func (r *replay) applyPutTTL(rec wal.Record, seq ikey.Seq) (int, error) {
	p := rec.Payload[sequenceBytes:]
	n, w := binary.Uvarint(p)
	if w <= 0 || n == 0 || n > maxKey || uint64(len(p)-w) < n+ikey.ExpiryBytes {
		return 0, engine.Corrupt("record", 0, "a put that is cut short", nil)
	}
	key, value := p[w:w+int(n)], p[w+int(n):]
	m, err := r.room(rec.LSN, memtable.Need(len(key), len(value)), 1)
	if err != nil {
		return 0, err
	}
	m.table.Add(xxh3.Hash(key), ikey.Make(seq, ikey.PutTTL), key, value)
	return 1, nil
}

// room is tree.room while nobody else is there: a memtable that is full is
// frozen, to be flushed once the tree is open.
func (r *replay) room(lsn wal.LSN, need, ops int) (*memory, error) {
	t := r.tree
	for {
		m := t.fresh
		if m.ranges.Load() < maxRanges && m.table.Reserve(need, ops) {
			return m, nil
		}
		next, err := t.memory.take(need, ops)
		if err != nil {
			return nil, err
		}
		next.from = lsn
		t.state.mu.Lock()
		v := t.view.Load()
		t.show(t.newView(next, append([]*memory{m}, v.frozen...), v.levels))
		t.state.mu.Unlock()
		t.fresh = next
	}
}

// checkFiles looks whether all files are there that a version names, and
// returns those that it does not: what jobs were writing, and what was to be
// removed. Where there is no manifest they should not be there at all.
func (t *tree) checkFiles(v *version.Version, found *manifest.Scanned) (orphans []string, err error) {
	want := map[string]int64{}
	for _, p := range v.All() {
		want[tableDir+"/"+tableName(p.Table.ID)] = p.Table.Bytes
	}
	for _, b := range v.Blobs {
		want[blobDir+"/"+blobName(b.ID)] = b.Bytes
	}
	for _, dir := range []string{tableDir, blobDir} {
		names, err := t.counting.List(t.home.Path(dir))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("list files: %w", err)
		}
		for _, name := range names {
			path := dir + "/" + name
			if _, ok := want[path]; ok {
				delete(want, path)
				continue
			}
			id, ok := fileID(path)
			if !ok {
				continue
			}
			if found.Path == "" {
				return nil, t.damaged(engine.Corrupt(t.home.Dir, -1, "the manifest is missing, and there is "+path, nil))
			}
			t.nextID.Store(max(t.nextID.Load(), id+1))
			orphans = append(orphans, path)
		}
	}
	for path := range want {
		return nil, t.damaged(engine.Corrupt(t.home.Path(path), -1, "the file is missing, and the manifest names it", nil))
	}
	return orphans, nil
}

// removeOrphan removes a file that no version names, or, where the manifest's
// end was torn, puts it aside. That fails without harm: it is tried again.
func (t *tree) removeOrphan(path string, torn bool) {
	if t.readOnly {
		return
	}
	var err error
	if torn {
		err = t.counting.MkdirAll(t.home.Path(lostDir))
		if err == nil {
			err = t.counting.Rename(t.home.Path(path), t.home.Path(lostDir+"/"+path[strings.IndexByte(path, '/')+1:]))
		}
	} else {
		err = t.counting.Remove(t.home.Path(path))
	}
	if err != nil {
		t.env.Log.Warn("a file stays that nobody knows", "file", path, "error", err)
	}
}

// fileID returns the number in the name of a table or blob file.
func fileID(path string) (uint64, bool) {
	name := path[strings.IndexByte(path, '/')+1:]
	digits, ok := strings.CutSuffix(name, tableSuffix)
	if !ok {
		digits, ok = strings.CutSuffix(name, blobSuffix)
	}
	id, err := strconv.ParseUint(digits, 10, 64)
	return id, ok && err == nil && id > 0
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
