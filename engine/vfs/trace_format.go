package vfs

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"slices"
)

// A trace file keeps a Trace. Integers are little-endian, sizes in bytes.
//
//	header  offset  size  field
//	        0       8     magic "kvtrace\n"
//	        8       4     version 1
//	        12      8     count of operations in the base
//	        20      8     count of operations behind it
//	        28      4     crc: CRC-32C of the bytes before it
//
// The operations follow, without padding, and nothing behind them.
//
//	operation
//	        0       4     crc: CRC-32C of the operation's number in the file (8
//	                      bytes, from 0) and of the rest of the operation
//	        4       1     kind
//	        5       1     flags: 1 dsync, 2 all, 4 failed
//	        6       2     length of path
//	        8       2     length of to
//	        10      4     length of data
//	        14      4     file
//	        18      8     off
//	        26      8     size
//	        34      -     path, to, data
//
//	kind    0 mark, 1 create, 2 open, 3 write, 4 truncate, 5 preallocate,
//	        6 punch, 7 sync, 8 sync-dir, 9 rename, 10 link, 11 remove, 12 mkdir
//
// Fields that a kind does not have (see TraceOp) are zero, so that a trace has
// one form. The crc covers the number so that operations are not swapped,
// doubled or left out. A file that was cut off is damaged: a trace is written
// when it is complete.
const (
	traceMagic      = "kvtrace\n"
	traceVersion    = 1
	traceHeaderSize = 32
	traceOpSize     = 34
)

type traceHeader [traceHeaderSize]byte

func (h *traceHeader) magic() []byte   { return h[0:][:8] }
func (h *traceHeader) version() []byte { return h[8:][:4] }
func (h *traceHeader) base() []byte    { return h[12:][:8] }
func (h *traceHeader) ops() []byte     { return h[20:][:8] }
func (h *traceHeader) crc() []byte     { return h[28:][:4] }
func (h *traceHeader) checked() []byte { return h[:28] }

type traceOpHeader [traceOpSize]byte

func (h *traceOpHeader) crc() []byte     { return h[0:][:4] }
func (h *traceOpHeader) kind() *byte     { return &h[4] }
func (h *traceOpHeader) flags() *byte    { return &h[5] }
func (h *traceOpHeader) path() []byte    { return h[6:][:2] }
func (h *traceOpHeader) to() []byte      { return h[8:][:2] }
func (h *traceOpHeader) data() []byte    { return h[10:][:4] }
func (h *traceOpHeader) file() []byte    { return h[14:][:4] }
func (h *traceOpHeader) off() []byte     { return h[18:][:8] }
func (h *traceOpHeader) size() []byte    { return h[26:][:8] }
func (h *traceOpHeader) checked() []byte { return h[4:] }

const (
	traceDsync  = 1
	traceAll    = 2
	traceFailed = 4
)

// A traceShape says which fields a kind has.
type traceShape struct {
	kind                      Kind
	file, path, to, off, size bool
	data                      bool
	flags                     byte
}

// traceShapes has a kind at its number on disk.
func traceShapes() []traceShape {
	return []traceShape{
		{kind: 0, path: true},
		{kind: KindCreate, file: true, path: true},
		{kind: KindOpen, file: true, path: true},
		{kind: KindWrite, file: true, path: true, off: true, data: true, flags: traceDsync},
		{kind: KindTruncate, file: true, path: true, size: true},
		{kind: KindPreallocate, file: true, path: true, off: true, size: true},
		{kind: KindPunch, file: true, path: true, off: true, size: true},
		{kind: KindSync, file: true, path: true, flags: traceFailed},
		{kind: KindSyncDir, path: true, flags: traceFailed},
		{kind: KindRename, path: true, to: true},
		{kind: KindLink, path: true, to: true},
		{kind: KindRemove, path: true, flags: traceAll},
		{kind: KindMkdir, path: true},
	}
}

