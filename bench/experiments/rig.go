package experiments

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/results"
)

// A Rig is an engine in this process, to be worked on step by step by one
// goroutine: what its counters say is then a matter of its design and not of
// the moment at which its background work ran.
//
// With StepBytes the engine is brought to rest each time that so many bytes
// have been written, so that every run of a study does the same work.
type Rig struct {
	engine.Engine
	Label     string
	Dir       string
	StepBytes uint64

	lab    *Lab
	driver engine.Driver
	disk   func(vfs.FS) vfs.FS // nil: as it is
	given  map[string]string
	axes   map[string]string
	files  *vfs.Counting // nil: the engine has its own file system
	level  engine.Durability
	closed bool

	written uint64 // since the last rest
	tally   tally
	live    map[uint64]int // value bytes of each record
	value   []byte
	phases  int
	cells   sums
}

// tally counts what was asked of the engine since the last measurement.
type tally struct {
	ops                 map[string]*results.OpStats
	userWrite, userRead uint64
}

// Open opens the side's engine in a new directory.
func (l *Lab) Open(s Side) (*Rig, error) { return l.OpenOn(s, nil) }

// OpenOn is Open on a file system made of the machine's. Engines that bring
// their own never see it.
func (l *Lab) OpenOn(s Side, disk func(vfs.FS) vfs.FS) (*Rig, error) {
	c, _, err := l.choice(Side{Engine: s.Engine, Label: s.Label, Settings: s.Settings})
	if err != nil {
		return nil, err
	}
	dir, err := l.place(s.label())
	if err != nil {
		return nil, err
	}
	b := &Rig{
		Label: s.label(), Dir: filepath.Join(dir, "data"), lab: l, driver: c.Driver, given: s.Settings, axes: s.Axes, disk: disk,
		live: make(map[uint64]int), tally: tally{ops: make(map[string]*results.OpStats)},
	}
	if err := b.Reopen(); err != nil {
		return nil, err
	}
	l.open = append(l.open, b)
	l.Say("%s", b.Label)
	return b, nil
}

// Reopen opens the directory again, after Close or after the directory was
// replaced.
func (b *Rig) Reopen() (err error) {
	env := engine.Env{}
	if b.driver.Version == "" { // libraries refuse a file system handed in
		var disk vfs.FS = unsynced{vfs.OS{}}
		if b.disk != nil {
			disk = b.disk(disk)
		}
		b.files = vfs.NewCounting(disk)
		env.FS = b.files
	}
	if b.Engine, err = b.driver.Open(b.Dir, b.given, env); err != nil {
		return fmt.Errorf("open %s: %w", b.Label, err)
	}
	b.closed = false
	return nil
}

// Close closes the engine; a second time it does nothing.
func (b *Rig) Close() error {
	if b.closed {
		return nil
	}
	b.closed = true
	return b.Engine.Close()
}

// Finish closes the engine and records the cells of what was measured.
func (b *Rig) Finish() error {
	if err := b.Close(); err != nil {
		return fmt.Errorf("%s: close: %w", b.Label, err)
	}
	for _, c := range b.cells.list {
		c.Amp = results.Amplify(c.IO)
		if err := b.lab.o.Results.AddCell(*c); err != nil {
			return err
		}
	}
	b.cells = sums{}
	return nil
}

// Crash goes on with what a process that is killed now leaves to the next: the
// files as they are, without those of a close. Nothing may be writing files in
// the background; files that are still being removed are waited for.
func (b *Rig) Crash() error {
	const tries = 100
	for try := 0; ; try++ {
		left := filepath.Join(filepath.Dir(b.Dir), fmt.Sprintf("crashed-%d", try))
		before, err := b.names()
		if err == nil {
			err = os.CopyFS(left, os.DirFS(b.Dir))
		}
		after, listErr := b.names()
		if err == nil && listErr == nil && slices.Equal(before, after) {
			if err := b.Close(); err != nil {
				return err
			}
			b.Dir = left
			return b.Reopen()
		}
		if err := errors.Join(err, listErr); try == tries {
			return fmt.Errorf("%s: copy files that come and go: %w", b.Label, err)
		}
		if err := os.RemoveAll(left); err != nil {
			return err
		}
	}
}

