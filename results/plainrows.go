package results

import (
	"bytes"
	"fmt"
	"strings"
	"text/tabwriter"
)

// WriteRows writes rows below the first, which are the titles, as Markdown or
// as text in columns without rules: for listings in prose, where a Document's
// table would be too much. An empty line follows Markdown.
func WriteRows(b *bytes.Buffer, markdown bool, rows [][]string) {
	if !markdown {
		w := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
		for _, row := range rows {
			fmt.Fprintln(w, strings.TrimRight(strings.Join(row, "\t"), "\t"))
		}
		w.Flush() //nolint:errcheck // into memory
		return
	}
	for i, row := range rows {
		cells := make([]string, len(row))
		for j := range row {
			cells[j] = strings.ReplaceAll(row[j], "|", `\|`)
		}
		b.WriteString("| " + strings.Join(cells, " | ") + " |\n")
		if i == 0 {
			b.WriteString("|" + strings.Repeat(" --- |", len(row)) + "\n")
		}
	}
	b.WriteByte('\n')
}
