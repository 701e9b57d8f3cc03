package goycsb

import (
	"bytes"
	"fmt"

	"github.com/kvbench/kvbench/bench"
	"github.com/kvbench/kvbench/workloads"
)

// scan is the Visitor of a worker's scans. It copies the values, as the rows
// that go-ycsb is given outlive the visits.
type scan struct {
	first []byte // key of the first record
	data  []byte // values, one behind the other
	ends  []int  // where each one ends
	bytes uint64
	rows  []map[string][]byte
}

// Visit takes one record.
func (s *scan) Visit(key, value []byte) error {
	if len(s.ends) == 0 {
		s.first = append(s.first[:0], key...)
	}
	s.bytes += uint64(len(key) + len(value))
	s.data = append(s.data, value...)
	s.ends = append(s.ends, len(s.data))
	return nil
}

// rowAt returns the ith row, empty.
func (s *scan) rowAt(i int) map[string][]byte {
	if i == len(s.rows) {
		s.rows = append(s.rows, make(map[string][]byte))
	}
	clear(s.rows[i])
	return s.rows[i]
}

func (w *worker) rows(start string, count int, fields []string) ([]map[string][]byte, error) {
	s := &w.scan
	s.data, s.ends, s.bytes = s.data[:0], s.ends[:0], 0
	err := w.call(workloads.Scan, start, func(r *bench.OpResult) error {
		n, err := w.session.Scan(w.key, count, false, s)
		r.Rows += uint64(n)
		r.BytesOut += s.bytes
		if err != nil {
			return err
		}
		return w.decodeRows(count, fields)
	})
	if err != nil {
		return nil, err
	}
	return s.rows[:len(s.ends)], nil
}

// decodeRows makes rows of what the scan saw. A record that must exist is the
// first of a scan from its key.
func (w *worker) decodeRows(count int, fields []string) error {
	s := &w.scan
	if w.checked && !w.mayMiss && count > 0 && (len(s.ends) == 0 || !bytes.Equal(s.first, w.key)) {
		return fmt.Errorf("%w: the scan does not begin at the record it was started at", errWrongAnswer)
	}
	begin := 0
	for i, end := range s.ends {
		record := s.data[begin:end]
		if w.blank != nil {
			record = w.blank
		}
		if err := w.codec.decode(record); err != nil {
			return fmt.Errorf("%w: %w", errWrongAnswer, err)
		}
		if err := w.pick(s.rowAt(i), fields); err != nil {
			return err
		}
		begin = end
	}
	return nil
}
