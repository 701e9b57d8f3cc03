package goycsb

import (
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/magiconair/properties"
	"github.com/pingcap/go-ycsb/pkg/prop"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/workloads"
	"github.com/kvbench/kvbench/workloads/dist"
)

// translate states a workload as go-ycsb's properties. It starts from the
// resolved fields and not from Spec.Properties: go-ycsb takes a number that it
// cannot read, such as 200k, for its default without a word.
func translate(s *workloads.Spec) *properties.Properties {
	p := newProperties()
	set := func(name, value string) { mustSet(p, name, value) }
	count := func(name string, n uint64) { set(name, strconv.FormatUint(n, 10)) }
	float := func(name string, f float64) { set(name, strconv.FormatFloat(f, 'g', -1, 64)) }

	count(prop.RecordCount, s.FirstInsert)
	count(prop.InsertStart, s.InsertStart)
	count(prop.InsertCount, s.InsertCount)
	count(prop.OperationCount, s.Operations)

	float(prop.ReadProportion, s.Mix[workloads.Read])
	float(prop.UpdateProportion, s.Mix[workloads.Update])
	float(prop.InsertProportion, s.Mix[workloads.Insert])
	float(prop.ScanProportion, s.Mix[workloads.Scan])
	float(prop.ReadModifyWriteProportion, s.Mix[workloads.ReadModifyWrite])

	set(prop.RequestDistribution, s.Request.Name)
	switch s.Request.Name {
	case "hotspot":
		float(prop.HotspotDataFraction, s.Request.HotData)
		float(prop.HotspotOpnFraction, s.Request.HotOps)
	case "exponential":
		float(prop.ExponentialPercentile, s.Request.Percentile)
		float(prop.ExponentialFrac, s.Request.Frac)
	}
	if s.Has(workloads.Scan) {
		count(prop.MaxScanLength, s.ScanLength.Max)
		if s.ScanLength.Name == "zipfian" {
			set(prop.ScanLengthDistribution, "zipfian")
		}
	}

	set(prop.KeyPrefix, s.Keys.Prefix)
	count(prop.ZeroPadding, uint64(max(s.Keys.ZeroPadding, 1)))
	set(prop.InsertOrder, "hashed")
	if s.Keys.Ordered {
		set(prop.InsertOrder, "ordered")
	}
	count(prop.FieldCount, uint64(s.Values.FieldCount))
	count(prop.FieldLength, s.Values.FieldLength.Max)
	set(prop.FieldLengthDistribution, s.Values.FieldLength.Name)
	set(prop.WriteAllFields, strconv.FormatBool(s.UpdateMode == workloads.UpdateBlind))
	// go-ycsb ends the process when data it checks are not what it wrote.
	set(prop.DataIntegrity, "false")
	return p
}

// clientProperties are what go-ycsb's client reads.
func clientProperties(load bool, threads int, operations uint64, rate float64) *properties.Properties {
	p := newProperties()
	mustSet(p, prop.DoTransactions, strconv.FormatBool(!load))
	mustSet(p, prop.ThreadCount, strconv.Itoa(threads))
	name := prop.OperationCount
	if load {
		name = prop.InsertCount
	}
	mustSet(p, name, strconv.FormatUint(min(operations, math.MaxInt64), 10))
	if rate > 0 {
		mustSet(p, prop.Target, strconv.FormatFloat(rate, 'f', 0, 64))
	}
	mustSet(p, prop.LogInterval, neverSeconds)
	mustSet(p, prop.Silence, "true")
	return p
}

// neverSeconds is so long that go-ycsb never prints a summary: 31 years.
const neverSeconds = "1000000000"

func newProperties() *properties.Properties {
	p := properties.NewProperties()
	p.DisableExpansion = true // ${x} in a key prefix means itself
	return p
}

// mustSet sets a property. Set fails for circular references only, which
// cannot be while expansion is off.
func mustSet(p *properties.Properties, name, value string) { _, _, _ = p.Set(name, value) }

// check lists what go-ycsb cannot do of a workload. It would ignore most of
// it without a word, and end the process for the rest. The error wraps
// engine.ErrInvalid.
func check(s *workloads.Spec) error {
	var faults []error
	refuse := func(bad bool, format string, args ...any) {
		if bad {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	for k := range workloads.NumKinds {
		switch k {
		case workloads.Read, workloads.Update, workloads.Insert, workloads.Scan, workloads.ReadModifyWrite:
		default:
			refuse(s.Has(k), "it has no operation %s", k)
		}
	}
	refuse(s.Writers > 0, "its threads all run the same mix (writers=%d)", s.Writers)
	refuse(s.Records == 0, "it needs loaded records (recordcount above 0, preload=true)")
	refuse(s.InsertCount == 0, "it needs a range of requests (insertcount above 0)")
	refuse(s.FirstInsert < s.InsertStart+s.InsertCount, "insertstart + insertcount is beyond recordcount")
	refuse(s.LoadOrder == "shuffled", "it loads in order only (loadorder=shuffled)")
	refuse(s.TargetOps != math.Trunc(s.TargetOps), "its target rate is a whole number (target=%g)", s.TargetOps)
	refuse(s.Keys.Format != "ycsb", "its keys are a prefix and a decimal number (keyformat=%s)", s.Keys.Format)
	refuse(s.Values.Compress != 1, "its values are random letters (valuecompress=%g)", s.Values.Compress)
	faults = append(faults, checkLengths(s)...)
	faults = append(faults, checkRequest(s)...)
	if err := errors.Join(faults...); err != nil {
		return fmt.Errorf("workload %s with driver go-ycsb: %w: %w", s.Name, engine.ErrInvalid, err)
	}
	return nil
}

func checkLengths(s *workloads.Spec) (faults []error) {
	f := s.Values.FieldLength
	switch {
	case s.Values.FieldCount < 1 || f.Max < 1:
		faults = append(faults, errors.New("its records have at least one field of one byte"))
	case f.Name == "constant":
	case (f.Name == "uniform" || f.Name == "zipfian") && f.Min == 1:
	default:
		faults = append(faults, fmt.Errorf("its field lengths are constant, or uniform or zipfian from 1 on (%s)", f))
	}
	n := s.ScanLength
	ranged := (n.Name == "uniform" || n.Name == "zipfian") && n.Min == 1
	if s.Has(workloads.Scan) && !ranged && n.Max != 1 {
		faults = append(faults, fmt.Errorf("its scan lengths are uniform or zipfian from 1 on (%s)", n))
	}
	return faults
}

func checkRequest(s *workloads.Spec) (faults []error) {
	d := s.Request
	switch d.Name {
	case "uniform", "hotspot", "exponential":
	case "sequential":
		if d.Step != 1 {
			faults = append(faults, fmt.Errorf("its sequential requests go up by one (sequentialstep=%d)", d.Step))
		}
	case "zipfian", "latest":
		if d.Theta != dist.YCSBTheta {
			faults = append(faults, fmt.Errorf("its theta is %g (theta=%g)", dist.YCSBTheta, d.Theta))
		}
		if d.Name == "latest" && s.FirstInsert < 2 {
			faults = append(faults, errors.New("its distribution latest needs two records"))
		}
	default:
		faults = append(faults, fmt.Errorf("it has no request distribution %s", d))
	}
	return faults
}

// mayMiss reports whether go-ycsb requests records that do not exist although
// nothing is wrong.
func mayMiss(s *workloads.Spec) bool {
	switch s.Request.Name {
	case "zipfian":
		return true
	case "latest", "exponential":
		// Counted back from the newest record, past the first one.
		return s.InsertStart > 0
	}
	return false
}
