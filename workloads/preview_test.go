package workloads

import (
	"math"
	"reflect"
	"testing"
)

func TestAPreviewShowsTheFirstOperationsAndWhatAllLookLike(t *testing.T) {
	for _, name := range []string{"fillseq", "readmissing", "readwhilewriting", "mixgraph-zippydb"} {
		s := mustParse(t, name, "recordcount=10000")
		p, err := Preview(s, 1, 20)
		if err != nil {
			t.Fatal(err)
		}
		if len(p.Rows) != 20 || p.Summary.Operations != previewOps {
			t.Errorf("%s: %d rows, %d operations", name, len(p.Rows), p.Summary.Operations)
		}
		for _, r := range p.Rows {
			if len(r.Key) < 8 || r.Kind == "put" && r.ValueBytes == 0 {
				t.Errorf("%s: %+v", name, r)
			}
		}
		if got := p.Summary.Mix.sum(); math.Abs(got-1) > 1e-6 {
			t.Errorf("%s: the mix sums to %g", name, got)
		}
	}
}

func TestPreviewsOfOneSeedAreEqual(t *testing.T) {
	s := mustParse(t, "D", "recordcount=1000")
	a, errA := Preview(s, 1, 1000)
	b, errB := Preview(s, 1, 1000)
	if errA != nil || errB != nil || !reflect.DeepEqual(a, b) {
		t.Errorf("two previews differ; errors %v, %v", errA, errB)
	}
	c, err := Preview(s, 2, 1000)
	if err != nil || reflect.DeepEqual(a.Rows, c.Rows) {
		t.Errorf("previews of two seeds are equal; error %v", err)
	}
}

func TestAPreviewMeasuresSkewAndScans(t *testing.T) {
	p, err := Preview(mustParse(t, "C"), 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	s := p.Summary
	// The hottest hundredth gets 39 %; that of a sample a little more.
	if s.HottestNumber != 801320 || math.Abs(100*s.HottestShare-3.78) > 0.2 || s.Top1Share < 0.39 || s.Top1Share > 0.45 {
		t.Errorf("%+v", s)
	}
	p, err = Preview(mustParse(t, "E"), 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	if s := p.Summary; math.Abs(s.MeanScan-50.5) > 1 || s.MaxScan != 100 || s.MeanValue != 1000 || math.Abs(s.MeanKey-22.9) > 0.2 {
		t.Errorf("%+v", s)
	}
}
