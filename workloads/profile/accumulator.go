package profile

import (
	"github.com/kvbench/kvbench/workloads"
)

// Options say what is known of a stream beforehand.
type Options struct {
	// Records is the number of keys that may be requested; 0 is not known.
	Records uint64
	// Numbered is set where keys are given as numbers whose order means
	// something. Otherwise they are hashes.
	Numbered bool
	// Keys is how many keys are counted exactly; 0 means 2^22. Beyond, what
	// concerns keys is estimated from a sample of them.
	Keys int
}

// An Accumulator sees the operations of a stream one after another. Its memory
// is bounded: at most 64 bytes a key of Options.Keys.
type Accumulator struct {
	o     Options
	near  uint64 // distance that counts as local
	keys  *counter
	kinds [workloads.NumKinds]uint64

	last, local, next uint64
	requests          uint64
	curve             []WorkingSet
	mark              uint64 // requests at which the next point of the curve is due

	scans, scanned, shortest, longest uint64
	answered, absent                  uint64
}

// New returns an accumulator that has seen nothing.
func New(o Options) *Accumulator {
	if o.Keys <= 0 {
		o.Keys = defaultKeys
	}
	return &Accumulator{o: o, near: o.Records / 1000, keys: newCounter(o.Keys), mark: 1}
}

// Add takes an operation: the number or hash of its key, and the length of a
// scan or the width of a range delete.
func (a *Accumulator) Add(kind workloads.Kind, key, length uint64) {
	a.kinds[kind]++
	switch kind {
	case workloads.Insert, workloads.ReadAbsent:
		return
	case workloads.Scan, workloads.ReverseScan, workloads.DeleteRange:
		if a.scans == 0 || length < a.shortest {
			a.shortest = length
		}
		a.scans++
		a.scanned += length
		a.longest = max(a.longest, length)
	}
	a.request(key)
}

func (a *Accumulator) request(key uint64) {
	a.keys.add(key)
	if a.requests > 0 {
		if max(key, a.last)-min(key, a.last) <= a.near {
			a.local++
		}
		if key == a.last+1 {
			a.next++
		}
	}
	a.last = key
	if a.requests++; a.requests == a.mark {
		a.curve = append(a.curve, WorkingSet{a.requests, a.keys.distinct()})
		a.mark *= 2
	}
}

// Merge makes the last operation of kind from one of kind to that is for the
// same key: a read and the write that followed it are one update.
func (a *Accumulator) Merge(from, to workloads.Kind) {
	if a.kinds[from] > 0 {
		a.kinds[from]--
		a.kinds[to]++
	}
}

// Answer takes the outcome of a read.
func (a *Accumulator) Answer(found bool) {
	a.answered++
	if !found {
		a.absent++
	}
}

// Requests returns how many operations for keys of the request range were
// seen.
func (a *Accumulator) Requests() uint64 { return a.requests }

// Profile returns what has been seen so far. It takes milliseconds.
func (a *Accumulator) Profile() Profile {
	p := Profile{
		Requests: a.requests, Distinct: a.keys.distinct(), WorkingSet: a.curve,
		Scans: a.scans, ScanMin: a.shortest, ScanMax: a.longest, Answered: a.answered,
	}
	for _, n := range a.kinds {
		p.Operations += n
	}
	for k, n := range a.kinds {
		if n > 0 {
			p.Mix[k] = float64(n) / float64(p.Operations)
		}
	}
	p.ScanMean = share(a.scanned, a.scans)
	p.Absent = share(a.absent, a.answered)
	if a.requests == 0 {
		return p
	}
	if end := (WorkingSet{a.requests, p.Distinct}); a.curve[len(a.curve)-1] != end {
		p.WorkingSet = append(a.curve[:len(a.curve):len(a.curve)], end)
	}
	p.Spectrum = a.keys.spectrum()
	among := float64(a.o.Records)
	if among == 0 {
		among = float64(p.Distinct)
	}
	hot, top := p.Spectrum.Top(1), p.Spectrum.Top(max(among/100, 1))
	p.HotShare, p.Top1Share = &hot, &top
	if fit, ok := FitZipf(p.Spectrum, a.o.Records); ok {
		p.Zipf = &fit
	}
	if a.o.Numbered && a.requests > 1 {
		p.Sequential = share(a.next, a.requests-1)
		if a.o.Records > 0 {
			p.Locality = share(a.local, a.requests-1)
		}
	}
	return p
}

// share returns n of total, null of nothing.
func share(n, total uint64) *float64 {
	if total == 0 {
		return nil
	}
	s := float64(n) / float64(total)
	return &s
}
