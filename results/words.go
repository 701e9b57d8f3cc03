package results

import "slices"

// What the tables of this package say, for packages that write beside them:
// one measure is written in one way everywhere.

// TextCount writes a number or a rate: 1234 is "1.23 k".
func TextCount(x *float64) string { return orUnknown(x, humanCount) }

// TextBytes writes a size: 2048 is "2.00 KiB".
func TextBytes(x *float64) string { return orUnknown(x, humanBytes) }

// TextNs writes a time in nanoseconds: 1500 is "1.50 µs".
func TextNs(x *float64) string { return orUnknown(x, humanNs) }

// TextNumber writes a number with three significant digits.
func TextNumber(x *float64) string { return orUnknown(x, significant) }

// TextShare writes a share in percent.
func TextShare(x *float64) string { return orUnknown(x, percent) }

// TextFactor writes a ratio: 1.5 is "1.50x".
func TextFactor(x *float64) string { return orUnknown(x, factor) }

// TextRegime writes a regime with what it means.
func TextRegime(regime string) string { return regimeText(regime) }

// Title names a setup: its workload, its regime, its threads.
func (s *Setup) Title() string { return title(s) }

// Data says how much there is: records, values, keys.
func (s *Setup) Data() string { return data(s) }

// IsLoad reports whether the cells measure a load phase.
func (s *Setup) IsLoad() bool {
	_, load := s.loadOf()
	return load
}

// About says in two lines what the rows, at least one, of a setup were asked,
// and how.
func About(run *Run, rows []Row) []string { return describe(run, &rows[0].Setup, rows) }

// Cells are all repetitions of the row, in the order in which they ended. They
// are the run's own.
func (r *Row) Cells() []*Cell { return slices.Clone(r.cells) }

// Labels names each row: by its label or its engine, with the version or the
// settings in which it differs from other rows of the same engine.
func Labels(rows []Row) []string { return engineLabels(rows) }

// CompareOps orders kinds of operations as people list them.
func CompareOps(a, b string) int { return compareOps(a, b) }

// ShortOp is the name of a kind of operation in a table's head.
func ShortOp(op string) string { return shortOp(op) }

// FirstLine keeps the first line that says something, without what a terminal
// would take for a command.
func FirstLine(s string) string { return firstLine(s) }
