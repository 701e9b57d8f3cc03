package trace

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kvbench/kvbench/engine"
)

// imported returns the operations of a text.
func imported(t testing.TB, text string, o ImportOptions) ([]Op, Import, error) {
	t.Helper()
	var b bytes.Buffer
	w, err := NewWriter(&b, true)
	if err != nil {
		t.Fatal(err)
	}
	o.Name = "in.txt"
	done, err := ImportText(strings.NewReader(text), w, o)
	if closeErr := w.Close(); closeErr != nil {
		t.Fatal(closeErr)
	}
	ops, end := readAll(b.Bytes())
	if !errors.Is(end, io.EOF) {
		t.Fatal(end)
	}
	return ops, done, err
}

func key(s string) []byte { return []byte(s) }

func TestEachFormatIsReadAsItsToolWritesIt(t *testing.T) {
	for _, c := range []struct {
		format, text string
		want         []Op
	}{
		{"ycsb", "***************** properties *****************\n\"recordcount\"=\"2\"\nINSERT usertable user1 [ field1=ab c field0=d=e ]\nREAD usertable user1 [ <all fields>]\r\nREAD usertable user2 [ field0 field1 ]\nSCAN usertable user1 50 [ <all fields>]\nUPDATE usertable user1 [ field3=xyz]\nDELETE usertable user1\n[OVERALL], RunTime(ms), 12\n", []Op{
			{Kind: Put, Key: key("user1"), Size: 7},
			{Kind: Get, Key: key("user1"), Size: -1},
			{Kind: Get, Key: key("user2"), Size: -1},
			{Kind: Scan, Key: key("user1"), N: 50, Size: -1},
			{Kind: Put, Key: key("user1"), Size: 3},
			{Kind: Delete, Key: key("user1"), Size: -1},
		}},
		{"rocksdb", "0x6B6579 1 0 100 1000\n0x6b6579 0 0 0 1500\n0x00ff 6 2 0 1700\n0x61 7 0 0 1700\n0x61 3 0 0 1800\n0x61 5 0 8 1900\n0x61 8 0 0 2000\n", []Op{
			{Kind: Put, Key: key("key"), Size: 100},
			{Time: 500 * time.Microsecond, Kind: Get, Key: key("key"), Size: -1},
			{Time: 700 * time.Microsecond, Kind: Scan, Key: key("2:\x00\xff"), N: 10, Size: -1},
			{Time: 700 * time.Microsecond, Kind: ReverseScan, Key: key("a"), N: 10, Size: -1},
			{Time: 800 * time.Microsecond, Kind: Delete, Key: key("a"), Size: -1},
			{Time: 900 * time.Microsecond, Kind: Put, Key: key("a"), Size: 8},
			{Time: time.Millisecond, Kind: Get, Key: key("a"), Size: -1},
		}},
		{"twitter", "7,nz:u:eeW511W3dcH3de3d15ec,24,105,5,get,0\n8,a,b,3,0,5,gets,0\n9,k,1,20,5,set,3600\n9,k,1,0,5,delete,0\n", []Op{
			{Kind: Get, Key: key("nz:u:eeW511W3dcH3de3d15ec"), Size: 105, Result: Found},
			{Time: time.Second, Kind: Get, Key: key("a,b"), Size: -1, Result: Absent},
			{Time: 2 * time.Second, Kind: Put, Key: key("k"), Size: 20},
			{Time: 2 * time.Second, Kind: Delete, Key: key("k"), Size: -1},
		}},
		{"tectonic", "I abc 12345\nU abc 1 2\nP abc\nQ zz\nS a b\nR a c\nD abc\n\n", []Op{
			{Kind: Put, Key: key("abc"), Size: 5},
			{Kind: Put, Key: key("abc"), Size: 3},
			{Kind: Get, Key: key("abc"), Size: -1},
			{Kind: Get, Key: key("zz"), Size: -1},
			{Kind: Scan, Key: key("a"), Upper: key("b"), Size: -1},
			{Kind: DeleteRange, Key: key("a"), Upper: key("c"), Size: -1},
			{Kind: Delete, Key: key("abc"), Size: -1},
		}},
	} {
		got, done, err := imported(t, c.text, ImportOptions{Format: c.format, ScanLength: 10})
		if err != nil || !slices.EqualFunc(got, c.want, same) {
			t.Errorf("%s: %+v, %v", c.format, got, err)
		}
		if done.Operations != uint64(len(c.want)) || done.Bad != 0 {
			t.Errorf("%s: %+v", c.format, done)
		}
	}
}