// check refuses fields that the kind does not have.
func (s traceShape) check(o *TraceOp, base bool) error {
	data := s.data || base && s.kind == KindCreate
	switch {
	case base && s.kind != KindCreate && s.kind != KindMkdir:
		return fmt.Errorf("kind %v in the base", s.kind)
	case (o.File != 0) != s.file:
		return fmt.Errorf("file %d of kind %v", o.File, s.kind)
	case o.Path == "" && s.kind != 0:
		return fmt.Errorf("kind %v without a path", s.kind)
	case (o.To != "") != s.to:
		return fmt.Errorf("second path %q of kind %v", o.To, s.kind)
	case o.Off < 0 || o.Off != 0 && !s.off:
		return fmt.Errorf("offset %d of kind %v", o.Off, s.kind)
	case o.Size < 0 || o.Size != 0 && !s.size:
		return fmt.Errorf("size %d of kind %v", o.Size, s.kind)
	case len(o.Data) > 0 && !data:
		return fmt.Errorf("%d bytes of data of kind %v", len(o.Data), s.kind)
	case o.flags()&^s.flags != 0:
		return fmt.Errorf("flags %#x of kind %v", o.flags(), s.kind)
	case len(o.Path) > math.MaxUint16 || len(o.To) > math.MaxUint16 || len(o.Data) > math.MaxUint32:
		return errors.New("path or data too long")
	}
	return nil
}

func (o *TraceOp) flags() (f byte) {
	for _, x := range []struct {
		on  bool
		bit byte
	}{{o.Dsync, traceDsync}, {o.All, traceAll}, {o.Failed, traceFailed}} {
		if x.on {
			f |= x.bit
		}
	}
	return f
}

func traceCRC(number uint64, parts ...[]byte) uint32 {
	table := crc32.MakeTable(crc32.Castagnoli)
	sum := crc32.Checksum(binary.LittleEndian.AppendUint64(nil, number), table)
	for _, p := range parts {
		sum = crc32.Update(sum, table, p)
	}
	return sum
}

// WriteTo writes the trace as a trace file.
func (t *Trace) WriteTo(w io.Writer) (int64, error) {
	var h traceHeader
	copy(h.magic(), traceMagic)
	binary.LittleEndian.PutUint32(h.version(), traceVersion)
	binary.LittleEndian.PutUint64(h.base(), uint64(len(t.Base)))
	binary.LittleEndian.PutUint64(h.ops(), uint64(len(t.Ops)))
	binary.LittleEndian.PutUint32(h.crc(), crc32.Checksum(h.checked(), crc32.MakeTable(crc32.Castagnoli)))
	buffered := bufio.NewWriter(w)
	buffered.Write(h[:]) // its error comes back from Flush
	written := int64(len(h))
	for i := range len(t.Base) + len(t.Ops) {
		o, base := t.at(i)
		n, err := o.encode(buffered, uint64(i), base)
		if err != nil {
			return written, fmt.Errorf("write operation %d of trace: %w", i, err)
		}
		written += int64(n)
	}
	return written, buffered.Flush()
}

// at returns operation i, counted through base and trace.
func (t *Trace) at(i int) (o *TraceOp, base bool) {
	if i < len(t.Base) {
		return &t.Base[i], true
	}
	return &t.Ops[i-len(t.Base)], false
}

func (o *TraceOp) encode(w io.Writer, number uint64, base bool) (int, error) {
	shapes := traceShapes()
	kind := slices.IndexFunc(shapes, func(s traceShape) bool { return s.kind == o.Kind })
	if kind < 0 {
		return 0, fmt.Errorf("kind %v has no place in a trace", o.Kind)
	}
	if err := shapes[kind].check(o, base); err != nil {
		return 0, err
	}
	var h traceOpHeader
	*h.kind(), *h.flags() = byte(kind), o.flags()
	binary.LittleEndian.PutUint16(h.path(), uint16(len(o.Path)))
	binary.LittleEndian.PutUint16(h.to(), uint16(len(o.To)))
	binary.LittleEndian.PutUint32(h.data(), uint32(len(o.Data)))
	binary.LittleEndian.PutUint32(h.file(), o.File)
	binary.LittleEndian.PutUint64(h.off(), uint64(o.Off))
	binary.LittleEndian.PutUint64(h.size(), uint64(o.Size))
	names := []byte(o.Path + o.To)
	binary.LittleEndian.PutUint32(h.crc(), traceCRC(number, h.checked(), names, o.Data))
	for _, p := range [][]byte{h[:], names, o.Data} {
		if _, err := w.Write(p); err != nil {
			return 0, err
		}
	}
	return len(h) + len(names) + len(o.Data), nil
}

