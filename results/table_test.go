package results

import (
	"bytes"
	"testing"
)

func render(t *testing.T, run *Run, o TableOptions) []byte {
	t.Helper()
	var b bytes.Buffer
	must(t, Table(&b, run, o))
	return b.Bytes()
}

func TestTablesLookAsAgreed(t *testing.T) {
	for name, o := range map[string]TableOptions{
		"table.txt":      {},
		"table-80.txt":   {Width: 80},
		"table.md":       {Format: FormatMarkdown},
		"table.csv":      {Format: FormatCSV},
		"table.json":     {Format: FormatJSON},
		"matrix.txt":     {Matrix: true},
		"matrix.md":      {Matrix: true, Format: FormatMarkdown},
		"table-ansi.txt": {Color: true, NoLegend: true, Width: 120},
	} {
		t.Run(name, func(t *testing.T) { golden(t, name, render(t, sampleRun(), o)) })
	}
}
