package engine

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
)

func goldenBatch() *Batch {
	var b Batch
	b.Put([]byte("apple"), []byte("red"))
	b.Delete([]byte("banana"))
	b.DeleteRange([]byte("c"), []byte("d"))
	b.Put([]byte("f"), nil)
	b.DeleteRange(nil, nil)
	b.SetSequence(0x0102030405060708)
	return &b
}

// text writes the ops of a batch one a line, and the error that ends them.
func text(b *Batch) string {
	var out strings.Builder
	var op Op
	r := b.Reader()
	for r.Next(&op) {
		fmt.Fprintf(&out, "%v %q %q\n", op.Kind, op.Key, op.Value)
	}
	if err := r.Err(); err != nil {
		fmt.Fprintln(&out, err)
	}
	return out.String()
}

func TestABatchHasTheBytesOfTheGoldenFile(t *testing.T) {
	b := goldenBatch()
	wantBytes(t, "batch", b.Bytes(), golden(t, "batch"))
	if b.Len() != 5 || b.Size() != len(b.Bytes()) || b.Sequence() != 0x0102030405060708 {
		t.Errorf("len %d, size %d, sequence %#x", b.Len(), b.Size(), b.Sequence())
	}
	var loaded Batch
	if err := loaded.Load(golden(t, "batch")); err != nil {
		t.Fatal(err)
	}
	if got, want := text(&loaded), text(b); got != want || strings.Count(got, "\n") != 5 {
		t.Errorf("loaded\n%s\nwant\n%s", got, want)
	}
	if loaded.Sequence() != b.Sequence() || loaded.Len() != b.Len() {
		t.Errorf("loaded len %d, sequence %#x", loaded.Len(), loaded.Sequence())
	}
}

// The vector was written by Pebble v2.1.7: Batch.Repr after Set apple red,
// Delete banana, DeleteRange c d, Set e of 130 x, Set f of nothing. Without
// the header and the range delete goleveldb's Batch.Dump gives the same.
func TestABatchHasTheBytesOfPebbles(t *testing.T) {
	var b Batch
	b.Put([]byte("apple"), []byte("red"))
	b.Delete([]byte("banana"))
	b.DeleteRange([]byte("c"), []byte("d"))
	b.Put([]byte("e"), bytes.Repeat([]byte("x"), 130))
	b.Put([]byte("f"), nil)
	want, err := hex.DecodeString("000000000000000005000000" +
		"01056170706c6503726564" + "000662616e616e61" + "0f01630164" +
		"0101658201" + strings.Repeat("78", 130) + "01016600")
	if err != nil {
		t.Fatal(err)
	}
	wantBytes(t, "batch", b.Bytes(), want)
}

func TestAnEmptyBatchIsItsHeader(t *testing.T) {
	var b Batch
	if b.Len() != 0 || b.Size() != batchHeaderSize || text(&b) != "" || b.Sequence() != 0 {
		t.Errorf("len %d, size %d, ops %q, sequence %d", b.Len(), b.Size(), text(&b), b.Sequence())
	}
	wantBytes(t, "empty batch", b.Bytes(), make([]byte, batchHeaderSize))
	b.SetSequence(7)
	b.Put([]byte("k"), []byte("v"))
	if text(&b) != "put \"k\" \"v\"\n" || b.Sequence() != 7 {
		t.Errorf("after a put: %q, sequence %d", text(&b), b.Sequence())
	}
	b.Reset()
	if b.Len() != 0 || b.Sequence() != 0 || text(&b) != "" {
		t.Errorf("after Reset: len %d, sequence %d, %q", b.Len(), b.Sequence(), text(&b))
	}
	b.Delete([]byte("l"))
	if text(&b) != "delete \"l\" \"\"\n" || b.Sequence() != 0 {
		t.Errorf("after Reset and a delete: %q, sequence %d", text(&b), b.Sequence())
	}
}

func TestABatchCopiesWhatItIsGiven(t *testing.T) {
	var b, loaded Batch
	key, value := []byte("key"), []byte("value")
	b.Put(key, value)
	clear(key)
	clear(value)
	if got := text(&b); got != "put \"key\" \"value\"\n" {
		t.Error(got)
	}
	encoded := bytes.Clone(b.Bytes())
	if err := loaded.Load(encoded); err != nil {
		t.Fatal(err)
	}
	clear(encoded)
	if got := text(&loaded); got != text(&b) {
		t.Error(got)
	}
}

func TestABatchCutAnywhereIsCorrupt(t *testing.T) {
	whole := golden(t, "batch")
	for n := range whole {
		b := goldenBatch()
		err := b.Load(whole[:n])
		if !errors.Is(err, ErrCorrupt) {
			t.Errorf("cut to %d bytes: %v", n, err)
		}
		if b.Len() != 0 || text(b) != "" {
			t.Errorf("cut to %d bytes: %d ops are left", n, b.Len())
		}
	}
}

