package pogreb

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	pogrebfs "github.com/akrylysov/pogreb/fs"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/enginetest"
	"github.com/kvbench/kvbench/engine/peer/internal/peertest"
)

func TestPogrebKeepsTheContract(t *testing.T) {
	enginetest.Run(t, Driver(), enginetest.AllowGetAllocs(getAsterisk))
}

func TestPogrebWithPreadKeepsTheContract(t *testing.T) {
	enginetest.Run(t, Driver(), enginetest.AllowGetAllocs(getAsterisk), enginetest.Settings(map[string]string{
		"io": "pread", "background_sync_interval": "10ms", "compaction_interval": "10ms", "durability": "sync",
	}))
}

func TestTheVersionIsTheOneInGoMod(t *testing.T) {
	peertest.Version(t, Driver(), "../../../go.mod", "github.com/akrylysov/pogreb")
}

func TestOtherFileSystemsAreRefused(t *testing.T) { peertest.OnlyMachineFiles(t, Driver()) }

func TestVerifyFindsDamageInSegments(t *testing.T) {
	peertest.VerifyFindsDamage(t, Driver(), segmentExt)
}

func mustOpen(t *testing.T, dir string) *store {
	t.Helper()
	return peertest.Open(t, Driver(), dir, nil).(*store)
}

func TestASyncWriteSyncsTheSegmentAndAnOtherDoesNot(t *testing.T) {
	e := mustOpen(t, t.TempDir())
	for _, c := range []struct {
		d     engine.Durability
		syncs uint64
	}{{engine.Sync, 1}, {engine.OS, 0}, {engine.Default, 0}} {
		was := peertest.Syncs(t, e)
		if err := e.Put([]byte("k"), nil, c.d); err != nil {
			t.Fatal(err)
		}
		if got := peertest.Syncs(t, e) - was; got != c.syncs {
			t.Errorf("put at %v: %d syncs, want %d", c.d, got, c.syncs)
		}
	}
}

