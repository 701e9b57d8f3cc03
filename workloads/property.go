package workloads

import (
	"slices"
	"strings"
)

// Origins of properties.
const (
	fromYCSB   = "ycsb"
	fromGoYCSB = "go-ycsb"
	fromUs     = "kvbench"
)

// PropertyInfo documents one property of a workload file.
type PropertyInfo struct {
	Name    string `json:"name"`
	Kind    string `json:"kind"`    // count, share, float, bool, text or the choices
	Default string `json:"default"` // empty if it follows from other properties
	Effect  string `json:"effect"`
	Origin  string `json:"origin"` // ycsb, go-ycsb or kvbench
	Ignored bool   `json:"ignored,omitempty"`
}

// Properties returns all properties that a workload may set, in the order of
// their documentation. A count may have a suffix: k, m, g (powers of 1000) or
// ki, mi, gi (powers of 1024).
func Properties() []PropertyInfo {
	return slices.Concat(phaseProperties(), mixProperties(), requestProperties(),
		recordProperties(), kvbenchProperties(), ignoredProperties())
}

func phaseProperties() []PropertyInfo {
	return []PropertyInfo{
		{"recordcount", "count", "0", "records that the load phase inserts (of all clients, where insertcount is given)", fromYCSB, false},
		{"operationcount", "count", "0", "operations of the run phase; 0 runs by duration", fromYCSB, false},
		{"maxexecutiontime", "count", "0", "longest run phase in seconds; 0 is unlimited", fromYCSB, false},
		{"threadcount", "count", "0", "concurrent workers; 0 leaves it to the harness", fromYCSB, false},
		{"target", "float", "0", "operations per second over all workers; 0 is as fast as possible", fromYCSB, false},
		{"insertstart", "count", "0", "first key number to load and request", fromYCSB, false},
		{"insertcount", "count", "", "key numbers to load and request; recordcount - insertstart by default", fromYCSB, false},
		{"insertorder", "hashed|ordered", "hashed", "whether keys are hashes of their numbers or sort as them", fromYCSB, false},
		{"workload", "text", "core", "class of the workload; only the core workload is known", fromYCSB, false},
	}
}

func mixProperties() []PropertyInfo {
	return []PropertyInfo{
		{"readproportion", "share", "0.95", "share of reads", fromYCSB, false},
		{"updateproportion", "share", "0.05", "share of updates, see updatemode", fromYCSB, false},
		{"insertproportion", "share", "0", "share of inserts of new keys", fromYCSB, false},
		{"scanproportion", "share", "0", "share of forward scans", fromYCSB, false},
		{"readmodifywriteproportion", "share", "0", "share of reads followed by an update of the same key", fromYCSB, false},
		{"deleteproportion", "share", "0", "share of deletes", fromUs, false},
		{"readabsentproportion", "share", "0", "share of reads of keys that no insert produces", fromUs, false},
		{"reversescanproportion", "share", "0", "share of backward scans", fromUs, false},
		{"deleterangeproportion", "share", "0", "share of deletes of a range of numbers; needs insertorder=ordered", fromUs, false},
		{"putproportion", "share", "0", "share of blind writes of whole values", fromUs, false},
		{"writers", "count", "0", "so many workers run writermix instead of the mix", fromUs, false},
		{"writermix", "kind:share,...", "put:1", "mix of the writers", fromUs, false},
	}
}

func requestProperties() []PropertyInfo {
	return []PropertyInfo{
		{"requestdistribution", "uniform|zipfian|zipf[:theta]|latest|hotspot[:data:ops]|exponential|sequential|keyrange", "uniform", "which existing record a request is for; zipfian is YCSB's flat one, zipf the true law", fromYCSB, false},
		{"theta", "float", "0.99", "skew: any theta > 0 for zipf, below 1 for zipfian and latest", fromUs, false},
		{"hotspotdatafraction", "share", "0.2", "hotspot: share of the records that is hot", fromYCSB, false},
		{"hotspotopnfraction", "share", "0.8", "hotspot: share of the requests for them", fromYCSB, false},
		{"exponential.percentile", "float", "95", "exponential: per cent of the requests within exponential.frac", fromYCSB, false},
		{"exponential.frac", "float", "0.8571428571", "exponential: the newest part of the records", fromYCSB, false},
		{"sequentialstep", "int", "1", "sequential: distance of successive numbers; negative runs downward", fromUs, false},
		{"keyrange_num", "count", "30", "keyrange: ranges, as in db_bench's mixgraph", fromUs, false},
		{"keyrange_dist_a", "float", "14.18", "keyrange: heat of range i is a*e^(b*i) + c*e^(d*i)", fromUs, false},
		{"keyrange_dist_b", "float", "-2.917", "keyrange: see keyrange_dist_a", fromUs, false},
		{"keyrange_dist_c", "float", "0.0164", "keyrange: see keyrange_dist_a", fromUs, false},
		{"keyrange_dist_d", "float", "-0.08082", "keyrange: see keyrange_dist_a", fromUs, false},
		{"key_dist_a", "float", "0.002312", "keyrange: the x hottest keys of a range get a*x^b of its requests; 0 is uniform", fromUs, false},
		{"key_dist_b", "float", "0.3467", "keyrange: see key_dist_a", fromUs, false},
		{"minscanlength", "count", "1", "least records of a scan", fromYCSB, false},
		{"maxscanlength", "count", "1000", "most records of a scan", fromYCSB, false},
		{"scanlengthdistribution", "uniform|zipfian|pareto", "uniform", "distribution of scan lengths", fromYCSB, false},
		{"iter_k", "float", "2.517", "scanlengthdistribution=pareto: shape", fromUs, false},
		{"iter_sigma", "float", "14.236", "scanlengthdistribution=pareto: scale", fromUs, false},
	}
}

