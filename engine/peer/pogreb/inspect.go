package pogreb

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"path/filepath"
	"strconv"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/peer/internal/adapt"
	"github.com/kvbench/kvbench/engine/vfs"
)

// A segment is a header and records, little-endian. It is read here because
// the library would cut it at the first damage.
//
//	segment  offset  size  field
//	         0       512   header, of which the signature is checked
//	         512     -     records to the end
//
//	record   0       2     n, length of the key
//	         2       4     m, length of the value; bit 31: a deletion
//	         6       n+m   key, value
//	         6+n+m   4     CRC-32 (IEEE) of all before
const (
	headerSize    = 512
	signature     = "pogreb\x0e\xfd"
	recordHead    = 6
	recordTail    = 4
	deletion      = 1 << 31
	maxRecordSize = 1 << 30
)

var errDamaged = errors.New("damaged")

// A tally counts the records of a segment.
type tally struct{ puts, deletes, bytes int64 }

// verify checks every record of every segment.
func verify(ctx context.Context, dir string, env engine.Env, report func(engine.Problem)) error {
	env = env.WithDefaults()
	return eachSegment(ctx, dir, env, func(path string) error {
		f, err := env.FS.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = readSegment(ctx, path, f)
		return adapt.ReportDamage(err, report)
	})
}

func inspect(ctx context.Context, dir string, env engine.Env) (engine.Layout, error) {
	env = env.WithDefaults()
	table := engine.LayoutTable{Title: "segments", Columns: []string{"file", "bytes", "puts", "deletes", "state"}}
	err := eachSegment(ctx, dir, env, func(path string) error {
		f, err := env.FS.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		t, err := readSegment(ctx, path, f)
		state := "whole"
		if errors.Is(err, engine.ErrCorrupt) {
			state, err = err.Error(), nil
		}
		table.Rows = append(table.Rows, []string{
			filepath.Base(path), strconv.FormatInt(t.bytes, 10),
			strconv.FormatInt(t.puts, 10), strconv.FormatInt(t.deletes, 10), state,
		})
		return err
	})
	if err != nil {
		return engine.Layout{}, fmt.Errorf("inspect pogreb: %w", err)
	}
	return engine.Layout{
		Facts:  []engine.Fact{{Name: "segments", Value: strconv.Itoa(len(table.Rows))}},
		Tables: []engine.LayoutTable{table},
	}, nil
}

// eachSegment calls f for the segments of a directory that is not open.
func eachSegment(ctx context.Context, dir string, env engine.Env, f func(path string) error) error {
	home, path, err := adapt.OpenHome(env, dir, marker(), true)
	if err != nil {
		return err
	}
	defer home.Close()
	names, err := env.FS.List(path)
	if err != nil {
		return err
	}
	for _, name := range names {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if filepath.Ext(name) != segmentExt {
			continue
		}
		if err := f(filepath.Join(path, name)); err != nil {
			return err
		}
	}
	return nil
}

// readSegment counts the records up to the end or the first damage.
func readSegment(ctx context.Context, path string, f vfs.File) (t tally, err error) {
	size, err := f.Size()
	if err != nil {
		return t, err
	}
	r := bufio.NewReaderSize(io.NewSectionReader(f, 0, size), 1<<20)
	head := make([]byte, headerSize)
	if _, err := io.ReadFull(r, head); err != nil || string(head[:len(signature)]) != signature {
		return t, engine.Corrupt(path, 0, "no segment header", err)
	}
	t.bytes = headerSize
	var record []byte
	for n := 0; t.bytes < size; n++ {
		if n%4096 == 0 && ctx.Err() != nil {
			return t, context.Cause(ctx)
		}
		if record, err = readRecord(r, record); err != nil {
			return t, engine.Corrupt(path, t.bytes, "record", err)
		}
		if binary.LittleEndian.Uint32(record[2:])&deletion != 0 {
			t.deletes++
		} else {
			t.puts++
		}
		t.bytes += int64(len(record))
	}
	return t, nil
}

// readRecord reads and checks one record, reusing buf.
func readRecord(r io.Reader, buf []byte) ([]byte, error) {
	var head [recordHead]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return buf, err
	}
	size := int64(binary.LittleEndian.Uint16(head[:])) +
		int64(binary.LittleEndian.Uint32(head[2:])&^deletion) + recordHead + recordTail
	if size > maxRecordSize {
		return buf, fmt.Errorf("%w: its length is %d bytes", errDamaged, size)
	}
	if int64(cap(buf)) < size {
		buf = make([]byte, size)
	}
	buf = buf[:size]
	copy(buf, head[:])
	if _, err := io.ReadFull(r, buf[recordHead:]); err != nil {
		return buf, err
	}
	body := buf[:size-recordTail]
	if crc32.ChecksumIEEE(body) != binary.LittleEndian.Uint32(buf[len(body):]) {
		return buf, fmt.Errorf("%w: its checksum does not match", errDamaged)
	}
	return buf, nil
}
