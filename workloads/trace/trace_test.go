package trace

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/workloads/dist"
)

var update = flag.Bool("update", false, "rewrite golden files")

// written returns the file of ops.
func written(t testing.TB, ops []Op) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := NewWriter(&b, true)
	if err != nil {
		t.Fatal(err)
	}
	for i := range ops {
		if err := w.Write(&ops[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if w.Operations() != uint64(len(ops)) || w.Bytes() != uint64(b.Len()) {
		t.Fatalf("%d operations, %d bytes", w.Operations(), w.Bytes())
	}
	return b.Bytes()
}

// readAll returns the operations of a file and the error after them.
func readAll(file []byte) (ops []Op, err error) {
	r, err := NewReader(bytes.NewReader(file), "t.trace")
	if err != nil {
		return nil, err
	}
	for {
		var op Op
		if err := r.Next(&op); err != nil {
			return ops, err
		}
		op.Key, op.Upper = bytes.Clone(op.Key), bytes.Clone(op.Upper)
		ops = append(ops, op)
	}
}

func same(a, b Op) bool {
	return a.Time == b.Time && a.Kind == b.Kind && bytes.Equal(a.Key, b.Key) && bytes.Equal(a.Upper, b.Upper) &&
		(a.Upper == nil) == (b.Upper == nil) && a.Size == b.Size && a.N == b.N && a.Result == b.Result && a.More == b.More
}

func goldenOps() []Op {
	return []Op{
		{Time: 10, Kind: Put, Key: []byte("user1"), Size: 100},
		{Time: 1500, Kind: Put, Key: []byte("user27"), Size: 100},
		{Time: 1400, Kind: Get, Key: []byte("user1"), Size: 100, Result: Found},
		{Time: 2000, Kind: Get, Key: []byte("no"), Size: -1, Result: Absent},
		{Time: 3000, Kind: Scan, Key: []byte("user1"), Size: -1, N: 50},
		{Time: 4000, Kind: ReverseScan, Key: []byte("user27"), Size: -1, N: 7},
		{Time: 5000, Kind: DeleteRange, Key: []byte("user1"), Upper: []byte("user2"), Size: -1},
		{Time: 6000, Kind: Put, Key: []byte("user1"), Size: 0, More: true},
		{Time: 6000, Kind: Delete, Key: []byte("user27"), Size: -1},
		{Time: 7000, Kind: Scan, Key: []byte{}, Upper: []byte{}, Size: -1},
	}
}

func TestATraceHasTheBytesOfTheGoldenFile(t *testing.T) {
	const name = "testdata/golden.hex"
	got := hex.Dump(written(t, goldenOps()))
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the file is\n%s", got)
	}
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.OneOf(rapid.SliceOfN(rapid.Byte(), 1, 3), rapid.SliceOfN(rapid.ByteRange('a', 'b'), 1, 40))
		ops := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Op {
			op := Op{
				Time: time.Duration(rapid.Int64Range(0, 1<<40).Draw(t, "time")), Kind: Kind(rapid.IntRange(0, int(numKinds)-1).Draw(t, "kind")),
				Key: key.Draw(t, "key"), Size: rapid.IntRange(-1, 300).Draw(t, "size"), N: rapid.IntRange(0, 100).Draw(t, "n"),
				Result: Result(rapid.IntRange(0, 2).Draw(t, "result")), More: rapid.Bool().Draw(t, "more"),
			}
			if rapid.Bool().Draw(t, "bounded") {
				op.Upper = key.Draw(t, "upper")
			}
			return op
		}), 0, 50).Draw(t, "ops")
		var b bytes.Buffer
		w, err := NewWriter(&b, rapid.Bool().Draw(t, "sequential"))
		if err != nil {
			t.Fatal(err)
		}
		for i := range ops {
			if err := w.Write(&ops[i]); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		got, err := readAll(b.Bytes())
		if !errors.Is(err, io.EOF) || !slices.EqualFunc(got, ops, same) {
			t.Fatalf("read %v, %v", got, err)
		}
	})
}

