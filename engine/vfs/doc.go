// Package vfs is the file system as engines see it: a small interface, so that
// tests can crash it, fail it and count it. It knows nothing of engines.
//
// OS is the machine's own file system. Engines of this house import no os; all
// their files go through an FS that is handed to them.
//
// # What survives a power loss
//
// Bytes written survive once Sync or SyncData has returned on their file.
// Names (create, rename, remove, link) survive once SyncDir has returned on
// their directory. Nothing else does, and nothing about order is promised.
package vfs
