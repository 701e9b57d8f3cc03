package results

import (
	"bytes"
	"encoding/csv"
	"strconv"
	"strings"
)

// A csvColumn is one field of every row; empty is unknown.
type csvColumn struct {
	name string
	text func(r *Row) string
}

// csvTable writes one line a row: what identifies it, its figures, and three
// columns for each kind of operation that any row has. Lists and maps are
// texts with spaces between the elements.
func csvTable(rows []Row) ([]byte, error) {
	columns := csvColumns()
	for _, op := range opsOf(rows) {
		name := strings.ReplaceAll(op, "-", "_")
		columns = append(columns,
			csvColumn{name + "_p50_ns", func(r *Row) string { return csvNumber(r.Ops[op].P50) }},
			csvColumn{name + "_p99_ns", func(r *Row) string { return csvNumber(r.Ops[op].P99) }},
			csvColumn{name + "_p999_ns", func(r *Row) string { return csvNumber(r.Ops[op].P999) }},
		)
	}
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	line := make([]string, len(columns))
	for i, c := range columns {
		line[i] = c.name
	}
	if err := w.Write(line); err != nil {
		return nil, err
	}
	for r := range rows {
		for i, c := range columns {
			line[i] = c.text(&rows[r])
		}
		if err := w.Write(line); err != nil {
			return nil, err
		}
	}
	w.Flush()
	return b.Bytes(), w.Error()
}

func csvColumns() []csvColumn {
	return append(csvIdentity(), []csvColumn{
		{"status", func(r *Row) string { return string(r.Status) }},
		{"reason", func(r *Row) string { return r.Reason }},
		{"rank", func(r *Row) string {
			if r.Rank == nil {
				return ""
			}
			return strconv.Itoa(*r.Rank)
		}},
		{"reps", func(r *Row) string { return strconv.Itoa(r.Reps) }},
		{"n", func(r *Row) string { return strconv.Itoa(r.N) }},
		{"ops_per_s", func(r *Row) string { return csvNumber(r.OpsPerS) }},
		{"ops_per_s_min", func(r *Row) string { return csvNumber(r.OpsPerSMin) }},
		{"ops_per_s_max", func(r *Row) string { return csvNumber(r.OpsPerSMax) }},
		{"vs_first", func(r *Row) string { return csvNumber(r.VsFirst) }},
		{"rows_per_s", func(r *Row) string { return csvNumber(r.RowsPerS) }},
		{"write_amp", func(r *Row) string { return csvNumber(r.WriteAmp) }},
		{"write_amp_settled", func(r *Row) string { return csvNumber(r.WriteAmpSettled) }},
		{"read_amp", func(r *Row) string { return csvNumber(r.ReadAmp) }},
		{"space_amp", func(r *Row) string { return csvNumber(r.SpaceAmp) }},
		{"peak_rss", func(r *Row) string { return csvNumber(r.PeakRSS) }},
		{"allocs_per_op", func(r *Row) string { return csvNumber(r.AllocsPerOp) }},
		{"cpu_ns_per_op", func(r *Row) string { return csvNumber(r.CPUPerOp) }},
		{"harness_share", func(r *Row) string { return csvNumber(r.HarnessShare) }},
		{"lamp", func(r *Row) string { return r.Lamp }},
		{"flags", func(r *Row) string {
			names := make([]string, len(r.Flags))
			for i, f := range r.Flags {
				names[i] = f.Name + ":" + f.Level
			}
			return strings.Join(names, " ")
		}},
	}...)
}

func csvIdentity() []csvColumn {
	return []csvColumn{
		{"experiment", func(r *Row) string { return r.Experiment }},
		{"regime", func(r *Row) string { return r.Regime }},
		{"cache_regime", func(r *Row) string { return r.CacheRegime }},
		{"workload", func(r *Row) string { return r.Workload }},
		{"engine", func(r *Row) string { return r.Engine }},
		{"version", func(r *Row) string { return r.Version }},
		{"rail", func(r *Row) string { return strconv.FormatBool(r.Rail) }},
		{"settings", func(r *Row) string { return settingsText(r.Settings) }},
		{"durability", func(r *Row) string { return r.Durability.String() }},
		{"survives_kill", func(r *Row) string { return strconv.FormatBool(r.SurvivesKill) }},
		{"records", func(r *Row) string { return strconv.FormatUint(r.Records, 10) }},
		{"value_bytes", func(r *Row) string { return csvNumber(&r.ValueBytes) }},
		{"key_format", func(r *Row) string { return r.KeyFormat }},
		{"mix", func(r *Row) string {
			parts := make([]string, 0, len(r.Mix))
			for _, op := range sortedKeys(r.Mix) {
				share := r.Mix[op]
				parts = append(parts, op+"="+csvNumber(&share))
			}
			return strings.Join(parts, " ")
		}},
		{"dist", func(r *Row) string { return r.Dist }},
		{"update_mode", func(r *Row) string { return r.UpdateMode }},
		{"compat", func(r *Row) string { return r.Compat }},
		{"mode", func(r *Row) string { return r.Mode }},
		{"threads", func(r *Row) string { return strconv.Itoa(r.Threads) }},
		{"rate", func(r *Row) string { return csvNumber(r.Rate) }},
		{"duration_s", func(r *Row) string { return csvNumber(&r.DurationS) }},
		{"operations", func(r *Row) string { return strconv.FormatUint(r.Operations, 10) }},
		{"driver", func(r *Row) string { return r.Driver }},
		{"seeds", func(r *Row) string {
			parts := make([]string, len(r.Seeds))
			for i, s := range r.Seeds {
				parts[i] = strconv.FormatUint(s, 10)
			}
			return strings.Join(parts, " ")
		}},
	}
}

// csvNumber writes every digit that x has.
func csvNumber(x *float64) string {
	if x == nil {
		return ""
	}
	return strconv.FormatFloat(*x, 'f', -1, 64)
}