func TestMoreKeysThanTheDictionaryHoldsAreReadRight(t *testing.T) {
	var ops []Op
	r := dist.NewRand(1)
	for i := range slots + 5000 {
		ops = append(ops, Op{Kind: Put, Key: fmt.Appendf(nil, "%d", i), Size: 1})
		if i%7 == 0 {
			ops = append(ops, Op{Kind: Get, Key: fmt.Appendf(nil, "%d", r.Uintn(uint64(i+1))), Size: -1})
		}
	}
	ops = append(ops, Op{Kind: Get, Key: bytes.Repeat([]byte("k"), maxKept+1)}, Op{Kind: Get, Key: bytes.Repeat([]byte("k"), maxKept+1)})
	got, err := readAll(written(t, ops))
	if !errors.Is(err, io.EOF) || !slices.EqualFunc(got, ops, same) {
		t.Fatalf("%d operations of %d, %v", len(got), len(ops), err)
	}
}

func TestAnOperationTakesAboutSixBytes(t *testing.T) {
	z, r := dist.NewZipf(100_000, 0.99), dist.NewRand(2)
	var ops []Op
	for i := range 400_000 {
		ops = append(ops, Op{Time: time.Duration(i) * 900, Key: fmt.Appendf(nil, "user%d", dist.YCSBHash(z.Next(&r))), Size: 1000, Result: Found})
	}
	all, half := len(written(t, ops)), len(written(t, ops[:200_000]))
	// The second half has few new keys.
	if per := float64(all-half) / 200_000; per > 7 {
		t.Errorf("%.2f bytes an operation", per)
	} else {
		t.Logf("%.2f bytes an operation, %.2f with the new keys", per, float64(half)/200_000)
	}
}

func TestATornTraceGivesWhatIsBeforeTheTear(t *testing.T) {
	var ops []Op
	for i := range 30_000 {
		ops = append(ops, Op{Time: time.Duration(i), Kind: Put, Key: fmt.Appendf(nil, "key%07d", i*7), Size: i % 50})
	}
	file := written(t, ops)
	for cut := headerSize; cut < len(file); cut += 997 {
		got, err := readAll(file[:cut])
		if !errors.Is(err, ErrTorn) || errors.Is(err, engine.ErrCorrupt) || !slices.EqualFunc(got, ops[:len(got)], same) {
			t.Fatalf("cut at %d of %d: %d operations, %v", cut, len(file), len(got), err)
		}
	}
	if got, err := readAll(file[:len(file)-1]); !errors.Is(err, ErrTorn) || len(got) != len(ops) {
		t.Errorf("without its last byte: %d operations, %v", len(got), err)
	}
	for cut := range headerSize {
		if _, err := readAll(file[:cut]); err == nil || errors.Is(err, io.EOF) {
			t.Errorf("cut at %d: %v", cut, err)
		}
	}
}

func TestEveryFlippedBitOfATraceIsFound(t *testing.T) {
	ops := goldenOps()
	file := written(t, ops)
	for i := range file {
		for bit := range 8 {
			bad := bytes.Clone(file)
			bad[i] ^= 1 << bit
			got, err := readAll(bad)
			if errors.Is(err, io.EOF) {
				t.Fatalf("bit %d of byte %d: read to the end", bit, i)
			}
			if !slices.EqualFunc(got, ops[:len(got)], same) {
				t.Fatalf("bit %d of byte %d: wrong operations", bit, i)
			}
		}
	}
}

// block returns a block with the payload and its right checksum.
func block(count uint32, payload ...byte) []byte {
	b := make([]byte, blockHeader, blockHeader+len(payload))
	binary.LittleEndian.PutUint32(b, uint32(len(payload)))
	binary.LittleEndian.PutUint32(b[4:], count)
	crc := crc32.Update(crc32.Checksum(b[:8], castagnoli), castagnoli, payload)
	binary.LittleEndian.PutUint32(b[8:], crc)
	return append(b, payload...)
}

