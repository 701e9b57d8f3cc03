package goycsb

import (
	"bytes"
	"encoding/hex"
	"errors"
	"maps"
	"os"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// golden is a record of three fields, one of them empty.
var golden = map[string][]byte{
	"field0": []byte("zero"), "field1": bytes.Repeat([]byte("x"), 200), "field10": nil,
}

func encode(values map[string][]byte) []byte {
	var c codec
	c.set(values)
	return c.append(nil)
}

func TestARecordIsTheBytesItAlwaysWas(t *testing.T) {
	text, err := os.ReadFile("testdata/record.hex")
	if err != nil {
		t.Fatal(err)
	}
	want, err := hex.DecodeString(strings.Join(strings.Fields(string(text)), ""))
	if err != nil {
		t.Fatal(err)
	}
	if got := encode(golden); !bytes.Equal(got, want) {
		t.Errorf("encoded\n%x, want\n%x", got, want)
	}
	got := fieldsOf(t, want)
	for name, v := range golden {
		if g, ok := got[name]; !ok || g != string(v) {
			t.Errorf("field %s is %q, want %q", name, g, v)
		}
	}
	if len(got) != len(golden) {
		t.Errorf("decoded %d fields, want %d", len(got), len(golden))
	}
}

func TestADamagedRecordIsRefused(t *testing.T) {
	small := encode(map[string][]byte{"a": []byte("1"), "b": []byte("22")})
	// 01 02 | 01 'a' 01 '1' | 01 'b' 02 '2' '2'
	change := func(at int, b byte) []byte {
		r := bytes.Clone(small)
		r[at] = b
		return r
	}
	for name, c := range map[string]struct {
		record []byte
		want   string
	}{
		"empty":                {nil, "empty"},
		"zeros":                {make([]byte, 8), "version 0"},
		"version":              {change(0, 2), "version 2"},
		"count below":          {change(1, 1), "5 bytes after the last field"},
		"count above":          {change(1, 3), "cut off"},
		"name length above":    {change(2, 200), "bytes, 7 are left"},
		"name length far off":  {change(2, 100), "name of 100 bytes, 8 are left"},
		"name length 0":        {change(2, 0), `name "" after ""`},
		"names out of order":   {change(3, 'c'), `name "b" after "c"`},
		"name twice":           {change(3, 'b'), `name "b" after "b"`},
		"value length above":   {change(8, 3), "value of 3 bytes, 2 are left"},
		"value length below":   {change(8, 1), "1 bytes after the last field"},
		"bytes at the end":     {append(bytes.Clone(small), 0), "1 bytes after"},
		"length in two bytes":  {append(bytes.Clone(small[:8]), 0x82, 0, '2', '2'), "shortest form"},
		"length above 64 bits": {append(bytes.Clone(small[:8]), bytes.Repeat([]byte{0xff}, 11)...), "above 64 bits"},
	} {
		var d codec
		if err := d.decode(c.record); !errors.Is(err, errDamaged) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestARecordCutAnywhereIsRefused(t *testing.T) {
	whole := encode(golden)
	for n := range whole {
		var c codec
		if err := c.decode(whole[:n]); !errors.Is(err, errDamaged) {
			t.Errorf("cut to %d of %d bytes: %v", n, len(whole), err)
		}
	}
}

func TestFieldsComeBackAsTheyWereSet(t *testing.T) {
	names := rapid.StringN(1, 6, -1)
	rows := rapid.MapOfN(names, rapid.SliceOfN(rapid.Byte(), 0, 200), 0, 20)
	rapid.Check(t, func(t *rapid.T) {
		first, second := rows.Draw(t, "first"), rows.Draw(t, "second")
		var c codec
		c.set(first)
		record := c.append(nil)
		if err := c.decode(record); err != nil {
			t.Fatal(err)
		}
		c.set(second)
		want := maps.Clone(first)
		maps.Copy(want, second)
		record = c.append(nil)
		if !bytes.Equal(record, encode(want)) {
			t.Fatal("the encoding depends on the order in which fields were set")
		}
		if err := c.decode(record); err != nil {
			t.Fatal(err)
		}
		got := map[string][]byte{}
		if err := c.pick(got, nil); err != nil {
			t.Fatal(err)
		}
		if !maps.EqualFunc(got, want, bytes.Equal) {
			t.Fatalf("got %q, want %q", got, want)
		}
	})
}

func TestOnlyTheFieldsAskedForAreReturned(t *testing.T) {
	var c codec
	if err := c.decode(encode(golden)); err != nil {
		t.Fatal(err)
	}
	row := map[string][]byte{}
	if err := c.pick(row, []string{"field0"}); err != nil || len(row) != 1 || string(row["field0"]) != "zero" {
		t.Errorf("row %q, %v; want field0 alone", row, err)
	}
	if err := c.pick(row, []string{"field1", "field2"}); !errors.Is(err, errWrongAnswer) || !strings.Contains(err.Error(), "field2") {
		t.Errorf("a missing field: %v", err)
	}
}

// FuzzRecord: bytes are refused as damaged, or are the one encoding of the
// fields in them.
func FuzzRecord(f *testing.F) {
	f.Add(encode(golden))
	f.Add(encode(nil))
	f.Add([]byte{})
	f.Add([]byte{1, 1, 0, 0})
	f.Add([]byte{1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, record []byte) {
		var c codec
		if err := c.decode(record); err != nil {
			if !errors.Is(err, errDamaged) {
				t.Fatalf("error %v does not wrap %v", err, errDamaged)
			}
			return
		}
		if again := c.append(nil); !bytes.Equal(again, record) {
			t.Fatalf("%x decodes, and encodes as %x", record, again)
		}
	})
}
