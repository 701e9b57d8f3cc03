package workloads

import near "github.com/kvbench/kvbench/engine/nearest"

// nearest returns the name with the least edit distance to word.
func nearest(word string, names []string) string {
	best, _ := near.Word(word, names)
	return best
}
