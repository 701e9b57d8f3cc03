package enginetest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"path/filepath"
	"slices"
	"testing"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
)

// A refMutant is a ref that breaks its word when the power fails, a file
// operation fails, or bytes change, and the clauses that must notice.
type refMutant struct {
	broken  string
	driver  engine.Driver
	clauses []string
}

const (
	keepsSyncedName  = "a power loss at every sync point keeps every synced write"
	leavesPrefixName = "a power loss leaves a prefix"
	wholeBatchName   = "a batch survives a power loss whole or not at all"
	worksOnName      = "an engine works on after a power loss"
	twoCrashesName   = "a crash during recovery loses nothing"
	manyWritersName  = "a power loss amid many writers keeps what each was told"

	checkpointName = "a checkpoint stays what it was"

	failuresName    = "a failing file operation is an error, never a loss or a wrong value"
	staysName       = "after a failed write the engine is read-only and says why"
	failedSyncsName = "a failed sync is never taken for done"
	fullDiskName    = "a full disk is an error, and what is there stays readable"
	suddenEndsName  = "an end at any file operation loses nothing, also when the power fails later"

	changedName   = "every changed byte is found or harmless"
	afterKillName = "after a kill a changed byte is found, or ends a log early"
	cutName       = "a file cut short or missing is found, or ends a log early"
	placeName     = "damage is ErrCorrupt with file and offset"
	verifyName    = "Verify finds what reading finds, and more cannot stop it"
)

func refMutants() []refMutant {
	return slices.Concat(logMutants(), snapshotMutants(), wrappedMutants())
}

// logMutants have a naive log that is broken in the way that the sentence says.
func logMutants() (all []refMutant) {
	for _, m := range []struct {
		broken  string
		clauses []string
	}{
		{"acknowledges before it syncs", []string{keepsSyncedName, leavesPrefixName, worksOnName, manyWritersName}},
		{"forgets to sync its directory", []string{keepsSyncedName, leavesPrefixName, manyWritersName}},
		{"begins a segment before the last is durable", []string{keepsSyncedName}},
		{"takes leftovers for records", []string{leavesPrefixName}},
		{"leaves the torn tail", []string{twoCrashesName}},
		{"takes a torn tail for damage", []string{keepsSyncedName}},
		{"has records without a checksum", []string{leavesPrefixName, changedName}},
		{"drops what is buffered when it closes", []string{worksOnName, failuresName}},
		{"panics on a short file", []string{keepsSyncedName, cutName, verifyName}},
		{"ignores a failed sync", []string{failedSyncsName}},
		{"tries a failed sync again", []string{failedSyncsName}},
		{"takes a full disk for a written log", []string{fullDiskName, failuresName}},
		{"does not sync what it finds", []string{suddenEndsName}},
		{"takes damage for a torn tail", []string{changedName, afterKillName}},
	} {
		p := soundParts()
		p.openLog = openNaive(m.broken)
		all = append(all, refMutant{m.broken, refDriver(p), m.clauses})
	}
	return all
}

// snapshotMutants save or load snapshots in another way.
func snapshotMutants() []refMutant {
	mutant := func(broken string, change func(p *parts), clauses ...string) refMutant {
		p := soundParts()
		p.openLog = openNaive("")
		change(&p)
		return refMutant{broken, refDriver(p), clauses}
	}
	return []refMutant{
		mutant("writes the snapshot in place", func(p *parts) { p.save = saveInPlace }, keepsSyncedName, twoCrashesName),
		mutant("forgets to sync the snapshot", func(p *parts) { p.save = saveUnsynced }, keepsSyncedName),
		mutant("prunes the log before the snapshot has its name", func(p *parts) { p.save = saveUnnamed }, keepsSyncedName),
		mutant("has a snapshot without a checksum", func(p *parts) { p.load = loadUnchecked }, changedName),
		mutant("has a snapshot ahead of its log", func(p *parts) {
			open := p.openLog
			p.openLog = func(fsys vfs.FS, dir string, o logOptions, each func(uint64, []byte) error) (recordLog, error) {
				l, err := open(fsys, dir, o, each)
				return unsyncedLog{l}, err
			}
		}, worksOnName),
	}
}

// saveInPlace overwrites the last snapshot.
func saveInPlace(fsys vfs.FS, path string, s snapshot) error {
	f, err := fsys.OpenReadWrite(path)
	if err != nil {
		if err := writeFile(fsys, path, s.encode()); err != nil {
			return err
		}
		return fsys.SyncDir(filepath.Dir(path))
	}
	p := s.encode()
	_, err = f.WriteAt(p, 0)
	if err == nil {
		err = f.Truncate(int64(len(p)))
	}
	return errors.Join(err, f.Sync(), f.Close())
}

// noSync is a file system whose files are not synced.
type noSync struct{ vfs.FS }

type noSyncFile struct{ vfs.File }

func (noSyncFile) Sync() error { return nil }

func (fsys noSync) Create(path string) (vfs.File, error) {
	f, err := fsys.FS.Create(path)
	return noSyncFile{f}, err
}

func saveUnsynced(fsys vfs.FS, path string, s snapshot) error {
	return saveSnapshot(noSync{fsys}, path, s)
}

// noSyncDir is a file system whose directories are not synced.
type noSyncDir struct{ vfs.FS }

func (noSyncDir) SyncDir(string) error { return nil }

func saveUnnamed(fsys vfs.FS, path string, s snapshot) error {
	return saveSnapshot(noSyncDir{fsys}, path, s)
}

// unsyncedLog is not made durable before a snapshot; then the snapshot may be
// all that is left of what it holds.
type unsyncedLog struct{ recordLog }

func (l unsyncedLog) Sync() error { return nil }