func TestEachWrongFieldOfATraceIsNamed(t *testing.T) {
	header := written(t, nil)[:headerSize]
	future := bytes.Clone(header)
	future[8] = 2
	binary.LittleEndian.PutUint32(future[12:], crc32.Checksum(future[:12], castagnoli))
	huge := block(1)
	binary.LittleEndian.PutUint32(huge, maxPayload+1)
	tests := []struct {
		name string
		rest []byte
		want string
	}{
		{"kind", block(1, 7, 0, 0), "unknown kind or result"},
		{"result", block(1, 3<<3, 0, 0), "unknown kind or result"},
		{"extra", block(1, tagExtra, 0), "the extra byte"},
		{"extra bits", block(1, tagExtra, 16), "the extra byte"},
		{"time", block(1, tagNew, 0x80), "the time"},
		{"slot", block(1, 0, 0, 0), "the key"},
		{"shared", block(1, tagNew, 0, 1, 0), "the key"},
		{"rest", block(1, tagNew, 0, 0, 5, 'a'), "the key"},
		{"upper", block(1, tagNew|tagExtra, extraUpper, 0, 0, 1, 'a', 9), "the upper bound"},
		{"n", block(1, tagNew|tagExtra, extraN, 0, 0, 1, 'a', 0), "the number of records"},
		{"size", block(1, tagNew|tagExtra, extraSize, 0, 0, 1, 'a'), "the size"},
		{"too few", block(2, tagNew, 0, 0, 1, 'a'), "fewer operations"},
		{"too many", block(1, tagNew, 0, 0, 1, 'a', 0), "bytes after the last operation"},
		{"length", huge, "a block of"},
		{"total", block(0, 5), "speaks of 5 operations"},
		{"after", append(block(0, 0), 1), "bytes after the last block"},
	}
	for _, c := range tests {
		if _, err := readAll(append(bytes.Clone(header), c.rest...)); !errors.Is(err, engine.ErrCorrupt) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "t.trace") {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if _, err := readAll(future); !errors.Is(err, engine.ErrUnsupported) {
		t.Errorf("unknown flags: %v", err)
	}
	if _, err := readAll([]byte("READ usertable user1 [ <all fields>]")); !errors.Is(err, engine.ErrInvalid) || !strings.Contains(err.Error(), "import") {
		t.Errorf("a text: %v", err)
	}
}

func TestWhatNoTraceCanHoldIsRefused(t *testing.T) {
	w, err := NewWriter(io.Discard, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, op := range []Op{{Kind: numKinds}, {Result: 3}, {Size: -2}, {N: -1}, {Key: make([]byte, maxKey+1)}, {Upper: make([]byte, maxKey+1)}} {
		if err := w.Write(&op); !errors.Is(err, ErrOp) {
			t.Errorf("%v", err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := w.Write(&Op{Key: []byte("a")}); err == nil {
		t.Error("a closed writer takes operations")
	}
}

func FuzzTrace(f *testing.F) {
	f.Add(written(f, goldenOps()))
	f.Add(written(f, nil))
	f.Add(append(written(f, nil)[:headerSize], block(1, tagNew|tagExtra, 15, 1, 0, 1, 'a', 1, 'b', 3, 4)...))
	f.Fuzz(func(t *testing.T, file []byte) {
		ops, err := readAll(file)
		if err == nil {
			t.Fatal("no end")
		}
		again, err := readAll(written(t, ops))
		if !errors.Is(err, io.EOF) || !slices.EqualFunc(again, ops, same) {
			t.Fatalf("written again: %v", err)
		}
	})
}

func BenchmarkWrite(b *testing.B) {
	w, err := NewWriter(io.Discard, true)
	if err != nil {
		b.Fatal(err)
	}
	z, r := dist.NewZipf(100_000, 0.99), dist.NewRand(2)
	keys := make([][]byte, 1<<16)
	for i := range keys {
		keys[i] = fmt.Appendf(nil, "user%d", dist.YCSBHash(z.Next(&r)))
	}
	op, i := Op{Size: 1000, Result: Found}, 0
	for b.Loop() {
		op.Time += 900
		op.Key = keys[i&(1<<16-1)]
		i++
		if err := w.Write(&op); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(w.Bytes())/float64(i), "B/record")
}