// names lists the files of the engine.
func (b *Rig) names() (names []string, err error) {
	err = filepath.WalkDir(b.Dir, func(path string, _ fs.DirEntry, err error) error {
		names = append(names, path)
		return err
	})
	return names, err
}

// Key is the key of record i: 16 bytes whose order is not that of i.
func Key(dst []byte, i uint64) []byte {
	const odd = 0x9E3779B97F4A7C15
	dst = binary.BigEndian.AppendUint64(dst, i*odd)
	return binary.BigEndian.AppendUint64(dst, i)
}

const keyBytes = 16

// fill makes b.value n bytes that do not compress.
func (b *Rig) fill(i uint64, n int) []byte {
	b.value = b.value[:0]
	x := i ^ b.lab.Seed
	for len(b.value) < n {
		x += 0x9E3779B97F4A7C15
		z := (x ^ x>>30) * 0xBF58476D1CE4E5B9
		b.value = binary.LittleEndian.AppendUint64(b.value, z^z>>27)
	}
	return b.value[:n]
}

// done counts an operation.
func (b *Rig) done(kind string) *results.OpStats {
	s := b.tally.ops[kind]
	if s == nil {
		s = &results.OpStats{}
		b.tally.ops[kind] = s
	}
	s.N++
	s.OK++
	return s
}

// Write sets record i to size bytes, and rests where StepBytes say so.
func (b *Rig) Write(ctx context.Context, i uint64, size int) error {
	var key [keyBytes]byte
	return b.WriteKey(ctx, Key(key[:0], i), i, size)
}

// WriteKey is Write of record i under a key of the caller's.
func (b *Rig) WriteKey(ctx context.Context, key []byte, i uint64, size int) error {
	if err := b.Put(key, b.fill(i+uint64(b.phases)<<40, size), b.level); err != nil {
		return fmt.Errorf("%s: put: %w", b.Label, err)
	}
	b.live[i] = size
	b.done("put")
	return b.wrote(ctx, uint64(len(key)+size))
}

// Remove deletes record i.
func (b *Rig) Remove(ctx context.Context, i uint64) error {
	var key [keyBytes]byte
	if err := b.Delete(Key(key[:0], i), b.level); err != nil {
		return fmt.Errorf("%s: delete: %w", b.Label, err)
	}
	delete(b.live, i)
	b.done("delete")
	return b.wrote(ctx, keyBytes)
}

func (b *Rig) wrote(ctx context.Context, n uint64) error {
	b.tally.userWrite += n
	if b.written += n; b.StepBytes == 0 || b.written < b.StepBytes {
		return nil
	}
	b.written = 0
	return b.Rest(ctx)
}

// Read gets record i and reports whether it is there.
func (b *Rig) Read(i uint64) (found bool, err error) {
	var key [keyBytes]byte
	b.value, err = b.Get(b.value[:0], Key(key[:0], i))
	s := b.done("read")
	if errors.Is(err, engine.ErrNotFound) {
		s.NotFound++
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("%s: get: %w", b.Label, err)
	}
	b.tally.userRead += uint64(len(b.value))
	return true, nil
}

