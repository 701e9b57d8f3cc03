// Package pool is the frames of a B+tree's buffer pool: page memory outside of
// the Go heap, a descriptor for each frame, and the policy that decides which
// page leaves when there is no room.
package pool
