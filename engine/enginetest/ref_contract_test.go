package enginetest

import (
	"slices"
	"testing"
)

func TestTheReferenceEngineKeepsTheContract(t *testing.T) { Run(t, refDriver(soundParts())) }

// The naive log is what most broken engines are made of: unbroken it is sound.
func TestTheReferenceEngineOnANaiveLogKeepsItsFiles(t *testing.T) {
	p := soundParts()
	p.openLog = openNaive("")
	loops := slices.Concat(fileClauses(), crashClauses(), faultClauses(), damageClauses())
	runClauses(t, refDriver(p), loops, nil)
}