func TestEachDamagedFieldOfABatchIsNamed(t *testing.T) {
	for _, c := range []struct {
		name, hex, want string
		offset          int64
	}{
		{"count too low", "0000000000000000 00000000 00016b", "3 bytes after the last op", 12},
		{"count too high", "0000000000000000 02000000 00016b", "1 ops missing", 15},
		{"unknown kind", "0000000000000000 01000000 02016b", "unknown op kind 2", 12},
		{"second op of unknown kind", "0000000000000000 02000000 00016b ff", "unknown op kind 255", 15},
		{"key too long", "0000000000000000 01000000 00026b", "delete op has a bad length", 12},
		{"value too long", "0000000000000000 01000000 01016b0276", "put op has a bad length", 12},
		{"no value", "0000000000000000 01000000 01016b", "put op has a bad length", 12},
		{"no upper bound", "0000000000000000 01000000 0f016b", "delete-range op has a bad length", 12},
		{"length without end", "0000000000000000 01000000 00ffffffffff", "delete op has a bad length", 12},
		{"length of 2^32", "0000000000000000 01000000 008080808010", "delete op has a bad length", 12},
		{"length in six bytes", "0000000000000000 01000000 00818080808000 6b", "delete op has a bad length", 12},
		{"length not in its shortest form", "0000000000000000 01000000 0081006b", "delete op has a bad length", 12},
		{"byte after the last op", "0000000000000000 01000000 00016b 00", "1 bytes after the last op", 15},
		{"short header", "00000000000000", "the header alone has 12", 0},
	} {
		data, err := hex.DecodeString(strings.ReplaceAll(c.hex, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		var b Batch
		err = b.Load(data)
		var damage *CorruptionError
		if !errors.As(err, &damage) || !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if !strings.Contains(err.Error(), c.want) || damage.Offset != c.offset || damage.File != "batch" {
			t.Errorf("%s: %v, want %q at offset %d", c.name, err, c.want, c.offset)
		}
	}
}

func TestARangeDeleteBelowAnEmptyBoundStaysEmpty(t *testing.T) {
	var b Batch
	b.DeleteRange([]byte("a"), []byte{})
	b.DeleteRange([]byte("a"), nil)
	var op Op
	r := b.Reader()
	if !r.Next(&op) || bytes.Compare(op.Key, op.Value) < 0 || len(op.Value) == 0 {
		t.Errorf("below an empty bound: [%q, %q)", op.Key, op.Value)
	}
	if !r.Next(&op) || op.Value != nil || string(op.Key) != "a" {
		t.Errorf("without a bound: [%q, %q)", op.Key, op.Value)
	}
}

func TestABatchOfTooManyOpsIsRefusedAsAWhole(t *testing.T) {
	b := goldenBatch()
	b.count = math.MaxUint32 // as if so many had been added
	b.Put([]byte("k"), nil)
	r := b.Reader()
	var op Op
	if r.Next(&op) || !errors.Is(r.Err(), ErrTooLarge) {
		t.Error(r.Err())
	}
	var c Caps
	if err := c.CheckBatch(b); !errors.Is(err, ErrTooLarge) {
		t.Error(err)
	}
	b.Reset()
	b.Put([]byte("k"), nil)
	if got := text(b); got != "put \"k\" \"\"\n" {
		t.Error(got)
	}
}

func TestReadingABatchDoesNotAllocate(t *testing.T) {
	b := goldenBatch()
	c := Caps{RangeDelete: true, MaxKey: 10, MaxValue: 10, MaxBatch: 1000}
	if n := testing.AllocsPerRun(100, func() {
		if err := c.CheckBatch(b); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestCapsRefuseABatchForItsFirstBadOp(t *testing.T) {
	c := Caps{MaxKey: 3, MaxValue: 4, MaxBatch: 100}
	for _, x := range []struct {
		name string
		add  func(*Batch)
		want error
		text string
	}{
		{"at the limits", func(b *Batch) { b.Put([]byte("abc"), []byte("1234")); b.Delete([]byte("abc")) }, nil, ""},
		{"nothing", func(*Batch) {}, nil, ""},
		{"empty key", func(b *Batch) { b.Delete([]byte("a")); b.Put(nil, nil) }, ErrEmptyKey, "op 1"},
		{"empty key to delete", func(b *Batch) { b.Delete(nil) }, ErrEmptyKey, "op 0"},
		{"long key", func(b *Batch) { b.Delete([]byte("abcd")) }, ErrTooLarge, "key of 4 bytes"},
		{"long value", func(b *Batch) { b.Put([]byte("a"), []byte("12345")) }, ErrTooLarge, "value of 5 bytes"},
		{"range delete", func(b *Batch) { b.DeleteRange(nil, nil) }, ErrUnsupported, "range delete"},
		{"large", func(b *Batch) {
			for range 30 {
				b.Delete([]byte("abc"))
			}
		}, ErrTooLarge, "limit 100"},
	} {
		var b Batch
		x.add(&b)
		err := c.CheckBatch(&b)
		if !errors.Is(err, x.want) || err != nil && !strings.Contains(err.Error(), x.text) {
			t.Errorf("%s: %v, want %v with %q", x.name, err, x.want, x.text)
		}
	}
}

// FuzzBatch loads any bytes: it must not panic, and what it accepts must be
// the only encoding of its ops.
func FuzzBatch(f *testing.F) {
	f.Add(golden(f, "batch"))
	f.Add([]byte{})
	f.Add(make([]byte, batchHeaderSize))
	f.Add(append(make([]byte, 8), 1, 0, 0, 0, 0, 0x81, 0, 'k'))
	f.Fuzz(func(t *testing.T, data []byte) {
		var b, again Batch
		if err := b.Load(data); err != nil {
			if !errors.Is(err, ErrCorrupt) || b.Len() != 0 || b.Size() != batchHeaderSize {
				t.Fatalf("refused with %v, and %d ops are left", err, b.Len())
			}
			return
		}
		var op Op
		n := 0
		for r := b.Reader(); r.Next(&op); n++ {
			switch op.Kind {
			case KindPut:
				again.Put(op.Key, op.Value)
			case KindDelete:
				again.Delete(op.Key)
			case KindDeleteRange:
				again.DeleteRange(op.Key, op.Value)
			}
		}
		again.SetSequence(b.Sequence())
		if n != b.Len() || !bytes.Equal(again.Bytes(), data) || !bytes.Equal(b.Bytes(), data) {
			t.Fatalf("%x has %d ops of %d, which are encoded as %x", data, n, b.Len(), again.Bytes())
		}
	})
}
