// Package steady tests whether a phase had become steady: whether its rate
// still had a trend or swung about, whether work was put off faster than it
// was done, and whether the cache was still filling. It is pure arithmetic
// over what the series of a phase recorded.
//
// # Map
//
//	test.go     Test: the verdict and its reasons, and the bounds behind it
//	trend.go    Mann-Kendall's test of a trend, Theil and Sen's slope, variation
//	windows.go  FromRows: the windows of a series
//
// # What it can and cannot tell
//
// Of phases whose windows are independent and level, Test finds fault with
// about one in twenty, or fewer: a trend has to be both unlikely by chance and
// large enough to matter. Windows that take after the one before, as those of
// an engine that compacts do, look like trends more often (with a correlation
// of 0.5 Mann-Kendall alone at the 5 % level errs in about a quarter of
// cases); no correction is made, so the error is on the side of calling a
// steady phase unsteady. A phase shorter than the engine's cycle of background
// work cannot be told from a steady one by its rate: that is what the debt is
// looked at for.
package steady
