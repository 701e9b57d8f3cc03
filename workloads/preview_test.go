package workloads

import (
	"math"
	"reflect"
	"testing"
)

func TestAPreviewShowsTheFirstOperationsAndWhatAllLookLike(t *testing.T) {
	for _, name := range presetNames() {
		s := mustParse(t, name, "recordcount=10000")
		p, err := Preview(s, 1, 20)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Preview(s, 1, 20)
		if err != nil || !reflect.DeepEqual(p, again) {
			t.Errorf("%s: two previews of one seed differ, error %v", name, err)
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
