// Package offheap is memory that the Go collector does not look at.
package offheap
