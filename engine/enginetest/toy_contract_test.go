package enginetest

import "testing"

func TestTheUnbrokenToyKeepsTheContract(t *testing.T) { Run(t, toyDriver("")) }