// loadUnchecked does not look at the checksum.
func loadUnchecked(fsys vfs.FS, path string) (snapshot, error) {
	data, err := vfs.ReadFile(fsys, path)
	if err != nil || len(data) < snapshotHeader {
		return loadSnapshot(fsys, path)
	}
	binary.LittleEndian.PutUint32(data, crc32.Checksum(data[4:], castagnoli()))
	return decodeSnapshot(path, data)
}

// wrappedMutants change what a sound engine is asked or answers.
func wrappedMutants() []refMutant {
	sound, careless := openNaive(""), openNaive("writes on after a failed write")
	blind := wrapped(sound, nil)
	blind.Verify = func(context.Context, string, engine.Env, func(engine.Problem)) error { return nil }
	vague := wrapped(sound, nil)
	open := vague.Open
	vague.Open = func(dir string, settings map[string]string, env engine.Env) (engine.Engine, error) {
		e, err := open(dir, settings, env)
		if errors.Is(err, engine.ErrCorrupt) {
			err = fmt.Errorf("open: %w", engine.ErrCorrupt)
		}
		return e, err
	}
	return []refMutant{
		{
			"splits a batch in two",
			wrapped(sound, func(e *ref) engine.Engine { return splitter{e} }),
			[]string{wholeBatchName},
		},
		{
			"forgets that a write failed",
			wrapped(careless, func(e *ref) engine.Engine { return forgetful{e} }),
			[]string{staysName},
		},
		{
			"does not say why it is read-only",
			wrapped(sound, func(e *ref) engine.Engine { return silent{e} }),
			[]string{staysName},
		},
		{
			"keeps failures to itself",
			wrapped(sound, func(e *ref) engine.Engine { return optimist{e} }),
			[]string{failuresName, fullDiskName, failedSyncsName, suddenEndsName},
		},
		{
			"shares its log with checkpoints",
			wrapped(sound, func(e *ref) engine.Engine { return sharer{e} }),
			[]string{checkpointName},
		},
		{"has two logs", halved(), []string{manyWritersName}},
		{"finds nothing when it verifies", blind, []string{verifyName}},
		{"does not say where the damage is", vague, []string{placeName}},
	}
}

// wrapped is ref on a log, with something around it.
func wrapped(
	log func(vfs.FS, string, logOptions, func(uint64, []byte) error) (recordLog, error),
	wrap func(*ref) engine.Engine,
) engine.Driver {
	p := soundParts()
	p.openLog = log
	d := refDriver(p)
	open := d.Open
	d.Open = func(dir string, settings map[string]string, env engine.Env) (engine.Engine, error) {
		e, err := open(dir, settings, env)
		if err != nil || wrap == nil {
			return e, err
		}
		return wrap(e.(*ref)), nil
	}
	return d
}

// forgetful goes on after a failure.
type forgetful struct{ *ref }

func (e forgetful) Put(key, value []byte, d engine.Durability) error {
	err := e.ref.Put(key, value, d)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.failure = nil
	return err
}

// silent has no reasons.
type silent struct{ *ref }

func (e silent) Put(key, value []byte, d engine.Durability) error {
	err := e.ref.Put(key, value, d)
	if errors.Is(err, engine.ErrReadOnly) {
		return engine.ErrReadOnly
	}
	return err
}

// sharer links the files of its log, which is written on, into a checkpoint.
type sharer struct{ *ref }

func (e sharer) Checkpoint(dir string) error {
	if err := e.ref.Checkpoint(dir); err != nil {
		return err
	}
	if err := e.Compact(context.Background(), nil, nil); err != nil {
		return err
	}
	if err := e.fsys.MkdirAll(filepath.Join(dir, logName)); err != nil {
		return err
	}
	names, err := e.fsys.List(e.home.Path(logName))
	for _, name := range names {
		if err == nil {
			err = e.fsys.Link(filepath.Join(e.home.Path(logName), name), filepath.Join(dir, logName, name))
		}
	}
	if err != nil || len(names) == 0 || e.last == 0 {
		return err
	}
	if err := e.fsys.Remove(snapshotPath(dir)); err != nil {
		return err
	}
	return e.fsys.Link(e.home.Path(snapshotName), snapshotPath(dir))
}

// optimist says that all is well.
type optimist struct{ *ref }

func (e optimist) Put(key, value []byte, d engine.Durability) error {
	err := e.ref.Put(key, value, d)
	if errors.Is(err, vfs.ErrInjected) {
		return nil
	}
	return err
}

type splitter struct{ *ref }

func (e splitter) Apply(b *engine.Batch, d engine.Durability) error {
	var first, second engine.Batch
	var op engine.Op
	i := 0
	for r := b.Reader(); r.Next(&op); i++ {
		half := &first
		if i >= b.Len()/2 {
			half = &second
		}
		switch op.Kind {
		case engine.KindPut:
			half.Put(op.Key, op.Value)
		case engine.KindDelete:
			half.Delete(op.Key)
		case engine.KindDeleteRange:
			half.DeleteRange(op.Key, op.Value)
		}
	}
	if err := e.ref.Apply(&first, d); err != nil {
		return err
	}
	return e.ref.Apply(&second, d)
}

func TestEachBrokenReferenceEngineFailsTheClausesThatItBreaks(t *testing.T) {
	all := clauses()
	for _, m := range refMutants() {
		for _, name := range m.clauses {
			t.Run(fmt.Sprintf("%s: %s", m.broken, name), func(t *testing.T) {
				i := slices.IndexFunc(all, func(c clause) bool { return c.name == name })
				if i < 0 {
					t.Fatal("there is no such clause")
				}
				mustFail(t, m.driver, all[i])
			})
		}
	}
}