func TestABadLineIsNamedWithItsNumberAndMayBeLeftOut(t *testing.T) {
	for _, c := range []struct{ format, good, bad, want string }{
		{"ycsb", "READ usertable a [ <all fields>]", "READ usertable", "needs a table and a key"},
		{"ycsb", "READ usertable a [ <all fields>]", "SCAN usertable a x [ ]", "number of records"},
		{"ycsb", "READ usertable a [ <all fields>]", "INSERT usertable a [ field0=cut", "cut off"},
		{"rocksdb", "0x61 1 0 1 1", "1 0 1 1", "no_key"},
		{"rocksdb", "0x61 1 0 1 1", "0x61 1 0 1", "column 5"},
		{"rocksdb", "0x61 1 0 1 1", "0x6 1 0 1 1", "the key"},
		{"rocksdb", "0x61 1 0 1 1", "0x61 4 0 1 1", "range delete"},
		{"rocksdb", "0x61 1 0 1 1", "0x61 9 0 1 1", "unknown type 9"},
		{"rocksdb", "0x61 1 0 1 1", "0x61 1 0 1 1 1", "after the five"},
		{"rocksdb", "0x61 1 0 1 1", "0x 1 0 1 1", "key is empty"},
		{"twitter", "1,k,1,1,1,get,0", "1,k,1,1,get,0", "columns"},
		{"twitter", "1,k,1,1,1,get,0", "x,k,1,1,1,get,0", "timestamp"},
		{"twitter", "1,k,1,1,1,get,0", "1,k,1,-1,1,get,0", "value size"},
		{"twitter", "1,k,1,1,1,get,0", "1,k,1,1,1,got,0", "unknown operation"},
		{"tectonic", "P a", "X a", "unknown operation"},
		{"tectonic", "P a", "I a", "second word"},
		{"tectonic", "P a", "P a b", "key alone"},
		{"tectonic", "P a", "D", "key is empty"},
	} {
		text := c.good + "\n" + c.bad + "\n" + c.good + "\n"
		_, _, err := imported(t, text, ImportOptions{Format: c.format})
		if err == nil || !strings.Contains(err.Error(), "in.txt:2") || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "--skip-bad") {
			t.Errorf("%s %q: %v", c.format, c.bad, err)
		}
		ops, done, err := imported(t, text, ImportOptions{Format: c.format, SkipBad: 1})
		if err != nil || len(ops) != 2 || done.Bad != 1 || len(done.FirstBad) != 1 {
			t.Errorf("%s %q, skipped: %d operations, %+v, %v", c.format, c.bad, len(ops), done, err)
		}
		if _, _, err := imported(t, text+c.bad+"\n", ImportOptions{Format: c.format, SkipBad: 1}); err == nil {
			t.Errorf("%s: two bad lines pass for one", c.format)
		}
	}
}

func TestATextWithoutOperationsOrOfAnUnknownFormatIsRefused(t *testing.T) {
	if _, _, err := imported(t, "hello\n", ImportOptions{Format: "ycsb"}); !errors.Is(err, engine.ErrInvalid) {
		t.Errorf("%v", err)
	}
	if _, _, err := imported(t, "", ImportOptions{Format: "twiter"}); err == nil || !strings.Contains(err.Error(), "twitter") {
		t.Errorf("%v", err)
	}
}

func FuzzImport(f *testing.F) {
	for i, text := range []string{"READ usertable a [ <all fields>]\n", "0x61 1 0 1 1\n", "1,k,1,1,1,get,0\n", "S a b\n"} {
		f.Add([]string{"ycsb", "rocksdb", "twitter", "tectonic"}[i], text)
	}
	f.Fuzz(func(t *testing.T, format, text string) {
		ops, done, err := imported(t, text, ImportOptions{Format: format, SkipBad: 3})
		if err == nil && uint64(len(ops)) != done.Operations {
			t.Fatalf("%d operations, counted %d", len(ops), done.Operations)
		}
	})
}
