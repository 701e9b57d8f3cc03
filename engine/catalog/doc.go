// Package catalog is the one list of engines. There is no registration: what
// a build offers is what All returns, in the order in which it is shown.
// Engines behind build tags add themselves through the tagged files here.
package catalog
