package results

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// histDigits is the precision kept: a value read back differs from the one
// recorded by less than 0.1 %.
const histDigits = 3

// A Bucket counts operations that took Value nanoseconds, or so.
type Bucket struct {
	Value uint64
	Count uint64
}

func histPath(dir, cellID string) string {
	return filepath.Join(dir, HistDir, cellID+HistSuffix)
}

// encodeHist writes one histogram a kind of operation, tagged with its name
// and in the order of the names, in the log format that HdrHistogram's own
// tools read. Maxima in it are milliseconds, values nanoseconds.
func encodeHist(ops map[string][]Bucket, start, end time.Time) ([]byte, error) {
	var b bytes.Buffer
	log := hdrhistogram.NewHistogramLogWriter(&b)
	header := []func() error{
		func() error {
			return log.OutputComment("[Latencies in nanoseconds, one histogram a kind of operation]")
		},
		log.OutputLogFormatVersion,
		func() error { return log.OutputStartTime(start.UnixMilli()) },
		log.OutputLegend,
	}
	for _, write := range header {
		if err := write(); err != nil {
			return nil, err
		}
	}
	for _, op := range sortedKeys(ops) {
		if op == "" || strings.ContainsAny(op, ", \t\r\n") {
			return nil, fmt.Errorf("operation %q: a name has no commas and no space", op)
		}
		h, err := histogramOf(ops[op])
		if err != nil {
			return nil, fmt.Errorf("operation %s: %w", op, err)
		}
		h.SetTag(op)
		h.SetStartTimeMs(start.UnixMilli())
		h.SetEndTimeMs(end.UnixMilli())
		if err := log.OutputIntervalHistogram(h); err != nil {
			return nil, fmt.Errorf("operation %s: %w", op, err)
		}
	}
	return b.Bytes(), nil
}

func histogramOf(buckets []Bucket) (*hdrhistogram.Histogram, error) {
	highest := uint64(2)
	for _, k := range buckets {
		highest = max(highest, k.Value)
	}
	if highest > math.MaxInt64/2 {
		return nil, fmt.Errorf("a time of %d ns is beyond what a histogram holds", highest)
	}
	h := hdrhistogram.New(1, int64(highest), histDigits)
	for _, k := range buckets {
		if k.Count > math.MaxInt64 {
			return nil, fmt.Errorf("a count of %d is beyond what a histogram holds", k.Count)
		}
		if err := h.RecordValues(int64(k.Value), int64(k.Count)); err != nil {
			return nil, err
		}
	}
	return h, nil
}

// decodeHist reads what encodeHist wrote: for each operation the buckets that
// counted something, by their middle values in rising order.
func decodeHist(r io.Reader) (map[string][]Bucket, error) {
	log := hdrhistogram.NewHistogramLogReader(r)
	ops := map[string][]Bucket{}
	for {
		h, err := log.NextIntervalHistogram()
		if err != nil {
			return nil, err
		}
		if h == nil {
			return ops, nil
		}
		if _, twice := ops[h.Tag()]; twice {
			return nil, fmt.Errorf("operation %q appears twice", h.Tag())
		}
		buckets := []Bucket{}
		for _, bar := range h.Distribution() {
			if bar.Count > 0 {
				middle := bar.From + (bar.To-bar.From)/2
				buckets = append(buckets, Bucket{Value: uint64(middle), Count: uint64(bar.Count)})
			}
		}
		ops[h.Tag()] = buckets
	}
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
