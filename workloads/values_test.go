package workloads

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// checkGolden compares got with a file in testdata.
func checkGolden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs; run go test -update if that is meant.\ngot:\n%s", file, got)
	}
}

// shapes are overrides with every layout of a value.
var shapes = map[string][]string{
	"whole":           {"valuesize=100"},
	"blind record":    {"updatemode=blind"},
	"fields":          nil,
	"short fields":    {"fieldcount=4", "fieldlength=10"},
	"tiny fields":     {"fieldcount=3", "fieldlength=1"},
	"nearly a stamp":  {"valuesize=23"},
	"just a stamp":    {"valuesize=24"},
	"one byte":        {"valuesize=1"},
	"varying whole":   {"valuesize=uniform:1-300"},
	"varying fields":  {"fieldlengthdistribution=uniform", "fieldlength=80"},
	"varying blind":   {"fieldlengthdistribution=zipfian", "fieldlength=80", "writeallfields=true"},
	"pareto":          {"valuesize=pareto:0.2615:25.45:10:1k"},
	"one of ten":      {"fieldcount=10", "valuesize=1000"},
	"compressible":    {"valuesize=1k", "valuecompress=0.5"},
	"one empty field": {"fieldcount=1", "fieldlength=50"},
}

func mustValues(t testing.TB, worker int, overrides ...string) *Values {
	t.Helper()
	v, err := mustParse(t, "A", overrides...).NewValues(42, worker)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestAValueIsVerifiedByAnyWorker(t *testing.T) {
	for name, o := range shapes {
		s := mustParse(t, "A", o...)
		a, b := mustValues(t, 0, o...), mustValues(t, 7, o...)
		for number := range uint64(500) {
			value := a.Next(number)
			if len(value) > s.MaxValue() || cap(value) != len(value) {
				t.Fatalf("%s: %d bytes, capacity %d, MaxValue %d", name, len(value), cap(value), s.MaxValue())
			}
			for _, v := range []*Values{a, b} {
				if err := v.Verify(number, value, true); err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				if err := v.Verify(number, value, false); err != nil {
					t.Fatalf("%s: %v", name, err)
				}
			}
			if n, ok := b.Number(value); ok && n != number {
				t.Fatalf("%s: Number is %d, want %d", name, n, number)
			}
		}
		if !bytes.Equal(a.pool, b.pool) {
			t.Errorf("%s: pools differ", name)
		}
	}
}

func TestTheStampsOfEarlierValuesAreUndone(t *testing.T) {
	for name, o := range shapes {
		v := mustValues(t, 0, o...)
		for number := range uint64(500) {
			v.Next(number)
		}
		differing := 0
		for i := range v.pool {
			if v.pool[i] != v.work[i] {
				differing++
			}
		}
		if most := v.fields * (stampSize + frameSize); differing > most {
			t.Errorf("%s: %d bytes of the pool differ, want at most %d", name, differing, most)
		}
	}
}

func TestTheValueOfAnotherKeyIsRefused(t *testing.T) {
	for name, o := range shapes {
		v := mustValues(t, 0, o...)
		for number := range uint64(300) {
			value := v.Next(number)
			err := v.Verify(number+1, value, false)
			var ve *ValueError
			if !errors.As(err, &ve) || ve.What != "key number" || ve.Error() == "" {
				t.Fatalf("%s: the value of %d passes for %d: %v", name, number, number+1, err)
			}
		}
	}
}

func TestEveryDamagedByteOfAValueIsFound(t *testing.T) {
	for name, o := range shapes {
		v := mustValues(t, 3, o...)
		value := bytes.Clone(v.Next(77))
		for i := range value {
			for _, flip := range []byte{1, 0x80, 0xff} {
				value[i] ^= flip
				if err := v.Verify(77, value, true); err == nil && !inVersion(v, value, i) {
					t.Errorf("%s: byte %d of %d may be changed", name, i, len(value))
				}
				value[i] ^= flip
			}
		}
		for cut := range len(value) {
			short := v.fields == 1 && cut <= 8 && cut >= v.least
			if err := v.Verify(77, value[:cut], true); err == nil && !short {
				t.Errorf("%s: %d of %d bytes pass", name, cut, len(value))
			}
		}
		if err := v.Verify(77, append(value, 0), true); err == nil {
			t.Errorf("%s: a byte too many passes", name)
		}
	}
}

// inVersion reports whether byte i is one that no check can refuse: the
// version, whose value is not known to the reader, and in a value that is
// shorter than the stamp the offset too.
func inVersion(v *Values, value []byte, i int) bool {
	if v.framed {
		for rest := value; len(rest) > 0; {
			body, after, err := v.frame(0, rest, 0)
			if err != nil {
				return false
			}
			if i -= frameSize; i < len(body) {
				return i >= 0 && unchecked(i, len(body))
			}
			i -= len(body)
			rest = after
		}
		return false
	}
	size := len(value) / v.fields
	return unchecked(i%size, size)
}

func unchecked(i, size int) bool {
	if size <= stampSize {
		return i >= 12
	}
	return i >= 16 && i < stampSize
}

func TestADamagedFieldIsNamed(t *testing.T) {
	v := mustValues(t, 0)
	good := bytes.Clone(v.Next(5))
	for _, c := range []struct {
		at    int
		what  string
		field int
	}{
		{300, "key number", 3}, {308, "length", 3}, {315, "pool offset", 3}, {324, "body", 3}, {999, "body", 9},
	} {
		bad := bytes.Clone(good)
		bad[c.at] ^= 0x7f
		var ve *ValueError
		if err := v.Verify(5, bad, true); !errors.As(err, &ve) || ve.What != c.what || ve.Field != c.field {
			t.Errorf("byte %d: %v; want %s of field %d", c.at, err, c.what, c.field)
		}
	}
	var ve *ValueError
	if err := v.Verify(5, good[:999], false); !errors.As(err, &ve) || ve.What != "size" || ve.Got != 999 {
		t.Errorf("a short record: %v", err)
	}
}

func TestTheCheapCheckComesToEveryField(t *testing.T) {
	v := mustValues(t, 0)
	bad := bytes.Clone(v.Next(5))
	bad[700] ^= 1 // the key number of field 7
	found := 0
	for range 100 {
		if v.Verify(5, bad, false) != nil {
			found++
		}
	}
	if found != 10 {
		t.Errorf("found in %d of 100 checks, want 10", found)
	}
}

func TestSetFieldChangesOneFieldAndKeepsTheRecordValid(t *testing.T) {
	for name, o := range shapes {
		a, b := mustValues(t, 0, o...), mustValues(t, 1, o...)
		rapid.Check(t, func(rt *rapid.T) {
			record := bytes.Clone(a.Next(9))
			for range 5 {
				before := bytes.Clone(record)
				f := rapid.IntRange(0, a.fields-1).Draw(rt, "field")
				if err := b.SetField(9, record, f); err != nil {
					rt.Fatalf("%s: %v", name, err)
				}
				if err := a.Verify(9, record, true); err != nil {
					rt.Fatalf("%s: after field %d: %v", name, f, err)
				}
				for i := range a.fields {
					x, errX := a.field(9, before, i)
					y, errY := a.field(9, record, i)
					if errX != nil || errY != nil || i != f && !bytes.Equal(x, y) {
						rt.Fatalf("%s: field %d changed with field %d", name, i, f)
					}
				}
				if now, err := a.field(9, record, f); err != nil || len(now) > stampSize && bytes.Equal(now, mustField(rt, a, before, f)) {
					rt.Fatalf("%s: field %d did not change", name, f)
				}
			}
		})
	}
}

func mustField(t *rapid.T, v *Values, record []byte, i int) []byte {
	b, err := v.field(9, record, i)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestSetFieldRefusesWhatIsNoRecord(t *testing.T) {
	for name, o := range shapes {
		v := mustValues(t, 0, o...)
		record := bytes.Clone(v.Next(1))
		for _, f := range []int{-1, v.fields} {
			if err := v.SetField(1, record, f); err == nil {
				t.Errorf("%s: field %d of %d was set", name, f, v.fields)
			}
		}
		if err := v.SetField(1, nil, 0); err == nil {
			t.Errorf("%s: a field of no record was set", name)
		}
	}
}

func TestTheBytesOfValuesAreAsRecorded(t *testing.T) {
	var out strings.Builder
	for _, name := range []string{"whole", "short fields", "varying fields", "one byte", "compressible"} {
		v := mustValues(t, 258, shapes[name]...)
		v.Next(1)
		value := v.Next(0x0102030405)
		out.WriteString(name + "\n" + hex.Dump(value[:min(len(value), 160)]))
	}
	checkGolden(t, "values.hex", []byte(out.String()))
}

func TestValuesCompressAsAsked(t *testing.T) {
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, ratio := range []string{"0.25", "0.5", "0.75", "1"} {
		want := map[string]float64{"0.25": 0.25, "0.5": 0.5, "0.75": 0.75, "1": 1}[ratio]
		// A quarter of a value of 100 B is its stamp, which is no part of the
		// pool and compresses as it can.
		for size, slack := range map[string]float64{"100": 0.18, "1000": 0.07} {
			v := mustValues(t, 0, "valuesize="+size, "valuecompress="+ratio)
			var zs, sn, raw int
			for block := range uint64(100) {
				var b []byte
				for i := uint64(0); len(b) < 16000; i++ { // as a block of a table
					b = append(b, v.Next(block<<20+i)...)
				}
				raw += len(b)
				zs += len(enc.EncodeAll(b, nil))
				sn += len(snappy.Encode(nil, b))
			}
			for name, n := range map[string]int{"zstd": zs, "snappy": sn} {
				if got := float64(n) / float64(raw); got < want-slack || got > want+slack {
					t.Errorf("%s makes %.3f of values of %s B that should become %s", name, got, size, ratio)
				}
			}
		}
	}
}

func TestValueSizesHaveTheirMean(t *testing.T) {
	for name, o := range shapes {
		s, v := mustParse(t, "A", o...), mustValues(t, 0, o...)
		sum := 0
		const n = 20000
		for i := range uint64(n) {
			sum += len(v.Next(i))
		}
		if got, want := float64(sum)/n, s.MeanValue(); got < want*0.97 || got > want*1.03 {
			t.Errorf("%s: mean %.1f bytes, MeanValue says %.1f", name, got, want)
		}
	}
}

func TestMakingAndVerifyingValuesAllocatesNothing(t *testing.T) {
	for name, o := range shapes {
		v := mustValues(t, 0, o...)
		record, number := make([]byte, 0, 1<<16), uint64(0)
		if a := testing.AllocsPerRun(200, func() {
			record = append(record[:0], v.Next(number)...)
			if v.SetField(number, record, 0) != nil || v.Verify(number, record, false) != nil || v.Verify(number, record, true) != nil {
				t.Fatal("invalid")
			}
			number++
		}); a != 0 {
			t.Errorf("%s: %g allocations", name, a)
		}
	}
}

func FuzzVerifyRefusesOrAgrees(f *testing.F) {
	var all []*Values
	for _, name := range []string{"whole", "fields", "short fields", "varying whole", "varying fields"} {
		v := mustValues(f, 0, shapes[name]...)
		all = append(all, v)
		value := bytes.Clone(v.Next(3))
		f.Add(value)
		f.Add(value[:len(value)/2])
		value[0] ^= 1
		f.Add(value)
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, value []byte) {
		for _, v := range all {
			full := v.Verify(3, value, true)
			if full == nil && v.Verify(3, value, false) != nil {
				t.Error("the full check agrees and the cheap one refuses")
			}
			v.Number(value)
			record := bytes.Clone(value)
			if err := v.SetField(3, record, v.fields-1); full == nil && (err != nil || v.Verify(3, record, true) != nil) {
				t.Errorf("SetField of a valid record: %v", err)
			}
		}
	})
}

func TestWorkersShareAPoolAndNothingElse(t *testing.T) {
	for _, mode := range []string{"field", "blind"} {
		s, err := Parse(Input{Preset: "A", Overrides: []string{"updatemode=" + mode}})
		if err != nil {
			t.Fatal(err)
		}
		first, err := s.NewValues(9, 0)
		if err != nil {
			t.Fatal(err)
		}
		first.Next(1)
		shared, err := first.Worker(3)
		if err != nil {
			t.Fatal(err)
		}
		alone, err := s.NewValues(9, 3)
		if err != nil {
			t.Fatal(err)
		}
		for n := range uint64(200) {
			held := first.Next(n)
			a, b := shared.Next(n), alone.Next(n)
			if !bytes.Equal(a, b) {
				t.Fatalf("%s: value %d of worker 3 depends on how it was made", mode, n)
			}
			for _, v := range [][]byte{held, a} {
				if err := alone.Verify(n, v, true); err != nil {
					t.Fatalf("%s: %v", mode, err)
				}
			}
		}
		if _, err := first.Worker(1 << 16); err == nil {
			t.Error("worker 65536 was made")
		}
	}
}
