package workloads

import (
	"fmt"
	"slices"
)

// previewOps is the least number of operations that a preview's summary is
// made from.
const previewOps = 200_000

// PreviewRow is one operation of a preview.
type PreviewRow struct {
	Kind       string `json:"kind"`
	Number     uint64 `json:"number"`
	Key        string `json:"key"` // as bytes, may be binary
	Len        int    `json:"len,omitempty"`
	ValueBytes int    `json:"value_bytes,omitempty"` // of what is written
}

// PreviewSummary is what a sample of a workload looks like.
type PreviewSummary struct {
	Operations    int     `json:"operations"`
	Mix           Mix     `json:"mix"`
	Distinct      int     `json:"distinct_keys"`  // among requests for existing keys
	HottestNumber uint64  `json:"hottest_number"` // of these requests
	HottestShare  float64 `json:"hottest_share"`
	Top1Share     float64 `json:"top_1_percent_share"` // of requests, for the hottest 1 % of the records
	MeanScan      float64 `json:"mean_scan"`
	MaxScan       int     `json:"max_scan"`
	MeanKey       float64 `json:"mean_key_bytes"`
	MeanValue     float64 `json:"mean_value_bytes"`
}

// PreviewResult is the first operations of a workload and a summary of more.
type PreviewResult struct {
	Rows    []PreviewRow   `json:"rows"`
	Summary PreviewSummary `json:"summary"`
}

// Preview draws what a run of one worker (and the writers) would do: the first
// n operations, and a summary of at least 200 000. Inserts are taken as
// acknowledged at once.
func Preview(s *Spec, seed uint64, n int) (*PreviewResult, error) {
	p, err := newPreviewer(s, seed)
	if err != nil {
		return nil, err
	}
	out := &PreviewResult{}
	total := max(n, previewOps)
	for i := range total {
		row, err := p.next(i)
		if err != nil {
			return nil, err
		}
		if i < n {
			row.Key = string(p.key)
			out.Rows = append(out.Rows, row)
		}
	}
	out.Summary = p.summary(total)
	return out, nil
}

// previewer draws operations of all workers in turn and counts them.
type previewer struct {
	spec   *Spec
	gens   []*Generator
	tape   [1]Op
	keys   *Keys
	key    []byte
	values *Values
	q      *Sequence

	kinds           [NumKinds]int
	requests        map[uint64]int
	requested       int
	scans, scanned  int
	longest         int
	keyBytes, bytes float64
	writes          int
}

func newPreviewer(s *Spec, seed uint64) (*previewer, error) {
	p := &previewer{spec: s, q: s.NewSequence(), requests: map[uint64]int{}}
	workers := s.Writers + 1
	for w := range workers {
		g, err := s.NewGenerator(seed, w, workers, p.q)
		if err != nil {
			return nil, fmt.Errorf("preview: %w", err)
		}
		p.gens = append(p.gens, g)
	}
	var err error
	if p.keys, err = s.NewKeys(); err != nil {
		return nil, fmt.Errorf("preview: %w", err)
	}
	if p.values, err = s.NewValues(seed, 0); err != nil {
		return nil, fmt.Errorf("preview: %w", err)
	}
	return p, nil
}

// next draws operation i; p.key is its key.
func (p *previewer) next(i int) (PreviewRow, error) {
	g := p.gens[i%len(p.gens)]
	g.Fill(p.tape[:])
	op := p.tape[0]
	row := PreviewRow{Kind: op.Kind().String(), Len: op.Len()}
	p.kinds[op.Kind()]++
	if op.Kind() == Insert {
		row.Number = p.q.Next()
		if err := p.q.Ack(row.Number); err != nil {
			return row, fmt.Errorf("preview: %w", err)
		}
	} else {
		row.Number = g.Resolve(op)
		p.requests[row.Number]++
		p.requested++
	}
	if op.Kind() == ReadAbsent {
		p.key = p.keys.AppendAbsent(p.key[:0], row.Number)
	} else {
		p.key = p.keys.Append(p.key[:0], row.Number)
	}
	p.keyBytes += float64(len(p.key))
	switch op.Kind() {
	case Insert, Put, Update, ReadModifyWrite:
		row.ValueBytes = len(p.values.Next(row.Number))
		p.bytes += float64(row.ValueBytes)
		p.writes++
	case Scan, ReverseScan, DeleteRange:
		p.scans++
		p.scanned += op.Len()
		p.longest = max(p.longest, op.Len())
	}
	return row, nil
}

func (p *previewer) summary(total int) PreviewSummary {
	s := PreviewSummary{
		Operations: total, Distinct: len(p.requests), MaxScan: p.longest,
		MeanKey: p.keyBytes / float64(total), MeanValue: p.spec.MeanValue(),
	}
	for k, n := range p.kinds {
		s.Mix[k] = float64(n) / float64(total)
	}
	if p.scans > 0 {
		s.MeanScan = float64(p.scanned) / float64(p.scans)
	}
	if p.writes > 0 {
		s.MeanValue = p.bytes / float64(p.writes)
	}
	if p.requested == 0 {
		return s
	}
	counts := make([]int, 0, len(p.requests))
	most := 0
	for n, c := range p.requests {
		counts = append(counts, c)
		if c > most || c == most && n < s.HottestNumber {
			most, s.HottestNumber = c, n
		}
	}
	s.HottestShare = float64(most) / float64(p.requested)
	s.Top1Share = float64(topSum(counts, int(max(p.spec.InsertCount/100, 1)))) / float64(p.requested)
	return s
}

// topSum returns the sum of the n greatest counts, which it reorders.
func topSum(counts []int, n int) int {
	slices.SortFunc(counts, func(a, b int) int { return b - a })
	sum := 0
	for _, c := range counts[:min(n, len(counts))] {
		sum += c
	}
	return sum
}
