package lsm

import (
	"context"
	"encoding/binary"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/engine/wal"
	"github.com/kvbench/kvbench/lsm/ikey"
	"github.com/kvbench/kvbench/lsm/manifest"
	"github.com/kvbench/kvbench/lsm/version"
)

// logged appends records to the log of a directory, and returns where they are.
func logged(t *testing.T, mem *vfs.Mem, kind uint8, records ...[]byte) (all []wal.LSN) {
	t.Helper()
	l, err := wal.Open(mem, filepath.Join(exhibitDir, logDir), wal.Options{}, func(wal.Record) error { return nil })
	for _, p := range records {
		if err == nil {
			var lsn wal.LSN
			lsn, err = l.Append(kind, p)
			all = append(all, lsn)
		}
	}
	if err == nil {
		err = l.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// batchAt is a record of one put.
func batchAt(seq uint64, key string) []byte {
	var b engine.Batch
	b.Put([]byte(key), nil)
	b.SetSequence(seq)
	return b.Bytes()
}

func TestARecordThatMakesNoSenseIsAProblem(t *testing.T) {
	ttl := func(rest string) []byte { return append(binary.LittleEndian.AppendUint64(nil, 3), rest...) }
	for _, c := range []struct {
		kind   uint8
		record []byte
		words  string
	}{
		{batchRecord, []byte("short"), "a record of 5 bytes has no sequence number"},
		{batchRecord, batchAt(3, "k")[:14], "a batch makes no sense"},
		{batchRecord, batchAt(3, strings.Repeat("k", maxKey+1)), "a batch was never taken"},
		{batchRecord, batchAt(2, "k"), "sequence numbers 2 to 2 come after 2"},
		{batchRecord, batchAt(uint64(ikey.MaxSeq)+1, "k"), "come after 2"},
		{putTTLRecord, ttl("\x01k"), "a put of 10 bytes is cut short"},
		{putTTLRecord, ttl("\x00abcdefgh"), "is cut short"},
		{99, batchAt(3, "k"), "a record is of unknown kind 99"},
	} {
		mem := newMade(t).done()
		logged(t, mem, batchRecord, batchAt(2, "a"))
		logged(t, mem, putTTLRecord, ttl("\x01kabcdefgh"))
		wantSound(t, mem)
		mem = newMade(t).done()
		logged(t, mem, batchRecord, batchAt(2, "a"))
		at := logged(t, mem, c.kind, c.record)[0]
		logged(t, mem, batchRecord, batchAt(7, "k"))
		wantFound(t, mem, wal.SegmentPath(logDir, at.Segment()), at.Offset(), c.words)
		if all := problemsOf(t, mem); len(all) != 1 && c.words != "come after 2" {
			t.Errorf("%d problems: %v", len(all), all)
		}
	}
}

func TestALogThatDoesNotReachWhereItShouldIsAProblem(t *testing.T) {
	m := newMade(t)
	at := logged(t, m.mem, batchRecord, batchAt(1, "a"), batchAt(2, "b"))
	m.edit.LogFrom, m.edit.Through = at[1], at[1]
	mem := m.done()
	wantSound(t, mem)
	path := wal.SegmentPath(logDir, at[0].Segment())
	truncated(t, mem, path, at[1].Offset()-8)
	wantFound(t, mem, path, -2, "what is behind was not looked at")
	m.must(mem.Remove(filepath.Join(exhibitDir, path)))
	wantFound(t, mem, logDir, 0, "the log is missing")
}

func TestAManifestThatBreaksARuleIsAProblem(t *testing.T) {
	m := newMade(t)
	m.table(0, 1, 1, []row{{"k", 5, ikey.Put, "v"}}, nil, nil)
	m.table(0, 2, 2, []row{{"k", 7, ikey.Put, "v"}}, nil, nil)
	s, _, err := version.NewState().Apply(&m.edit)
	m.must(err)
	newer := m.edit.Added[1].Table
	newer.MinSeq, newer.MaxSeq = 3, 3
	m.must(manifest.Create(m.mem, exhibitDir, s))
	wantFound(t, m.mem, manifest.Name(1), -2, "table 2 with seqs to 3 is above table 1")
	// Without it the tables are checked by themselves.
	off, _ := blockAt(t, m.mem, 2, 0)
	overwritten(t, m.mem, tableDir+"/"+tableName(2), off, []byte{0xff})
	wantFound(t, m.mem, tableDir+"/"+tableName(2), off, "checksum")
	if all := problemsOf(t, m.mem); len(all) != 2 {
		t.Errorf("%d problems: %v", len(all), all)
	}
}

func TestFilesWithoutAManifestAreAProblem(t *testing.T) {
	m := newMade(t)
	wantSound(t, m.mem)
	m.table(0, 1, 1, []row{{"k", 5, ikey.Put, "v"}}, nil, nil)
	wantFound(t, m.mem, manifest.Current, 0, "the file is missing, and there is tables/00000001.table")
}

func TestADirectoryThatIsOpenIsNotVerified(t *testing.T) {
	x := newExhibit(t, nil)
	defer x.close()
	none := func(p engine.Problem) { t.Error(p) }
	if err := verify(context.Background(), exhibitDir, exhibitEnv(x.mem), none); !errors.Is(err, engine.ErrLocked) {
		t.Errorf("open: %v", err)
	}
	if err := verify(context.Background(), "/absent", exhibitEnv(x.mem), none); !errors.Is(err, engine.ErrNotEngineDir) {
		t.Errorf("absent: %v", err)
	}
	if err := engine.WriteMarker(x.mem, "/other", engine.Marker{Engine: "other", Format: 1}); err == nil {
		err = verify(context.Background(), "/other", exhibitEnv(x.mem), none)
		if !errors.Is(err, engine.ErrWrongEngine) {
			t.Errorf("another engine's: %v", err)
		}
	}
}

func TestADamagedMarkerIsAProblem(t *testing.T) {
	mem := filled(t, nil, 100).close().mem
	overwritten(t, mem, engine.MarkerName, 2, []byte("XX"))
	wantFound(t, mem, engine.MarkerName, -2, "")
	if all := problemsOf(t, mem); len(all) != 1 {
		t.Errorf("%d problems: %v", len(all), all)
	}
	if err := mem.Remove(filepath.Join(exhibitDir, engine.MarkerName)); err != nil {
		t.Fatal(err)
	}
	wantFound(t, mem, engine.MarkerName, 0, "the file is missing")
}

// endingContext ends after it was asked a number of times.
type endingContext struct {
	context.Context
	left int
}

func (c *endingContext) Err() error {
	if c.left--; c.left < 0 {
		return context.Canceled
	}
	return nil
}

func TestVerifyingATreeEndsWithItsContext(t *testing.T) {
	mem := filled(t, map[string]string{"separate_bytes": "60"}, 200).close().mem
	asked := 0
	for n := 0; ; n += 1 + n/4 {
		ctx := &endingContext{context.Background(), n}
		err := verify(ctx, exhibitDir, exhibitEnv(mem), func(p engine.Problem) { t.Error(p) })
		if err == nil {
			break
		}
		asked++
		if ctx.left < -8 {
			t.Fatalf("it was asked %d times after it had ended", -ctx.left)
		}
	}
	if asked < 5 {
		t.Errorf("it was asked %d times only", asked)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := verify(ctx, exhibitDir, exhibitEnv(mem), func(engine.Problem) {}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