// Walk scans n records from the key of record i on.
func (b *Rig) Walk(i uint64, n int) (err error) {
	s, ok := engine.As[engine.Scanner](b.Engine)
	if !ok {
		return fmt.Errorf("%s: scan: %w", b.Label, engine.ErrUnsupported)
	}
	it, err := s.NewIter(engine.IterOptions{})
	if err != nil {
		return fmt.Errorf("%s: scan: %w", b.Label, err)
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	var key [keyBytes]byte
	stats := b.done("scan")
	for ok := it.SeekGE(Key(key[:0], i)); ok && n > 0; ok = it.Next() {
		value, err := it.Value()
		if err != nil {
			return fmt.Errorf("%s: scan: %w", b.Label, err)
		}
		stats.Rows++
		b.tally.userRead += uint64(len(it.Key()) + len(value))
		n--
	}
	return it.Err()
}

// Rest waits until background work is done, where the engine can tell.
func (b *Rig) Rest(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s, ok := engine.As[engine.Settler](b.Engine)
	if !ok {
		return nil
	}
	ctx, stop := context.WithTimeout(ctx, b.lab.settleTime())
	defer stop()
	if err := s.Settle(ctx); err != nil {
		return fmt.Errorf("%s: settle: %w", b.Label, err)
	}
	return nil
}

// A part is one measurement of a rig.
type part struct {
	workload string
	do       func() error
}

// MeasureEach is Measure of every part, in their order.
func (b *Rig) MeasureEach(ctx context.Context, parts ...part) error {
	for _, p := range parts {
		if err := b.Measure(ctx, p.workload, p.do); err != nil {
			return err
		}
	}
	return nil
}

// Measure performs f, brings the engine to rest, and counts both for the
// workload's cell. A workload that is measured several times has one cell:
// the sum of what was counted, and the means of what was there at the ends,
// since trees breathe: how many runs they have depends on the moment. The cell
// has counters and no rate; Finish records it.
func (b *Rig) Measure(ctx context.Context, workload string, f func() error) error {
	if err := b.Rest(ctx); err != nil {
		return err
	}
	b.written, b.tally = 0, tally{ops: make(map[string]*results.OpStats)}
	b.phases++
	var before, after engine.Metrics
	b.Metrics(&before)
	files := b.counted()
	if err := f(); err != nil {
		return err
	}
	if err := b.Rest(ctx); err != nil {
		return err
	}
	b.Metrics(&after)
	c := b.cell(workload)
	c.Metrics = after.Since(&before)
	if b.files != nil {
		moved := b.counted().Minus(files)
		c.IO.FileBytes, c.IO.SettleFileBytes = engine.Known(moved.WriteBytes), engine.Known(0) // the rest is in it
		c.IO.WriteChars, c.IO.WriteCalls = engine.Known(moved.WriteBytes), engine.Known(moved.Writes)
		c.IO.ReadChars, c.IO.ReadCalls = engine.Known(moved.ReadBytes), engine.Known(moved.Reads)
		c.IO.Fsyncs = engine.Known(moved.Syncs)
	}
	b.cells.add(c)
	return nil
}

func (b *Rig) counted() vfs.Counts {
	if b.files == nil {
		return vfs.Counts{}
	}
	return b.files.Total()
}

// cell is what is known of a measurement besides the counters.
func (b *Rig) cell(workload string) *results.Cell {
	caps := b.Caps()
	c := &results.Cell{
		ID: fmt.Sprintf("%s-%s-t1-r1", workload, fileName(b.Label)), Experiment: b.lab.o.Name, Command: b.lab.o.Command,
		Status: results.StatusOK, Rep: 1, Seed: b.lab.Seed, Regime: results.RegimeAsync, Ops: b.tally.ops,
		Engine: results.EngineInfo{
			Name: b.driver.Name, Version: b.driver.Version, Family: b.driver.Family, Rail: b.driver.Rail,
			Settings: resolved(b.driver, b.given), Caps: &caps, Asterisks: b.driver.Asterisks,
		},
		Axes:     b.axes,
		Workload: results.WorkloadInfo{Name: workload, Records: uint64(len(b.live)), KeyFormat: "binary:16"},
		Load:     results.LoadInfo{Mode: "closed", Threads: 1, Driver: "study"},
	}
	if b.Label != b.driver.Name {
		c.Engine.Label = b.Label
	}
	var live uint64
	for _, size := range b.live {
		live += uint64(keyBytes + size)
	}
	for _, op := range b.tally.ops {
		c.Load.Operations += op.N
	}
	c.Workload.Operations = c.Load.Operations
	c.IO.UserWrite, c.IO.UserRead = engine.Known(b.tally.userWrite), engine.Known(b.tally.userRead)
	c.IO.LiveBytes, c.IO.DiskBytes = engine.Known(live), engine.Known(b.Space())
	return c
}

// Space is what the engine's directory takes on disk, in allocated bytes.
func (b *Rig) Space() (total uint64) {
	//nolint:errcheck // a file that goes away meanwhile takes no space
	filepath.WalkDir(b.Dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return nil
		}
		if info, err := entry.Info(); err == nil {
			const sector = 512
			if stat, ok := info.Sys().(*syscall.Stat_t); ok {
				total += uint64(stat.Blocks) * sector
			}
		}
		return nil
	})
	return total
}

// fileName keeps what is fit for a cell's id.
func fileName(label string) string {
	text := []byte(label)
	for i, c := range text {
		if !slices.Contains([]byte("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_"), c) {
			text[i] = '_'
		}
	}
	return string(text)
}
