// Package results is what came out: the schema of a run, its files, and the
// tables made of them. It neither runs nor measures anything.
//
// # Map
//
//	schema.go     Cell and its parts: one line of cells.jsonl; series, events
//	manifest.go   Manifest: the run, the machine, the calibration
//	unitcosts.go  UnitCosts: what single steps take on the machine
//	amp.go        Amplify: the amplification factors, by one formula
//	files.go      names in a results directory, what a cell id may be
//	writer.go     Create, Writer: a run being written
//	append.go     files that grow by whole records; files replaced at once
//	reader.go     Open, Run: a run being read
//	resume.go     Resume: going on with a run that ended early
//	hist.go       histograms of latency, in HdrHistogram's log format
//	gobench.go    bench.txt: the format that benchstat reads
//	jsonschema.go the published JSON Schemas
//	rows.go       Rows: repetitions summarized, one row an engine and workload
//	lamp.go       how far a cell can be trusted
//	group.go      what may stand in one table, and what differs inside
//	table.go      Table: rows as text, Markdown, CSV or JSON, and the legend
//	detail.go     all that is known of one setup; matrix.go  rates alone
//	openrows.go   what only tables of open loops have
//	searches.go   searches for a rate as load-latency curves
//	sweep.go      all combinations of a sweep in one table
//	plainrows.go  WriteRows: rows of texts for listings in prose
//	page.go       text and Markdown; document.go  the same for other packages
//	csv.go; human.go  numbers for people
//	words.go      the same words and numbers for packages that write beside
//
// Subpackages: compare says who is better and whether it can be told, by the
// estimators of stat; explain says what a gap between two sides comes from.
//
// # Files
//
// One directory is one run; two runs never share one.
//
//	manifest.json       written at the start and replaced whole at each update
//	cells.jsonl         a line as each cell ends
//	series.jsonl.gz     one gzip member a cell, of lines
//	events.jsonl        lines
//	hist/ID.hlog        HdrHistogram log V2, one line a kind of operation
//	spec.resolved.yaml  what was asked, with every default filled in
//	bench.txt           Go benchmark format, a line as each cell ends well
//	report.html         what it came to, at the end; report.md  the same as text
//
// Everything unknown is null; zero is a measurement.
//
// # What a crash leaves
//
// A record is one write call, followed by a sync, so a run that is killed
// keeps every cell that ended before. At most the last record of a file is
// torn; Open leaves it out and says so. Whoever writes adds series, events and
// histograms of a cell first and the cell itself last: a cell that can be read
// has all its files.
//
// # Locks
//
// Writer.mu guards all of a Writer. It is held across writes and syncs, which
// is why a Writer is used between measurements and not during one.
package results
