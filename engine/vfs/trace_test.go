package vfs

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"flag"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
)

// everyTraceOp is a trace with an operation of each kind.
func everyTraceOp() *Trace {
	return &Trace{
		Base: []TraceOp{
			{Kind: KindMkdir, Path: "/d"},
			{Kind: KindCreate, File: 1, Path: "/d/old", Data: []byte("was")},
		},
		Ops: []TraceOp{
			{Path: "begin"},
			{Kind: KindMkdir, Path: "/d/e"},
			{Kind: KindCreate, File: 2, Path: "/d/e/f"},
			{Kind: KindWrite, File: 2, Path: "/d/e/f", Off: 3, Data: []byte("hello")},
			{Kind: KindPreallocate, File: 2, Path: "/d/e/f", Off: 4096, Size: 8192},
			{Kind: KindPunch, File: 2, Path: "/d/e/f", Off: 1, Size: 3},
			{Kind: KindTruncate, File: 2, Path: "/d/e/f", Size: 6},
			{Kind: KindSync, File: 2, Path: "/d/e/f", Failed: true},
			{Kind: KindSync, File: 2, Path: "/d/e/f"},
			{Kind: KindOpen, File: 1, Path: "/d/old"},
			{Kind: KindWrite, File: 1, Path: "/d/old", Dsync: true, Data: make([]byte, 0)},
			{Kind: KindRename, Path: "/d/e/f", To: "/d/e/g"},
			{Kind: KindLink, Path: "/d/e/g", To: "/d/l"},
			{Kind: KindSyncDir, Path: "/d"},
			{Kind: KindSyncDir, Path: "/d/e", Failed: true},
			{Kind: KindRemove, Path: "/d/old"},
			{Kind: KindRemove, Path: "/d/e", All: true},
		},
	}
}

func encodeTrace(t testing.TB, trace *Trace) []byte {
	t.Helper()
	var b bytes.Buffer
	n, err := trace.WriteTo(&b)
	if err != nil || n != int64(b.Len()) {
		t.Fatalf("%d bytes of %d, %v", n, b.Len(), err)
	}
	return b.Bytes()
}

var update = flag.Bool("update", false, "rewrite golden files")

