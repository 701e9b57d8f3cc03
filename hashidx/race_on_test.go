//go:build race

package hashidx

// raceEnabled: the race detector makes pools forget.
const raceEnabled = true
