package experiments

import (
	"reflect"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/results"
)

// sums are cells by workload, each the sum of several measurements.
type sums struct {
	list  []*results.Cell // in the order in which their workloads came first
	times map[string]uint64
}

// add adds a measurement to the cell of its workload.
func (s *sums) add(c *results.Cell) {
	if s.times == nil {
		s.times = make(map[string]uint64)
	}
	n := s.times[c.Workload.Name]
	s.times[c.Workload.Name]++
	for _, sum := range s.list {
		if sum.Workload.Name != c.Workload.Name {
			continue
		}
		addOps(sum.Ops, c.Ops)
		sum.Load.Operations += c.Load.Operations
		sum.Workload.Operations = sum.Load.Operations
		sum.IO = addIO(&sum.IO, &c.IO, n)
		sum.Metrics = addMetrics(&sum.Metrics, &c.Metrics, n)
		return
	}
	s.list = append(s.list, c)
}

func addOps(sum, more map[string]*results.OpStats) {
	for kind, op := range more {
		if sum[kind] == nil {
			sum[kind] = &results.OpStats{}
		}
		t := sum[kind]
		t.N, t.OK, t.NotFound, t.Rows = t.N+op.N, t.OK+op.OK, t.NotFound+op.NotFound, t.Rows+op.Rows
	}
}

// addIO adds what flowed; what lay there becomes the mean of n+1 readings.
func addIO(sum, more *results.IO, n uint64) results.IO {
	out := *sum
	all, list := reflect.ValueOf(&out).Elem(), reflect.ValueOf(more).Elem()
	for i := range all.NumField() {
		c, ok := all.Field(i).Addr().Interface().(*engine.Count)
		if !ok {
			continue // by file class, which studies leave empty
		}
		*c = c.Plus(list.Field(i).Interface().(engine.Count))
	}
	out.DiskBytes = mean(sum.DiskBytes, more.DiskBytes, n)
	out.LiveBytes = mean(sum.LiveBytes, more.LiveBytes, n)
	return out
}

// addMetrics adds counters and takes the means of gauges.
func addMetrics(sum, more *engine.Metrics, n uint64) engine.Metrics {
	out := *sum
	groups, others := reflect.ValueOf(&out).Elem(), reflect.ValueOf(more).Elem()
	for i := range groups.NumField() {
		group := groups.Field(i)
		for j := range group.NumField() {
			c := group.Field(j).Addr().Interface().(*engine.Count)
			other := others.Field(i).Field(j).Interface().(engine.Count)
			if group.Type().Field(j).Tag.Get("kind") == "gauge" {
				*c = mean(*c, other, n)
				continue
			}
			*c = c.Plus(other)
		}
	}
	return out
}

// mean takes one reading more into the mean of n.
func mean(of, reading engine.Count, n uint64) engine.Count {
	a, ok := of.Value()
	b, ok2 := reading.Value()
	if !ok || !ok2 {
		return engine.Count{}
	}
	return engine.Known((a*n + b) / (n + 1))
}
