package results

import (
	"fmt"
	"strings"
	"unicode"
)

// Names in a results directory.
const (
	ManifestFile   = "manifest.json"
	CellsFile      = "cells.jsonl"
	SeriesFile     = "series.jsonl.gz"
	EventsFile     = "events.jsonl"
	SpecFile       = "spec.resolved.yaml"
	BenchFile      = "bench.txt"
	ReportFile     = "report.html"
	ReportMarkdown = "report.md"
	HistDir        = "hist"
	HistSuffix     = ".hlog"
)

// Names in a histogram file besides those of kinds of operations, whose
// histograms are of service times.
const (
	HistResponse = ":response" // after a kind: response times, of an open loop
	HistLag      = "pacer:lag" // see OpenLoop.Lag
)

// maxCellID leaves room for suffixes below the usual 255 bytes of a name.
const maxCellID = 200

// checkCellID says what keeps id from being part of a file name.
func checkCellID(id string) error {
	switch {
	case id == "":
		return fmt.Errorf("cell id is empty")
	case len(id) > maxCellID:
		return fmt.Errorf("cell id %.40q... has %d bytes: at most %d", id, len(id), maxCellID)
	case id[0] == '.':
		return fmt.Errorf("cell id %q begins with a dot", id)
	}
	bad := func(r rune) bool {
		return r == '/' || r == '\\' || r == unicode.ReplacementChar || !unicode.IsPrint(r)
	}
	if i := strings.IndexFunc(id, bad); i >= 0 {
		return fmt.Errorf("cell id %q does not fit a file name: byte %d", id, i)
	}
	return nil
}
