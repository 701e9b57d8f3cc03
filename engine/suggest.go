package engine

import "github.com/kvbench/kvbench/engine/nearest"

// Suggest returns "; did you mean X?" for the candidate nearest to name, or a
// list of the candidates when none is near. It is the end of an error text.
func Suggest(name string, candidates []string) string { return nearest.Hint(name, candidates) }
