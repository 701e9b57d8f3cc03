package results

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"pgregory.net/rapid"
)

func sampleHist() map[string][]Bucket {
	return map[string][]Bucket{
		"read":              {{0, 1}, {1, 2}, {950, 1000}, {1_234_567, 3}},
		"read-modify-write": {{5_000_000_000, 1}},
		"scan":              {},
	}
}

func TestTheHistogramLogIsStable(t *testing.T) {
	log, err := encodeHist(sampleHist(), sampleTime(), sampleTime().Add(2*time.Second))
	must(t, err)
	// The base64 text depends on the compressor, which may change with the Go
	// version; what it decodes to may not.
	committed, err := os.ReadFile(filepath.Join("testdata", "sample.hlog"))
	if *update {
		must(t, os.WriteFile(filepath.Join("testdata", "sample.hlog"), log, 0o644))
		committed = log
	} else {
		must(t, err)
	}
	want, err := decodeHist(bytes.NewReader(log))
	must(t, err)
	got, err := decodeHist(bytes.NewReader(committed))
	must(t, err)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the committed log has %v, want %v", got, want)
	}
	head, _, _ := strings.Cut(string(committed), "Tag=")
	freshHead, _, _ := strings.Cut(string(log), "Tag=")
	if head != freshHead || !strings.Contains(head, "format version 1.3") {
		t.Errorf("header %q, want %q", head, freshHead)
	}
}

func TestHistogramsKeepCountsAndThreeDigits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		buckets := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Bucket {
			return Bucket{
				Value: rapid.Uint64Range(0, 1<<rapid.IntRange(1, 61).Draw(t, "bits")).Draw(t, "value"),
				Count: rapid.Uint64Range(1, 1<<40).Draw(t, "count"),
			}
		}), 1, 30).Draw(t, "buckets")
		log, err := encodeHist(map[string][]Bucket{"read": buckets}, sampleTime(), sampleTime())
		if err != nil {
			t.Fatal(err)
		}
		ops, err := decodeHist(bytes.NewReader(log))
		if err != nil {
			t.Fatal(err)
		}
		// Each bucket read back counts exactly what fell next to it.
		back := ops["read"]
		var total, want uint64
		for _, b := range back {
			total += b.Count
		}
		for _, b := range buckets {
			want += b.Count
			near := false
			for _, k := range back {
				near = near || math.Abs(float64(k.Value)-float64(b.Value)) <= 1+float64(b.Value)/1000
			}
			if !near {
				t.Fatalf("no bucket near %d: %v", b.Value, back)
			}
		}
		if total != want {
			t.Fatalf("counts add up to %d, want %d", total, want)
		}
		for i := 1; i < len(back); i++ {
			if back[i-1].Value >= back[i].Value {
				t.Fatalf("values do not rise: %v", back)
			}
		}
	})
}

func TestOthersReadTheHistogramLog(t *testing.T) {
	start := sampleTime()
	log, err := encodeHist(sampleHist(), start, start.Add(3*time.Second))
	must(t, err)
	r := hdrhistogram.NewHistogramLogReader(bytes.NewReader(log))
	var seen []string
	for {
		h, err := r.NextIntervalHistogram()
		must(t, err)
		if h == nil {
			break
		}
		seen = append(seen, fmt.Sprintf("%s %d %d", h.Tag(), h.TotalCount(), h.EndTimeMs()-h.StartTimeMs()))
		if diff := h.StartTimeMs() - start.UnixMilli(); diff < -1 || diff > 1 {
			t.Errorf("%s starts %d ms off", h.Tag(), diff)
		}
		if h.Tag() == "read" && h.ValueAtQuantile(50) != 950 {
			t.Errorf("median of read %d, want 950", h.ValueAtQuantile(50))
		}
	}
	if want := []string{"read 1006 3000", "read-modify-write 1 3000", "scan 0 3000"}; !reflect.DeepEqual(seen, want) {
		t.Errorf("histograms %q, want %q", seen, want)
	}
}

func TestHistogramsThatCannotBeWrittenAreRefused(t *testing.T) {
	for name, ops := range map[string]map[string][]Bucket{
		"no name":        {"": {}},
		"comma":          {"a,b": {}},
		"space":          {"a b": {}},
		"newline":        {"a\nb": {}},
		"time too long":  {"read": {{math.MaxUint64, 1}}},
		"count too high": {"read": {{1, math.MaxUint64}}},
		"sum too high":   {"read": {{1, math.MaxInt64}, {2, 1}}},
	} {
		if _, err := encodeHist(ops, sampleTime(), sampleTime()); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestASecondHistogramOfACellReplacesTheFirst(t *testing.T) {
	w := create(t)
	must(t, w.AddHist("c", map[string][]Bucket{"read": {{1, 1}}}, sampleTime(), sampleTime()))
	must(t, w.AddHist("c", map[string][]Bucket{"scan": {{1, 2}}}, sampleTime(), sampleTime()))
	ops, err := open(t, w.Dir()).Hist("c")
	must(t, err)
	if want := map[string][]Bucket{"scan": {{1, 2}}}; !reflect.DeepEqual(ops, want) {
		t.Errorf("histograms %v, want %v", ops, want)
	}
}

func TestADamagedHistogramLogIsAnError(t *testing.T) {
	log, err := encodeHist(sampleHist(), sampleTime(), sampleTime())
	must(t, err)
	payload := bytes.LastIndex(log, []byte("Tag=read,"))
	cut := append(bytes.Clone(log[:payload+80]), '\n')
	if _, err := decodeHist(bytes.NewReader(cut)); err == nil {
		t.Error("a payload that was cut gives no error")
	}
	twice := append(bytes.Clone(log), log...)
	if _, err := decodeHist(bytes.NewReader(twice)); err == nil {
		t.Error("an operation that appears twice gives no error")
	}
}

// FuzzHist feeds the reader of histogram logs; it must not panic.
func FuzzHist(f *testing.F) {
	log, err := encodeHist(sampleHist(), sampleTime(), sampleTime())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(log)
	f.Add(log[:len(log)/2])
	f.Add([]byte("Tag=a,0.0,1.0,2.0,HISTFAAAAA==\n"))
	f.Add([]byte("\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		ops, err := decodeHist(bytes.NewReader(text))
		if err == nil && ops == nil {
			t.Error("neither histograms nor an error")
		}
	})
}
