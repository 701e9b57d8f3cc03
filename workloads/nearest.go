package workloads

import "strings"

// longestName bounds the work of a comparison; no name is longer.
const longestName = 64

// nearest returns the name with the least edit distance to word, ignoring
// case; the first of several. Of a very long word the start decides.
func nearest(word string, names []string) string {
	word = word[:min(len(word), longestName)]
	best, least := "", -1
	for _, n := range names {
		if d := distance(strings.ToLower(word), strings.ToLower(n)); least < 0 || d < least {
			best, least = n, d
		}
	}
	return best
}

// distance is Levenshtein's: insertions, deletions and substitutions of bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
