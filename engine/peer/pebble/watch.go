package pebble

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/peer/internal/adapt"
)

// A watch listens to a database: it is its logger, its event listener and a
// layer of its file system. Pebble calls it from many goroutines.
type watch struct {
	log    *slog.Logger
	events engine.EventSink
	now    func() time.Time
	writes *adapt.Writes

	syncs, syncTime, syncErrors atomic.Uint64 // of the log
	corruption                  atomic.Uint64
	flushes                     atomic.Uint64

	stall struct {
		sync.Mutex
		count              uint64
		memtable, l0, rest time.Duration
		since              time.Time
		reason             string
	}
}

// Infof drops what Pebble tells about its work: the events say it.
func (w *watch) Infof(string, ...any) {}

// Errorf logs.
func (w *watch) Errorf(format string, args ...any) {
	w.log.Error("pebble: " + fmt.Sprintf(format, args...))
}

// Fatalf is where Pebble ends the process. We end its writes instead.
func (w *watch) Fatalf(format string, args ...any) {
	w.writes.Fail("pebble", fmt.Errorf(format, args...))
	w.Errorf(format, args...)
}

func (w *watch) listener() *pebble.EventListener {
	return &pebble.EventListener{
		BackgroundError: func(err error) { w.Errorf("background error: %v", err) },
		DataCorruption: func(i pebble.DataCorruptionInfo) {
			w.corruption.Add(1)
			w.Errorf("corruption in %s: %v", i.Path, i.Details)
		},
		FlushEnd:        w.flushed,
		CompactionEnd:   w.compacted,
		WriteStallBegin: w.stallBegin,
		WriteStallEnd:   w.stallEnd,
	}
}

func (w *watch) flushed(i pebble.FlushInfo) {
	w.flushes.Add(1)
	var out uint64
	for _, t := range i.Output {
		out += t.Size
	}
	w.send("flush", i.TotalDuration, i.InputBytes, out, i.Err, i.Reason)
}

func (w *watch) compacted(i pebble.CompactionInfo) {
	var in, out uint64
	detail := i.Reason
	for _, level := range i.Input {
		detail += fmt.Sprintf(" L%d", level.Level)
		for _, t := range level.Tables {
			in += t.Size
		}
	}
	for _, t := range i.Output.Tables {
		out += t.Size
	}
	w.send("compaction", i.TotalDuration, in, out, i.Err, fmt.Sprintf("%s -> L%d", detail, i.Output.Level))
}

func (w *watch) send(kind string, took time.Duration, in, out uint64, err error, detail string) {
	if err != nil {
		detail += ": " + err.Error()
	}
	w.events.Event(engine.Event{
		Kind: kind, Start: w.now().Add(-took), Duration: took,
		BytesIn: int64(in), BytesOut: int64(out), Detail: detail,
	})
}

func (w *watch) stallBegin(i pebble.WriteStallBeginInfo) {
	w.stall.Lock()
	w.stall.count++
	w.stall.since, w.stall.reason = time.Now(), i.Reason
	w.stall.Unlock()
}

func (w *watch) stallEnd() {
	w.stall.Lock()
	took, reason := time.Since(w.stall.since), w.stall.reason
	switch {
	case strings.HasPrefix(reason, "memtable"):
		w.stall.memtable += took
	case strings.HasPrefix(reason, "L0"):
		w.stall.l0 += took
	default:
		w.stall.rest += took
	}
	w.stall.Unlock()
	w.send("stall", took, 0, 0, nil, reason)
}

// fs is the machine's file system, with the log's syncs counted. Read-only, it
// takes no lock: the lock on the marker keeps writers out, and readers may be
// many.
func (w *watch) fs(readOnly bool) vfs.FS {
	return watchedFS{FS: vfs.Default, w: w, readOnly: readOnly}
}

type watchedFS struct {
	vfs.FS
	w        *watch
	readOnly bool
}

func (f watchedFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	file, err := f.FS.Create(name, c)
	return f.watch(name, file, err)
}

func (f watchedFS) ReuseForWrite(from, to string, c vfs.DiskWriteCategory) (vfs.File, error) {
	file, err := f.FS.ReuseForWrite(from, to, c)
	return f.watch(to, file, err)
}

func (f watchedFS) Unwrap() vfs.FS { return f.FS }

func (f watchedFS) Lock(name string) (io.Closer, error) {
	if f.readOnly {
		return noLock{}, nil
	}
	return f.FS.Lock(name)
}

func (f watchedFS) watch(name string, file vfs.File, err error) (vfs.File, error) {
	if err != nil || !strings.HasSuffix(name, ".log") {
		return file, err
	}
	return &logFile{File: file, w: f.w}, nil
}

// logFile is a segment of Pebble's log.
type logFile struct {
	vfs.File
	w *watch
}

func (f *logFile) Sync() error     { return f.timed(f.File.Sync) }
func (f *logFile) SyncData() error { return f.timed(f.File.SyncData) }

func (f *logFile) timed(sync func() error) error {
	start := time.Now()
	err := sync()
	f.w.syncs.Add(1)
	f.w.syncTime.Add(uint64(time.Since(start)))
	if err != nil {
		f.w.syncErrors.Add(1)
	}
	return err
}

type noLock struct{}

func (noLock) Close() error { return nil }
