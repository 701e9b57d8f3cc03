package workloads

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/kvbench/kvbench/workloads/dist"
)

// Compat chooses whose YCSB core workload the generator reproduces.
type Compat string

const (
	// Java is the original YCSB, the default.
	Java Compat = "java"
	// GoYCSB is go-ycsb v1.0.1 with its deviations: another hash in keys and
	// in the zipfian scrambler, requests for keys that do not exist yet, and
	// uniform requests in its workload files.
	GoYCSB Compat = "go-ycsb"
)

// UpdateMode is what an update does.
type UpdateMode uint8

const (
	// UpdateField reads the record and writes it with one random field
	// changed, which is what a field update of YCSB costs a key-value store.
	UpdateField UpdateMode = iota
	// UpdateBlind writes a whole value without reading.
	UpdateBlind
)

var updateModeNames = []string{"field", "blind"}

// String returns "field" or "blind".
func (m UpdateMode) String() string { return updateModeNames[m&1] }

// MarshalText writes the name.
func (m UpdateMode) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText reads a name.
func (m *UpdateMode) UnmarshalText(text []byte) error {
	for i, n := range updateModeNames {
		if n == string(text) {
			*m = UpdateMode(i)
			return nil
		}
	}
	return fmt.Errorf("unknown update mode %q; use field or blind", text)
}

// Spec is a workload with every property resolved: plain data, recorded in
// results. It is read-only once parsed and then safe for concurrent use.
type Spec struct {
	Name   string `json:"name" desc:"name of the preset or of the last property file"`
	Title  string `json:"title,omitempty" desc:"one line for people"`
	Source string `json:"source,omitempty" desc:"preset, the property files, or preset and files"`
	Compat Compat `json:"compat" desc:"whose core workload is reproduced" enum:"java,go-ycsb"`

	Records     uint64  `json:"records" desc:"records in the store before the run; 0 starts empty"`
	Operations  uint64  `json:"operations" desc:"operations of the run phase; 0 is by duration"`
	MaxSeconds  float64 `json:"max_seconds,omitempty" desc:"longest run phase in seconds; 0 is not stated"`
	Threads     int     `json:"threads,omitempty" desc:"concurrent workers; 0 is not stated"`
	TargetOps   float64 `json:"target_ops_per_s,omitempty" desc:"operations per second over all workers; 0 is as fast as possible"`
	InsertStart uint64  `json:"insert_start" desc:"first key number of the load phase and of the request range"`
	InsertCount uint64  `json:"insert_count" desc:"numbers in the load phase and in the request range"`
	FirstInsert uint64  `json:"first_insert" desc:"first key number that the run phase inserts"`
	LoadOrder   string  `json:"load_order" desc:"order of the numbers in the load phase" enum:"sequential,shuffled"`

	UpdateMode UpdateMode `json:"update_mode" desc:"field: read-modify-write of one field; blind: the whole value" enum:"field,blind"`
	Mix        Mix        `json:"mix" desc:"share of each kind of operation; sums to 1"`
	Writers    int        `json:"writers,omitempty" desc:"so many workers run writer_mix instead of mix"`
	WriterMix  Mix        `json:"writer_mix,omitzero" desc:"mix of the writers"`

	Request    Dist      `json:"request" desc:"which existing record an operation is for"`
	ScanLength Length    `json:"scan_length" desc:"records per scan, numbers per range delete"`
	Keys       KeySpec   `json:"keys" desc:"how a key number becomes a key"`
	Values     ValueSpec `json:"values" desc:"what a value is made of"`

	// Properties are all known properties with an effect, as given or
	// defaulted.
	Properties map[string]string `json:"properties,omitempty" desc:"the resolved properties"`
	// Warnings say what was given and has no effect here, or is surprising.
	Warnings []string `json:"-"`
}