func TestASyncCoversSegmentsThatWereWrittenBefore(t *testing.T) {
	dir := t.TempDir()
	f := newFiles(pogrebfs.OS, dir, engine.Env{}.WithDefaults().FS)
	create := func(name string) pogrebfs.File {
		file, err := f.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_RDWR, 0o644)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := file.WriteAt([]byte("record"), 0); err != nil {
			t.Fatal(err)
		}
		return file
	}
	rotated, current, index := create("0.psg"), create("1.psg"), create("main.pix")
	defer index.Close()
	for i, want := range []uint64{2, 3} { // both segments, then the asked one only
		if err := current.Sync(); err != nil {
			t.Fatal(err)
		}
		if got := f.syncs.Load(); got != want {
			t.Errorf("sync %d: %d files synced in all, want %d", i, got, want)
		}
	}
	if _, err := current.WriteAt([]byte("copy"), 6); err != nil {
		t.Fatal(err)
	}
	was := f.syncs.Load()
	if err := errors.Join(rotated.Close(), f.Remove(filepath.Join(dir, "0.psg"))); err != nil {
		t.Fatal(err)
	}
	if f.syncs.Load() != was+1 {
		t.Error("a segment was removed before its copies were synced")
	}
	if err := current.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestADeletedKeyStaysDeletedAlthoughTheIndexHeldItTwice(t *testing.T) {
	dir := t.TempDir()
	e := mustOpen(t, dir)
	key := func(i int) []byte { return fmt.Appendf(nil, "key%04d", i) }
	const n = 500
	for round := range 20 {
		for i := range n {
			if (i+round)%3 == 0 {
				if err := e.Delete(key(i), engine.Default); err != nil {
					t.Fatal(err)
				}
			}
		}
		for i := range n {
			if (i+round)%2 == 0 {
				peertest.Put(t, e, string(key(i)), fmt.Sprint(round))
			}
		}
	}
	copied := uncleanCopy(t, dir)
	for i := range n {
		if err := e.Delete(key(i), engine.Default); err != nil {
			t.Fatal(err)
		}
	}
	for name, e := range map[string]*store{"alive": e, "recovered": mustOpen(t, uncleanCopy(t, dir))} {
		for i := range n {
			if _, err := e.Get(nil, key(i)); err != engine.ErrNotFound {
				t.Fatalf("%s: get %s: %v", name, key(i), err)
			}
		}
	}
	seen := make(map[string]int)
	err := mustOpen(t, copied).Scan(context.Background(), func(key, _ []byte) error {
		seen[string(key)]++
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for key, times := range seen {
		if times != 1 {
			t.Errorf("a scan has seen %s %d times", key, times)
		}
	}
}

// uncleanCopy copies a directory that is open, its lock file included, as a
// kill -9 would leave it.
func uncleanCopy(t *testing.T, dir string) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return to
}

func TestWhatIsWrittenAfterARecoverySurvivesTheNext(t *testing.T) {
	dir := t.TempDir()
	e := mustOpen(t, dir)
	peertest.Put(t, e, "old", "1")
	peertest.Put(t, e, "torn", "2")
	second := uncleanCopy(t, dir)
	segments, err := filepath.Glob(filepath.Join(second, "db", "*"+segmentExt))
	if err != nil || len(segments) != 1 {
		t.Fatal(segments, err)
	}
	info, err := os.Stat(segments[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(segments[0], info.Size()-3); err != nil {
		t.Fatal(err)
	}
	e = mustOpen(t, second)
	if _, err := e.Get(nil, []byte("torn")); err != engine.ErrNotFound {
		t.Error("the torn record:", err)
	}
	peertest.Put(t, e, "new", "3")
	third := uncleanCopy(t, second)
	if found := peertest.Problems(t, Driver(), third); len(found) > 0 {
		t.Errorf("the log has a hole: %+v", found)
	}
	e = mustOpen(t, third)
	peertest.Want(t, e, "old", "1")
	peertest.Want(t, e, "new", "3")
}

func TestVerifyNamesTheOffsetOfTheDamagedRecord(t *testing.T) {
	dir := t.TempDir()
	e := mustOpen(t, dir)
	peertest.Put(t, e, "a", "1")
	peertest.Put(t, e, "b", "2")
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	segments, _ := filepath.Glob(filepath.Join(dir, "db", "*"+segmentExt))
	if len(segments) != 1 {
		t.Fatal(segments)
	}
	whole, err := os.ReadFile(segments[0])
	if err != nil {
		t.Fatal(err)
	}
	const record = recordHead + 2 + recordTail
	for _, c := range []struct {
		name     string
		at, want int64
	}{
		{"signature", 0, 0},
		{"key length", headerSize, headerSize},
		{"value length", headerSize + record + 2, headerSize + record},
		{"key", headerSize + recordHead, headerSize},
		{"value", headerSize + record + recordHead + 1, headerSize + record},
		{"checksum", headerSize + record + recordHead + 2, headerSize + record},
	} {
		data := bytes.Clone(whole)
		data[c.at] ^= 1
		if err := os.WriteFile(segments[0], data, fs.ModePerm); err != nil {
			t.Fatal(err)
		}
		found := peertest.Problems(t, Driver(), dir)
		if len(found) != 1 || found[0].Offset != c.want || found[0].File != segments[0] {
			t.Errorf("%s: %+v, want offset %d", c.name, found, c.want)
		}
	}
}

func TestAFailedWriteMakesTheEngineReadOnly(t *testing.T) {
	e := mustOpen(t, t.TempDir())
	peertest.Put(t, e, "k", "v")
	full := errors.New("disk full")
	if err := e.write("put", engine.Default, func() error { return full }); !errors.Is(err, full) {
		t.Error(err)
	}
	if err := e.Put([]byte("k"), nil, engine.Default); !errors.Is(err, engine.ErrReadOnly) || !errors.Is(err, full) {
		t.Error(err)
	}
	peertest.Want(t, e, "k", "v")
}
