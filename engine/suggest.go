package engine

import "strings"

// Suggest returns "; did you mean X?" for the candidate nearest to name, or a
// list of the candidates when none is near. It is the end of an error text.
func Suggest(name string, candidates []string) string {
	best, bestDistance := "", len(name)/2+2
	for _, c := range candidates {
		if d := editDistance(strings.ToLower(name), strings.ToLower(c)); d < bestDistance {
			best, bestDistance = c, d
		}
	}
	if best != "" {
		return "; did you mean " + best + "?"
	}
	if len(candidates) == 0 {
		return ""
	}
	return "; known are " + strings.Join(candidates, ", ")
}

// editDistance is Levenshtein's, over bytes.
func editDistance(a, b string) int {
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
