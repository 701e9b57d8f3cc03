// Package noop is the engine that does nothing. The harness calibrates itself
// with it: what a run over noop costs is what the harness costs.
//
// It stores nothing and finds everything: each Get succeeds with an empty
// value, so that a loop which expects its loaded keys takes the path that it
// takes with a real engine. It looks at no key and never at its own state.
//
// Hence it cannot pass package enginetest, which begins by reading back what
// it wrote; the test here states what noop does instead.
package noop
