package wal

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/kvbench/kvbench/engine/vfs"
)

// The benchmarks write real files below TMPDIR: point that to the disk of
// interest. Names are for benchstat -col /log.

// A sink is what many writers write durable records to.
type sink interface {
	put(p []byte) error
	close() error
}

// walSink is the log.
type walSink struct{ l *Log }

func (s walSink) put(p []byte) error {
	lsn, err := s.l.Append(1, p)
	if err != nil {
		return err
	}
	return s.l.Wait(context.Background(), lsn, Durable)
}

func (s walSink) close() error { return s.l.Close() }

func openWAL(o Options) func(b *testing.B, dir string) sink {
	return func(b *testing.B, dir string) sink {
		l, err := Open(vfs.OS{}, dir, o, nil)
		if err != nil {
			b.Fatal(err)
		}
		return walSink{l}
	}
}

// appendSink grows a file and syncs it for each record: no grouping.
type appendSink struct {
	f  vfs.File
	mu sync.Mutex
	at int64
}

func (s *appendSink) put(p []byte) error {
	s.mu.Lock()
	at := s.at
	s.at += recordBytes(len(p))
	s.mu.Unlock()
	rec := appendRecord(nil, 1, at, 0, 1, p, payloadCRC(p))
	if _, err := s.f.WriteAt(rec, at); err != nil {
		return err
	}
	return s.f.SyncData()
}

func (s *appendSink) close() error { return s.f.Close() }

func openAppend(b *testing.B, dir string) sink {
	f, err := vfs.OS{}.Create(filepath.Join(dir, "append"))
	if err != nil {
		b.Fatal(err)
	}
	return &appendSink{f: f}
}

// openOverwrite is a plain write into blocks that were written before, and
// fdatasync: what the disk gives to one writer.
func openOverwrite(b *testing.B, dir string) sink {
	s := openAppend(b, dir).(*appendSink)
	zeros := make([]byte, 1<<20)
	for off := int64(0); off < 64<<20; off += int64(len(zeros)) {
		if _, err := s.f.WriteAt(zeros, off); err != nil {
			b.Fatal(err)
		}
	}
	if err := s.f.Sync(); err != nil {
		b.Fatal(err)
	}
	return s
}

// mutexSink groups commits by a mutex that is held across the sync: whoever
// gets it writes for all who came before.
type mutexSink struct {
	f      vfs.File
	at     int64
	buf    sync.Mutex // guards pending and count
	wait   []byte
	count  uint64
	commit sync.Mutex // held across the sync
	done   uint64     // guarded by commit
}

func (s *mutexSink) put(p []byte) error {
	crc := payloadCRC(p)
	s.buf.Lock()
	s.wait = appendRecord(s.wait, 1, int64(len(s.wait)), 0, 1, p, crc)
	s.count++
	mine := s.count
	s.buf.Unlock()
	s.commit.Lock()
	defer s.commit.Unlock()
	if s.done >= mine {
		return nil
	}
	s.buf.Lock()
	p, upTo := s.wait, s.count
	s.wait = nil
	s.buf.Unlock()
	if _, err := s.f.WriteAt(p, s.at); err != nil {
		return err
	}
	s.at += int64(len(p))
	s.done = upTo
	return s.f.SyncData()
}

func (s *mutexSink) close() error { return s.f.Close() }

func openMutex(b *testing.B, dir string) sink {
	f, err := vfs.OS{}.Create(filepath.Join(dir, "mutex"))
	if err != nil {
		b.Fatal(err)
	}
	return &mutexSink{f: f}
}

// run has writers put b.N records among them, and reports their latencies.
func run(b *testing.B, s sink, writers, bytes int) {
	p := make([]byte, bytes)
	latencies := make([][]time.Duration, writers)
	for w := range latencies {
		latencies[w] = make([]time.Duration, 0, b.N/writers+1)
	}
	var done sync.WaitGroup
	b.ResetTimer()
	for w := range writers {
		done.Go(func() {
			for i := w; i < b.N; i += writers {
				start := time.Now()
				if err := s.put(p); err != nil {
					b.Error(err)
					return
				}
				latencies[w] = append(latencies[w], time.Since(start))
			}
		})
	}
	done.Wait()
	b.StopTimer()
	all := slices.Concat(latencies...)
	slices.Sort(all)
	if len(all) == 0 {
		return
	}
	at := func(q float64) float64 { return float64(all[int(q*float64(len(all)-1))]) }
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "puts/s")
	b.ReportMetric(at(0.5), "p50-ns")
	b.ReportMetric(at(0.99), "p99-ns")
	b.ReportMetric(at(0.999), "p99.9-ns")
}