func recordProperties() []PropertyInfo {
	return []PropertyInfo{
		{"fieldcount", "count", "10", "fields of a record", fromYCSB, false},
		{"fieldlength", "count", "100", "bytes of a field, or the most of them", fromYCSB, false},
		{"minfieldlength", "count", "1", "least bytes of a field, unless constant", fromYCSB, false},
		{"fieldlengthdistribution", "constant|uniform|zipfian|histogram", "constant", "distribution of field lengths", fromYCSB, false},
		{"fieldlengthhistogram", "file", "hist.txt", "histogram file for fieldlengthdistribution=histogram", fromYCSB, false},
		{"writeallfields", "bool", "false", "an update writes all fields: updatemode=blind", fromYCSB, false},
		{"zeropadding", "count", "1", "least digits of a ycsb key", fromYCSB, false},
		{"keyprefix", "text", "", "first bytes of every key; user for keyformat=ycsb, else none", fromGoYCSB, false},
	}
}

func kvbenchProperties() []PropertyInfo {
	return []PropertyInfo{
		{"updatemode", "field|blind", "field", "field: an update reads the record and changes a random field; blind: it writes the whole value", fromUs, false},
		{"keyformat", "ycsb|binary:<8..64>|decimal:<1..64>", "ycsb", "shape of keys; the number is their size in bytes", fromUs, false},
		{"valuesize", "size|uniform:a-b|zipfian:a-b|pareto:k:sigma[:min[:max]]|hist:file", "", "size of whole values, in place of fieldcount x fieldlength", fromUs, false},
		{"valuecompress", "float", "1", "compressed size of values as a share of their size", fromUs, false},
		{"preload", "bool", "true", "false: start empty; recordcount is then the range of requests", fromUs, false},
		{"loadorder", "sequential|shuffled", "sequential", "order of the numbers in the load phase", fromUs, false},
		{"ycsbcompat", "java|go-ycsb", "java", "whose core workload to reproduce", fromUs, false},
		{"kvbench.title", "text", "", "one line that describes the workload", fromUs, false},
		{"kvbench.source", "text", "", "where the workload comes from", fromUs, false},
	}
}

// ignoredProperties are known to YCSB or go-ycsb and mean nothing here.
func ignoredProperties() []PropertyInfo {
	const harness = "none: the harness decides"
	var all []PropertyInfo
	add := func(origin, effect string, names ...string) {
		for _, n := range names {
			all = append(all, PropertyInfo{n, "text", "", effect, origin, true})
		}
	}
	add(fromYCSB, "none: a key-value store has one table", "table")
	add(fromYCSB, "none: fields have no names", "fieldnameprefix")
	add(fromYCSB, "none: a read returns the whole record", "readallfields", "readallfieldsbyname")
	add(fromYCSB, "none: every value is verifiable", "dataintegrity")
	add(fromYCSB, harness, "db", "dotransactions", "exporter", "exportfile", "status", "status.interval",
		"label", "measurementtype", "measurement.interval", "measurement.trackjvm", "measurement.raw.output_file",
		"measurement.histogram.verbose", "histogram.buckets", "timeseries.granularity",
		"hdrhistogram.percentiles", "hdrhistogram.fileoutput", "hdrhistogram.output.path",
		"reportlatencyforeacherror", "latencytrackederrors", "operationcountperthread",
		"core_workload_insertion_retry_limit", "core_workload_insertion_retry_interval")
	add(fromGoYCSB, harness, "warmuptime", "batch.size", "debug.pprof", "verbose", "dropdata", "silence",
		"command", "outputstyle", "measurement.output_file", "histogram.percentiles.export",
		"histogram.percentiles.export.filepath")
	return all
}

// canonical returns the name that another spelling of a property stands for.
func canonical(name string) string {
	if name == "zipfianconstant" {
		return "theta"
	}
	return name
}

// OverrideFor returns the override "property=value" that a command-line flag
// (without dashes) stands for; ok is false for any other flag.
func OverrideFor(flag, value string) (override string, ok bool) {
	property := map[string]string{
		"records": "recordcount", "ops": "operationcount", "threads": "threadcount",
		"target": "target", "update-mode": "updatemode", "key-format": "keyformat",
		"dist": "requestdistribution", "theta": "theta", "value-size": "valuesize",
		"compress-ratio": "valuecompress", "ycsb-compat": "ycsbcompat",
	}[flag]
	return property + "=" + strings.TrimSpace(value), property != ""
}
