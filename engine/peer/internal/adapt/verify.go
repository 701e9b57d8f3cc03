package adapt

import (
	"context"
	"errors"

	"github.com/kvbench/kvbench/engine"
)

// ReportDamage reports err when it is damage, and returns it otherwise.
func ReportDamage(err error, report func(engine.Problem)) error {
	var c *engine.CorruptionError
	if !errors.As(err, &c) {
		return err
	}
	report(engine.Problem{File: c.File, Offset: c.Offset, Detail: err.Error()})
	return nil
}

// VerifyByReading reads every key and value of s, whose library checks the
// checksums of what it reads, and reports the first damage: an iterator does
// not get past it.
func VerifyByReading(ctx context.Context, s engine.Scanner, report func(engine.Problem)) error {
	it, err := s.NewIter(engine.IterOptions{})
	if err != nil {
		return ReportDamage(err, report)
	}
	defer it.Close()
	var last []byte
	for n := 0; it.Next(); n++ {
		if n%1024 == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if n > 0 && string(it.Key()) <= string(last) {
			report(engine.Problem{Offset: -1, Detail: "keys are out of order"})
		}
		last = append(last[:0], it.Key()...)
		if _, err := it.Value(); err != nil {
			if err := ReportDamage(err, report); err != nil {
				return err
			}
		}
	}
	return ReportDamage(it.Err(), report)
}
