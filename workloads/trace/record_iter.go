package trace

import (
	"bytes"
	"fmt"
	"time"

	"github.com/kvbench/kvbench/engine"
)

// NewIter returns an iterator whose walk is recorded as scans: each from the
// positioning call that began it, with the number of records it came by. A
// scan is recorded when the next one begins or the iterator is closed.
func (r *Recorder) NewIter(o engine.IterOptions) (engine.Iterator, error) {
	s, ok := engine.As[engine.Scanner](r.inner)
	if !ok {
		return nil, fmt.Errorf("iterator: %w", engine.ErrUnsupported)
	}
	begin := time.Now()
	it, err := s.NewIter(o)
	if err != nil || !r.on.Load() {
		return it, err
	}
	return &recordedIter{Iterator: it, r: r, begin: begin, lower: bytes.Clone(o.Lower), upper: bytes.Clone(o.Upper)}, nil
}

type recordedIter struct {
	engine.Iterator
	r            *Recorder
	begin        time.Time
	lower, upper []byte

	walking bool
	reverse bool
	start   []byte
	n       int
}

// begun notes a positioning call, whose result it returns.
func (it *recordedIter) begun(start []byte, reverse, ok bool) bool {
	it.end()
	it.walking, it.reverse = true, reverse
	it.start = append(it.start[:0], start...)
	it.n = 0
	if ok {
		it.n = 1
	}
	return ok
}

// end records the scan that is going on.
func (it *recordedIter) end() {
	if !it.walking {
		return
	}
	it.walking = false
	op := Op{Kind: Scan, Key: it.start, N: it.n, Size: -1}
	if it.reverse {
		op.Kind = ReverseScan
	}
	it.r.record(it.begin, op)
	it.begin = time.Now()
}

// moved counts a step; one against the direction begins another scan.
func (it *recordedIter) moved(reverse, ok bool) bool {
	switch {
	case !it.walking || reverse != it.reverse && it.n > 0:
		var start []byte
		if ok {
			start = it.Iterator.Key()
		}
		it.begun(start, reverse, ok)
	case ok:
		it.n++
	}
	return ok
}

func (it *recordedIter) First() bool { return it.begun(it.lower, false, it.Iterator.First()) }
func (it *recordedIter) Next() bool  { return it.moved(false, it.Iterator.Next()) }
func (it *recordedIter) Prev() bool  { return it.moved(true, it.Iterator.Prev()) }

func (it *recordedIter) Last() bool {
	ok := it.Iterator.Last()
	start := it.upper
	if ok {
		start = it.Iterator.Key()
	}
	return it.begun(start, true, ok)
}

func (it *recordedIter) SeekGE(key []byte) bool {
	return it.begun(key, false, it.Iterator.SeekGE(key))
}

// SeekLT begins a scan from the greatest key that is less; a trace has those
// that are not greater, so a trailing zero byte, which makes the least key
// that is greater, is taken off.
func (it *recordedIter) SeekLT(key []byte) bool {
	ok := it.Iterator.SeekLT(key)
	start := key
	if n := len(key); n > 1 && key[n-1] == 0 {
		start = key[:n-1]
	} else if ok {
		start = it.Iterator.Key()
	}
	return it.begun(start, true, ok)
}

func (it *recordedIter) Close() error {
	it.end()
	return it.Iterator.Close()
}
