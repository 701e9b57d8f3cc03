package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/results"
)

// A Message is what a cell's process tells the one that started it: one line
// of JSON with one field set.
type Message struct {
	Progress *Progress                   `json:"progress,omitempty"`
	Series   []results.SeriesRow         `json:"series,omitempty"`
	Events   []results.EventRow          `json:"events,omitempty"`
	Hist     map[string][]results.Bucket `json:"hist,omitempty"`
	Loaded   *Loaded                     `json:"loaded,omitempty"`
	Cell     *results.Cell               `json:"cell,omitempty"`
}

// MessageWriter writes messages to w, one line each. It is safe for concurrent
// use. The first failure of w sticks; it is not returned, since whoever reads
// the other end knows that it is gone. A message that JSON cannot express, as
// with a number that is none, is left out alone.
func MessageWriter(w io.Writer) func(Message) {
	var mu sync.Mutex
	var failed error
	return func(m Message) {
		line, err := json.Marshal(m)
		if err != nil {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		if failed == nil {
			_, failed = w.Write(append(line, '\n'))
		}
	}
}

// countingWriter counts the bytes that went through it.
type countingWriter struct {
	w io.Writer
	n atomic.Uint64
}

func (c *countingWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n.Add(uint64(max(n, 0)))
	return n, err
}

// readMessages calls f for every message until the stream ends.
func readMessages(r io.Reader, f func(Message)) error {
	dec := json.NewDecoder(r)
	for {
		var m Message
		err := dec.Decode(&m)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the cell's messages: %w", err)
		}
		f(m)
	}
}

// maxEvents bounds the memory of an event log; later events are counted only.
const maxEvents = 1 << 14

// eventLog collects what an engine does in the background. It is an
// engine.EventSink.
type eventLog struct {
	start   time.Time
	mu      sync.Mutex
	phase   string
	list    []results.EventRow
	dropped int
}

func (l *eventLog) setPhase(name string) {
	l.mu.Lock()
	l.phase = name
	l.mu.Unlock()
}

// Event keeps e.
func (l *eventLog) Event(e engine.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.list) >= maxEvents {
		l.dropped++
		return
	}
	l.list = append(l.list, results.EventRow{
		Phase: l.phase, T: e.Start.Sub(l.start).Seconds(), Kind: e.Kind, Duration: e.Duration,
		BytesIn: e.BytesIn, BytesOut: e.BytesOut, Detail: e.Detail,
	})
}

func (l *eventLog) rows(cell string) []results.EventRow {
	l.mu.Lock()
	defer l.mu.Unlock()
	rows := append([]results.EventRow(nil), l.list...)
	for i := range rows {
		rows[i].Cell = cell
	}
	if l.dropped > 0 {
		rows = append(rows, results.EventRow{
			Cell: cell, Phase: l.phase, Kind: "dropped",
			Detail: fmt.Sprintf("%d more events were not kept", l.dropped),
		})
	}
	return rows
}
