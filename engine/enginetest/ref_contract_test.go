package enginetest

import "testing"

func TestTheReferenceEngineKeepsTheContract(t *testing.T) { Run(t, refDriver(soundParts())) }

func TestTheReferenceEngineOnANaiveLogKeepsTheContract(t *testing.T) {
	p := soundParts()
	p.openLog = openNaive("")
	Run(t, refDriver(p))
}
