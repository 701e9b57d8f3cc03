package block

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/kvbench/kvbench/lsm/ikey"
)

// FuzzRead reads any bytes as a block, in every way.
func FuzzRead(f *testing.F) {
	for _, g := range golden {
		full := encode(g.o, g.items)
		f.Add(full, []byte("tree"))
		f.Add(full[:len(full)-3], []byte("treetop"))
	}
	f.Fuzz(func(t *testing.T, data, key []byte) {
		if len(data) > 4<<10 {
			return
		}
		if err := poke(data, [][]byte{key, nil, []byte("user1002")}); err != nil {
			t.Fatal(err)
		}
	})
}

// entriesOf makes entries of bytes: of each, lengths, kind and sequence number
// come first.
func entriesOf(p []byte) []item {
	var items []item
	for len(p) >= 4 && len(items) < 200 {
		k, v := 1+int(p[0]&15), int(p[0]>>4)*int(p[0]>>4)
		kind := ikey.Kind(p[1] % 5)
		seq := uint64(binary.LittleEndian.Uint16(p[2:])) << (p[1] >> 4 & 7 * 5)
		p = p[4:]
		if k > len(p) {
			break
		}
		items = append(items, item{string(p[:k]), ikey.Make(ikey.Seq(seq), kind), string(bytes.Repeat(p[:1], v))})
		p = p[k:]
	}
	slices.SortStableFunc(items, item.compare)
	return slices.CompactFunc(items, func(a, b item) bool {
		return a.key == b.key && a.trailer.Seq() == b.trailer.Seq()
	})
}

// FuzzBuild writes entries, and reads them back in every way.
func FuzzBuild(f *testing.F) {
	f.Add([]byte("\x12\x01\x07\x00tre\x32\x40\x07\x00tre\x53\x03\x00\x10tray"), uint8(0))
	f.Add([]byte("\x00\x01\x00\x00a\x01\x01\x00\x00aa\x02\x01\x00\x00aaa"), uint8(2))
	f.Fuzz(func(t *testing.T, p []byte, interval uint8) {
		items := entriesOf(p)
		if len(items) == 0 {
			return
		}
		for _, o := range []Options{{}, {Layout: Restarts, RestartInterval: int(interval)}} {
			data := encode(o, items)
			got, err := walk(data)
			if err != nil || !slices.Equal(got, items) {
				t.Fatalf("%v: %d entries of %d, %v", o, len(got), len(items), err)
			}
			if err := poke(data, nil); err != nil {
				t.Fatalf("%v: %v", o, err)
			}
			if _, err := Check(data); err != nil {
				t.Fatalf("%v: %v", o, err)
			}
		}
	})
}