// ErrTraceDamaged is wrapped by ReadTrace when what it reads is no whole trace
// file. The text says where.
var ErrTraceDamaged = errors.New("damaged trace file")

// ReadTrace reads a trace file.
func ReadTrace(r io.Reader) (*Trace, error) {
	d := traceReader{r: bufio.NewReader(r)}
	t, err := d.trace()
	if err != nil {
		return nil, fmt.Errorf("read trace, offset %d: %w", d.offset, err)
	}
	return t, nil
}

type traceReader struct {
	r      *bufio.Reader
	offset int64 // of the header or operation that is read
}

func damagedTrace(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrTraceDamaged, fmt.Sprintf(format, args...))
}

func (d *traceReader) trace() (*Trace, error) {
	var h traceHeader
	if err := d.fill(h[:]); err != nil {
		return nil, err
	}
	if string(h.magic()) != traceMagic {
		return nil, damagedTrace("it does not begin as one")
	}
	if crc32.Checksum(h.checked(), crc32.MakeTable(crc32.Castagnoli)) != binary.LittleEndian.Uint32(h.crc()) {
		return nil, damagedTrace("the checksum of the header does not match")
	}
	if v := binary.LittleEndian.Uint32(h.version()); v != traceVersion {
		return nil, fmt.Errorf("version %d, this program reads %d", v, traceVersion)
	}
	d.offset += traceHeaderSize
	base, ops := binary.LittleEndian.Uint64(h.base()), binary.LittleEndian.Uint64(h.ops())
	t := &Trace{}
	for n := range base {
		o, err := d.op(n, true)
		if err != nil {
			return nil, err
		}
		t.Base = append(t.Base, o)
	}
	for n := range ops {
		o, err := d.op(base+n, false)
		if err != nil {
			return nil, err
		}
		t.Ops = append(t.Ops, o)
	}
	if _, err := d.r.ReadByte(); err != io.EOF {
		return nil, damagedTrace("there is more behind the last operation")
	}
	return t, nil
}

func (d *traceReader) op(number uint64, base bool) (o TraceOp, err error) {
	var h traceOpHeader
	if err := d.fill(h[:]); err != nil {
		return o, err
	}
	path, to := int(binary.LittleEndian.Uint16(h.path())), int(binary.LittleEndian.Uint16(h.to()))
	total := int64(path) + int64(to) + int64(binary.LittleEndian.Uint32(h.data()))
	var body bytes.Buffer // grows by what is there, not by what is claimed
	if n, err := io.CopyN(&body, d.r, total); n < total {
		return o, cutTrace(err)
	}
	p := body.Bytes()
	if traceCRC(number, h.checked(), p) != binary.LittleEndian.Uint32(h.crc()) {
		return o, damagedTrace("the checksum of operation %d does not match", number)
	}
	shapes := traceShapes()
	if int(*h.kind()) >= len(shapes) {
		return o, damagedTrace("operation %d is of kind %d", number, *h.kind())
	}
	shape, flags := shapes[*h.kind()], *h.flags()
	o = TraceOp{
		Kind: shape.kind, File: binary.LittleEndian.Uint32(h.file()),
		Path: string(p[:path]), To: string(p[path : path+to]),
		Off: int64(binary.LittleEndian.Uint64(h.off())), Size: int64(binary.LittleEndian.Uint64(h.size())),
		Dsync: flags&traceDsync != 0, All: flags&traceAll != 0, Failed: flags&traceFailed != 0,
	}
	if data := p[path+to:]; len(data) > 0 {
		o.Data = data
	}
	if err := shape.check(&o, base); err != nil {
		return o, damagedTrace("operation %d: %v", number, err)
	}
	if flags&^shape.flags != 0 {
		return o, damagedTrace("operation %d: flags %#x", number, flags)
	}
	d.offset += traceOpSize + total
	return o, nil
}

func (d *traceReader) fill(p []byte) error {
	_, err := io.ReadFull(d.r, p)
	return cutTrace(err)
}

func cutTrace(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return damagedTrace("it is cut off")
	}
	return err
}
