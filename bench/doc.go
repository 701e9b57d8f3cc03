// Package bench is the harness: it performs workloads against targets,
// measures what happened, and knows how far to trust it.
//
// WORK IN PROGRESS: the map of the package follows with the package.
package bench
