package block

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"github.com/kvbench/kvbench/lsm/ikey"
)

// versions are n of one key, the newest of which has the number n.
func versions(n int) []item {
	var items []item
	for i := range n {
		items = append(items, item{"key", ikey.Make(ikey.Seq(n-i), ikey.Put), strings.Repeat("v", 1+i%3)})
	}
	return items
}

func TestNoFlippedByteLeadsAstrayAmongManyVersions(t *testing.T) {
	items := slices.Concat([]item{{"ka", ikey.Make(9, ikey.Put), "a"}}, versions(14), []item{{"key\x00", ikey.Make(3, ikey.Delete), ""}})
	for _, o := range allOptions() {
		full := encode(o, items)
		for i := range full {
			for _, bit := range []byte{1, 8, 0x80, 0xff} {
				p := slices.Clone(full)
				p[i] ^= bit
				if err := poke(p, [][]byte{[]byte("key"), []byte("key\x00"), []byte("ka")}); err != nil {
					t.Fatalf("%v: byte %d ^ %x: %v", o, i, bit, err)
				}
			}
		}
	}
}

// The search sees entry 8, which is a hit, then the head of entry 6, which
// lies, and then that all before 6 are too new.
func TestAnEntryThatWasNotLookedAtIsNotGiven(t *testing.T) {
	data := encode(Options{}, versions(12))
	var c columns
	if !c.parse(data) {
		t.Fatal(fault(data))
	}
	binary.LittleEndian.PutUint32(data[headsHeader+c.prefix+headBytes*6:], 1<<31)
	binary.LittleEndian.PutUint16(data[c.pairs+4*7+2:], 1<<15)
	if _, _, found, _, err := Find(data, []byte("key"), 6); found || err != nil {
		t.Errorf("found is %t, %v", found, err)
	}
}

// restartsOf is a block of one restart point at each offset.
func restartsOf(entries string, at ...uint32) []byte {
	p := []byte{byte(Restarts), 0, 0, 0}
	p = binary.LittleEndian.AppendUint32(p, uint32(len(at)))
	for _, off := range at {
		p = binary.LittleEndian.AppendUint32(p, off)
	}
	return append(p, entries...)
}

// put1 is the trailer of a put.
const put1 = "\x01\x01\x00\x00\x00\x00\x00\x00"

func TestLengthsWhoseSumOverflowsAreDamage(t *testing.T) {
	most := strings.Repeat("\xff", 9) + "\x01" // 2^64-1
	for _, entry := range []string{
		"\x00" + most + "\x01", "\x00\x01" + most, most + "\x01\x01", "\x00" + most + most,
		"\x00\xf8" + most[1:] + "\x00", "\x00\x01" + "\xf7" + most[1:], "\x80\x80\x04\x01\x00",
	} {
		data := restartsOf(entry+"k"+put1+strings.Repeat("v", 40), 0)
		if _, err := Check(data); err == nil {
			t.Errorf("%x: no error", entry)
		}
		if err := poke(data, someKeys()); err != nil {
			t.Errorf("%x: %v", entry, err)
		}
	}
}

func TestARestartPointWithinAnEntryIsDamageOnTheWayBack(t *testing.T) {
	first := "\x00\x01\x0e" + "a" + put1 + "\x00\x01\x05" + "b" + put1 + "vv"
	data := restartsOf(first+"\x00\x01\x03"+"c"+put1+"end", 0, 12)
	var c Cursor
	if err := c.Init(data); err != nil {
		t.Fatal(err)
	}
	if !c.First() || !c.Next() || string(c.Key()) != "c" {
		t.Fatal(c.Err())
	}
	if c.Prev() || c.Err() == nil {
		t.Errorf("went back to %q", c.Key())
	}
}

func TestFindNoticesARestartPointWhoseKeyIsNotWhole(t *testing.T) {
	data := encode(Options{Layout: Restarts, RestartInterval: 2}, mixed())
	var r restarts
	if !r.parse(data) {
		t.Fatal(r.fault(data))
	}
	binary.LittleEndian.PutUint32(data[restartsHeader+4:], 3+4+trailerBytes) // entry 1
	if _, _, _, _, err := Find(data, []byte("treetop"), ikey.MaxSeq); err == nil {
		t.Error("no error")
	}
}

func TestAnEntryThatIsThereTwiceIsOutOfOrder(t *testing.T) {
	for _, o := range allOptions() {
		if _, err := Check(encode(o, slices.Concat(mixed()[:2], mixed()[1:]))); err == nil {
			t.Errorf("%v: no error", o)
		}
	}
}

func TestAKeyThatNobodyCanAskForIsDamage(t *testing.T) {
	long := strings.Repeat("k", 1<<16)
	for _, o := range allOptions() {
		items := []item{{"a", ikey.Make(1, ikey.Put), ""}, {long[1:], ikey.Make(1, ikey.Put), ""}}
		if _, err := Check(encode(o, items)); err != nil {
			t.Errorf("%v: %v", o, err)
		}
		items[1].key = long
		if _, err := Check(encode(o, items)); err == nil {
			t.Errorf("%v: no error", o)
		}
	}
}