func TestATraceFileHasTheBytesOfItsDescription(t *testing.T) {
	got := encodeTrace(t, everyTraceOp())
	path := filepath.Join("testdata", "trace.hex")
	if *update {
		if err := os.WriteFile(path, []byte(hex.Dump(got)), fileMode); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if hex.Dump(got) != string(want) {
		t.Errorf("a trace is\n%swant\n%s", hex.Dump(got), want)
	}
}

func TestATraceFileReadsBack(t *testing.T) {
	want := everyTraceOp()
	got, err := ReadTrace(iotest.HalfReader(bytes.NewReader(encodeTrace(t, want))))
	want.Ops[10].Data = nil // empty
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := ReadTrace(bytes.NewReader(encodeTrace(t, &Trace{}))); err != nil || len(got.Base)+len(got.Ops) != 0 {
		t.Errorf("empty: %+v, %v", got, err)
	}
	m, err := got.Mem(len(got.Ops))
	if err != nil {
		t.Fatal(err)
	}
	if tree := treeOf(t, m, "/"); tree != "d/\nd/l \"\\x00\\x00\\x00\\x00el\"\n" {
		t.Errorf("replays to\n%s", tree)
	}
}

func TestATraceThatIsSavedAndReadReplaysAsBefore(t *testing.T) {
	dir := t.TempDir()
	r := NewRecorder(OS{})
	randomHistory(t, r, dir, 1, 300)
	trace, err := ReadTrace(bytes.NewReader(encodeTrace(t, r.Trace())))
	if err != nil {
		t.Fatal(err)
	}
	m, err := trace.Mem(len(trace.Ops))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := treeOf(t, m, dir), treeOf(t, OS{}, dir); got != want {
		t.Errorf("replayed to\n%s\nwant\n%s", got, want)
	}
}

func TestATraceFileThatIsCutAnywhereOrHasMoreIsDamaged(t *testing.T) {
	whole := encodeTrace(t, everyTraceOp())
	for n := range whole {
		if _, err := ReadTrace(bytes.NewReader(whole[:n])); !errors.Is(err, ErrTraceDamaged) || !strings.Contains(err.Error(), "cut off") {
			t.Errorf("cut to %d bytes: %v", n, err)
		}
	}
	if _, err := ReadTrace(bytes.NewReader(append(whole, 0))); !errors.Is(err, ErrTraceDamaged) {
		t.Error("a byte more:", err)
	}
	broken := errors.New("broken pipe")
	if _, err := ReadTrace(io.MultiReader(bytes.NewReader(whole[:50]), iotest.ErrReader(broken))); !errors.Is(err, broken) {
		t.Error(err)
	}
}

func TestABitThatFlipsAnywhereInATraceFileIsNoticed(t *testing.T) {
	whole := encodeTrace(t, everyTraceOp())
	for i := range whole {
		for bit := range 8 {
			damaged := bytes.Clone(whole)
			damaged[i] ^= 1 << bit
			if _, err := ReadTrace(bytes.NewReader(damaged)); !errors.Is(err, ErrTraceDamaged) {
				t.Errorf("byte %d, bit %d: %v", i, bit, err)
			}
		}
	}
}

// forge returns a trace file with one operation, changed and with a right crc.
func forge(t *testing.T, op TraceOp, change func(h *traceOpHeader)) []byte {
	t.Helper()
	file := encodeTrace(t, &Trace{Ops: []TraceOp{op}})
	h := (*traceOpHeader)(file[traceHeaderSize:])
	change(h)
	binary.LittleEndian.PutUint32(h.crc(), traceCRC(0, file[traceHeaderSize+4:]))
	return file
}

func TestAFieldThatIsWrongInATraceFileIsNamed(t *testing.T) {
	sync := TraceOp{Kind: KindSync, File: 7, Path: "f"}
	mark := TraceOp{Path: "m"}
	rename := TraceOp{Kind: KindRename, Path: "a", To: "b"}
	write := TraceOp{Kind: KindWrite, File: 7, Path: "f", Data: []byte("x")}
	for _, c := range []struct {
		op     TraceOp
		change func(h *traceOpHeader)
		want   string
	}{
		{sync, func(h *traceOpHeader) { *h.kind() = 13 }, "of kind 13"},
		{sync, func(h *traceOpHeader) { *h.flags() = traceAll }, "flags 0x2 of kind sync"},
		{sync, func(h *traceOpHeader) { *h.flags() = 0x80 }, "flags 0x80"},
		{sync, func(h *traceOpHeader) { clear(h.file()) }, "file 0 of kind sync"},
		{mark, func(h *traceOpHeader) { h.file()[0] = 1 }, "file 1 of kind"},
		{sync, func(h *traceOpHeader) { h.off()[0] = 5 }, "offset 5 of kind sync"},
		{write, func(h *traceOpHeader) { h.off()[7] = 0x80 }, "of kind write"},
		{write, func(h *traceOpHeader) { h.size()[0] = 6 }, "size 6 of kind write"},
		{rename, func(h *traceOpHeader) { h.path()[0], h.to()[0] = 2, 0 }, `second path "" of kind rename`},
		{sync, func(h *traceOpHeader) { h.path()[0], h.data()[0] = 0, 1 }, "without a path"},
		{write, func(h *traceOpHeader) { h.to()[0], h.data()[0] = 1, 0 }, `second path "x"`},
		{rename, func(h *traceOpHeader) { *h.kind() = 1; h.file()[0] = 1 }, `second path "b" of kind create`},
		{TraceOp{Kind: KindMkdir, Path: "ab"}, func(h *traceOpHeader) { h.path()[0], h.data()[0] = 1, 1 }, "1 bytes of data of kind mkdir"},
	} {
		_, err := ReadTrace(bytes.NewReader(forge(t, c.op, c.change)))
		if !errors.Is(err, ErrTraceDamaged) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "offset 32") {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
	file := encodeTrace(t, &Trace{Ops: []TraceOp{sync}})
	h := (*traceHeader)(file)
	h.version()[0] = 2
	binary.LittleEndian.PutUint32(h.crc(), crc32.Checksum(h.checked(), crc32.MakeTable(crc32.Castagnoli)))
	if _, err := ReadTrace(bytes.NewReader(file)); err == nil || !strings.Contains(err.Error(), "version 2, this program reads 1") {
		t.Error(err)
	}
	base := encodeTrace(t, &Trace{Base: []TraceOp{{Kind: KindMkdir, Path: "f"}}})
	copy(base[traceHeaderSize:], encodeTrace(t, &Trace{Ops: []TraceOp{mark}})[traceHeaderSize:])
	if _, err := ReadTrace(bytes.NewReader(base)); err == nil || !strings.Contains(err.Error(), "in the base") {
		t.Error(err)
	}
}

func TestWhatATraceFileCannotHoldIsNotWritten(t *testing.T) {
	for _, op := range []TraceOp{
		{Kind: KindLock, Path: "f"},
		{Kind: KindSync | KindWrite, Path: "f", File: 1},
		{Path: strings.Repeat("x", 1<<16)},
		{Kind: KindSync, Path: "f"},
	} {
		if _, err := (&Trace{Ops: []TraceOp{op}}).WriteTo(io.Discard); err == nil {
			t.Errorf("%v was written", op.Kind)
		}
	}
}

func TestAReplayThatCannotBeIsAnErrorThatNamesTheOperation(t *testing.T) {
	trace := &Trace{Ops: []TraceOp{{Path: "m"}, {Kind: KindWrite, File: 3, Path: "f", Data: []byte("x")}}}
	if _, err := trace.Mem(2); err == nil || !strings.Contains(err.Error(), "replay operation 1 (write f [0, 1)): file 3") {
		t.Error(err)
	}
}

// rightChecksums puts the checksums into a file as far as its lengths go, so
// that a fuzzer gets behind them.
func rightChecksums(file []byte) []byte {
	file = bytes.Clone(file)
	if len(file) < traceHeaderSize {
		return file
	}
	head := (*traceHeader)(file)
	binary.LittleEndian.PutUint32(head.crc(), crc32.Checksum(head.checked(), crc32.MakeTable(crc32.Castagnoli)))
	rest := file[traceHeaderSize:]
	for n := uint64(0); len(rest) >= traceOpSize; n++ {
		h := (*traceOpHeader)(rest)
		size := traceOpSize + int(binary.LittleEndian.Uint16(h.path())) + int(binary.LittleEndian.Uint16(h.to())) +
			int(binary.LittleEndian.Uint32(h.data()))
		if size > len(rest) {
			break
		}
		binary.LittleEndian.PutUint32(h.crc(), traceCRC(n, rest[4:size]))
		rest = rest[size:]
	}
	return file
}

func FuzzReadTrace(f *testing.F) {
	f.Add(encodeTrace(f, everyTraceOp()))
	f.Add(encodeTrace(f, &Trace{}))
	f.Fuzz(func(t *testing.T, file []byte) {
		for _, file := range [][]byte{file, rightChecksums(file)} {
			trace, err := ReadTrace(bytes.NewReader(file))
			if err != nil {
				continue
			}
			if again := encodeTrace(t, trace); !bytes.Equal(again, file) {
				t.Errorf("%x was read, and written as %x", file, again)
			}
			if len(file) < 1<<12 {
				trace.Mem(len(trace.Ops)) // may fail, and must not panic
			}
		}
	})
}