func bench(b *testing.B, name string, open func(b *testing.B, dir string) sink, writers, bytes int) {
	b.Run(name, func(b *testing.B) {
		s := open(b, b.TempDir())
		run(b, s, writers, bytes)
		if err := s.close(); err != nil {
			b.Error(err)
		}
	})
}

// BenchmarkSync puts durable records. log=append is a plain append and
// fdatasync, log=mutex a group commit by a mutex held across the fdatasync,
// log=overwrite the disk's own limit for one writer, log=direct the log with
// Options.Direct.
func BenchmarkSync(b *testing.B) {
	for _, bytes := range []int{100, 1000} {
		for _, writers := range []int{1, 8, 64} {
			at := fmt.Sprintf("bytes=%d/writers=%d/log=", bytes, writers)
			bench(b, at+"wal", openWAL(Options{}), writers, bytes)
			bench(b, at+"append", openAppend, writers, bytes)
			bench(b, at+"mutex", openMutex, writers, bytes)
			bench(b, at+"direct", openWAL(Options{Direct: true}), writers, bytes)
			if writers == 1 {
				bench(b, at+"overwrite", openOverwrite, writers, bytes)
			}
		}
	}
}

// BenchmarkKnobs is the ladder of commit methods.
func BenchmarkKnobs(b *testing.B) {
	for _, writers := range []int{1, 8, 64} {
		for _, knob := range []struct {
			name string
			o    Options
		}{
			{"default", Options{}},
			{"commit=handoff", Options{Commit: CommitHandOff}},
			{"commit=flusher", Options{Commit: CommitFlusher}},
			{"fill=none", Options{Fill: FillNone}},
			{"fill=reserve", Options{Fill: FillReserve}},
			{"align=512", Options{AlignBytes: 512}},
			{"align=4096", Options{AlignBytes: 4096}},
			{"direct", Options{Direct: true}},
			{"direct_align=512", Options{Direct: true, AlignBytes: 512}},
		} {
			bench(b, fmt.Sprintf("writers=%d/%s", writers, knob.name), openWAL(knob.o), writers, 100)
		}
	}
}

// BenchmarkRotation compares tails: without rotation, since the first segment
// has room for all; with full segments, one after the other; with those of a
// new log, which begin small; and with tiny ones. Give it some seconds.
func BenchmarkRotation(b *testing.B) {
	for _, writers := range []int{1, 8, 64} {
		at := fmt.Sprintf("writers=%d/segments=", writers)
		bench(b, at+"none", openWAL(Options{SegmentBytes: 1 << 30, FirstBytes: 512 << 20}), writers, 100)
		bench(b, at+"64MiB", openWAL(Options{FirstBytes: 64 << 20}), writers, 100)
		bench(b, at+"new", openWAL(Options{}), writers, 100)
		bench(b, at+"1MiB", openWAL(Options{SegmentBytes: 1 << 20}), writers, 100)
	}
}

// BenchmarkAppend puts records that nobody waits for, or that are handed to
// the kernel one by one.
func BenchmarkAppend(b *testing.B) {
	p := make([]byte, 100)
	b.Run("level=buffered", func(b *testing.B) {
		l, err := Open(vfs.OS{}, b.TempDir(), Options{}, nil)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			if _, err := l.Append(1, p); err != nil {
				b.Fatal(err)
			}
		}
		l.Close()
	})
	for _, writers := range []int{1, 2, 8} {
		b.Run(fmt.Sprintf("level=written/writers=%d", writers), func(b *testing.B) {
			l, err := Open(vfs.OS{}, b.TempDir(), Options{}, nil)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			var done sync.WaitGroup
			for w := range writers {
				done.Go(func() {
					for i := w; i < b.N; i += writers {
						lsn, err := l.Append(1, p)
						if err == nil {
							err = l.Wait(context.Background(), lsn, Written)
						}
						if err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			done.Wait()
			l.Close()
		})
	}
}

// BenchmarkRecover opens a log of 64 MiB that was not closed.
func BenchmarkRecover(b *testing.B) {
	dir := b.TempDir()
	l, err := Open(vfs.OS{}, dir, Options{}, nil)
	if err != nil {
		b.Fatal(err)
	}
	p := make([]byte, 100)
	for range 64 << 20 / 120 {
		if _, err := l.Append(1, p); err != nil {
			b.Fatal(err)
		}
	}
	if err := l.Sync(); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(64 << 20)
	for b.Loop() {
		n := 0
		r, err := Open(vfs.OS{}, dir, Options{ReadOnly: true}, func(Record) error { n++; return nil })
		if err != nil || n != 64<<20/120 {
			b.Fatal(n, err)
		}
		r.Close()
	}
	if err := l.Close(); err != nil {
		b.Fatal(err)
	}
	os.RemoveAll(dir)
}
