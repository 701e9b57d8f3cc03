//go:build race

package goycsb

const raceDetector = true
