//go:build race

package table

// raceEnabled: the race detector makes pools forget.
const raceEnabled = true
