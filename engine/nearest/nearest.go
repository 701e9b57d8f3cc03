// Package nearest finds the word that somebody may have meant, for error texts
// about unknown names.
package nearest

import "strings"

// longestBytes bounds the work: of a longer word the start decides.
const longestBytes = 64

// Word returns the one of known with the least edit distance to word, ignoring
// case, and that distance; the first of several. It is empty if none is known.
func Word(word string, known []string) (best string, least int) {
	word = strings.ToLower(word[:min(len(word), longestBytes)])
	least = -1
	for _, k := range known {
		if d := Distance(word, strings.ToLower(k)); least < 0 || d < least {
			best, least = k, d
		}
	}
	return best, least
}

// Hint returns "; did you mean X?" if a known name is near, else a list of all.
// It is the end of an error text.
func Hint(word string, known []string) string {
	best, least := Word(word, known)
	switch {
	case len(known) == 0:
		return ""
	case least < len(word)/2+2:
		return "; did you mean " + best + "?"
	}
	return "; known are " + strings.Join(known, ", ")
}

// Distance is Levenshtein's, over bytes: insertions, deletions, substitutions.
func Distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			substitute := diagonal
			if a[i] != b[j] {
				substitute++
			}
			diagonal = row[j+1]
			row[j+1] = min(substitute, diagonal+1, row[j]+1)
		}
	}
	return row[len(b)]
}
