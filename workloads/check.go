package workloads

import "fmt"

// check looks for contradictions between properties that are each valid.
func (r *resolver) check() {
	s := r.spec
	fail := func(format string, args ...any) { r.errs = append(r.errs, fmt.Errorf(format, args...)) }
	if s.InsertCount == 0 {
		for k := range NumKinds {
			if k != Insert && s.Has(k) {
				fail("recordcount: a workload with %s operations needs records, or a range of them with preload=false; set recordcount", k)
				break
			}
		}
	}
	last := max(s.InsertStart+s.Request.Span, s.FirstInsert)
	if s.Has(Insert) {
		last += s.Operations
	}
	if last > maxNumber {
		fail("recordcount: key numbers up to %d exceed %d", last, uint64(maxNumber))
	}
	if s.Request.Name == "latest" && s.Records == 0 && !s.Has(Insert) {
		fail("requestdistribution: latest needs records or inserts")
	}
	r.checkOrder(last, fail)
	if s.Threads > 0 && s.Writers >= s.Threads {
		fail("%s: writers: %d writers leave none of threadcount=%d for the mix", r.where("writers"), s.Writers, s.Threads)
	}
	if s.Request.Name == "zipfian" && s.Has(Insert) && s.Operations == 0 {
		r.warn("operationcount is 0, so zipfian requests never reach the records that the run inserts, as in YCSB")
	}
}

// checkOrder checks what depends on keys sorting as their numbers.
func (r *resolver) checkOrder(last uint64, fail func(string, ...any)) {
	s := r.spec
	d := digits(last)
	short := s.Keys.Format == "ycsb" && s.Keys.ZeroPadding < d
	switch {
	case s.Keys.Format == "decimal" && s.Keys.Ordered && s.Keys.Size < d:
		fail("%s: keyformat: %d digits do not hold %d", r.where("keyformat"), s.Keys.Size, last)
	case s.Has(DeleteRange) && !s.Keys.Ordered:
		fail("deleterangeproportion: ranges of numbers are ranges of keys only with insertorder=ordered")
	case s.Has(DeleteRange) && short:
		fail("deleterangeproportion: ycsb keys sort as numbers only with zeropadding=%d", d)
	case s.Keys.Ordered && short:
		r.warn("insertorder=ordered with zeropadding=%d: keys do not sort as numbers; zeropadding=%d would", s.Keys.ZeroPadding, d)
	}
}