// Dist is the request distribution: names, range and parameters.
type Dist struct {
	Name       string               `json:"name" desc:"distribution" enum:"uniform,zipfian,zipf,latest,hotspot,exponential,sequential,keyrange"`
	Span       uint64               `json:"span" desc:"numbers insert_start..insert_start+span-1 may be drawn"`
	Theta      float64              `json:"theta,omitempty" desc:"exponent of zipfian, zipf and latest"`
	HotData    float64              `json:"hot_data,omitempty" desc:"hotspot: share of the numbers that is hot"`
	HotOps     float64              `json:"hot_ops,omitempty" desc:"hotspot: share of the operations on them"`
	Percentile float64              `json:"percentile,omitempty" desc:"exponential: per cent of the requests within the newest records"`
	Frac       float64              `json:"frac,omitempty" desc:"exponential: which part of the records those are"`
	Step       int64                `json:"step,omitempty" desc:"sequential: distance of successive numbers"`
	KeyRange   *dist.KeyRangeParams `json:"key_range,omitempty" desc:"keyrange: locality parameters"`
}

// String names the distribution as results print it: "zipfian" is YCSB's,
// "zipf:1.2" the true law.
func (d Dist) String() string {
	g := func(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }
	switch d.Name {
	case "zipf":
		return "zipf:" + g(d.Theta)
	case "zipfian", "latest":
		if d.Theta != dist.YCSBTheta {
			return d.Name + ":" + g(d.Theta)
		}
	case "hotspot":
		return "hotspot:" + g(d.HotData) + ":" + g(d.HotOps)
	}
	return d.Name
}

// behind reports whether numbers are distances behind the newest record.
func (d Dist) behind() bool { return d.Name == "latest" || d.Name == "exponential" }

// KeySpec says how numbers become keys.
type KeySpec struct {
	Format      string `json:"format" desc:"ycsb: prefix and decimal number; binary: 8 bytes, big-endian; decimal: fixed digits" enum:"ycsb,binary,decimal"`
	Size        int    `json:"size,omitempty" desc:"bytes after the prefix for binary and decimal"`
	Prefix      string `json:"prefix,omitempty" desc:"first bytes of every key"`
	Ordered     bool   `json:"ordered" desc:"keys sort as their numbers; otherwise numbers are hashed"`
	ZeroPadding int    `json:"zero_padding,omitempty" desc:"ycsb: least number of digits"`
}

// ValueSpec says what values are made of.
type ValueSpec struct {
	FieldCount  int     `json:"field_count" desc:"fields of a record"`
	FieldLength Length  `json:"field_length" desc:"bytes of a field"`
	Compress    float64 `json:"compress" desc:"size after compression as a share of the size before; 1 is incompressible"`
}

// Has reports whether operations of kind k occur in the run phase.
func (s *Spec) Has(k Kind) bool {
	return s.Mix[k] > 0 || (s.Writers > 0 && s.WriterMix[k] > 0)
}

// MayMiss reports whether a read of a number that Resolve returned may find
// nothing although nothing is wrong: something deletes, nothing was loaded, or
// go-ycsb's requests for future keys are reproduced.
func (s *Spec) MayMiss() bool {
	if s.Has(Delete) || s.Has(DeleteRange) || s.Records == 0 {
		return true
	}
	return s.Compat == GoYCSB && s.Request.Name == "zipfian"
}

// NeedsOrder reports whether the run needs an ordered engine.
func (s *Spec) NeedsOrder() bool {
	return s.Has(Scan) || s.Has(ReverseScan) || s.Has(DeleteRange)
}

// Hash returns the SHA-256 of what the workload does, in hexadecimal. Names,
// title, source and the spelling of the properties do not count.
func (s *Spec) Hash() string {
	c := *s
	c.Name, c.Title, c.Source, c.Properties, c.Warnings = "", "", "", nil, nil
	data, err := json.Marshal(&c)
	if err != nil {
		// Parse lets no value through that JSON cannot carry.
		data = []byte(err.Error())
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// NewSequence returns the sequence of the run phase's inserts for this spec:
// all numbers below FirstInsert count as acknowledged.
func (s *Spec) NewSequence() *Sequence { return NewSequence(s.FirstInsert) }
