// Package wal is a write-ahead log. It knows no engine: records are bytes with
// a kind.
package wal
