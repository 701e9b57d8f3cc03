//go:build !race

package goycsb

const raceDetector = false
