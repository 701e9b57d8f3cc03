package wal_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/engine/wal"
)

func Example() {
	fsys := vfs.NewMem()
	if err := errors.Join(fsys.MkdirAll("/db"), fsys.SyncDir("/")); err != nil {
		fmt.Println(err)
		return
	}
	replay := func(r wal.Record) error {
		fmt.Printf("%v kind %d %s\n", r.LSN, r.Kind, r.Payload)
		return nil
	}
	l, err := wal.Open(fsys, "/db", wal.Options{}, replay)
	if err != nil {
		fmt.Println(err)
		return
	}
	const put = 1
	if _, err := l.Append(put, []byte("a=1")); err != nil {
		fmt.Println(err)
	}
	lsn, err := l.Append(put, []byte("b=2"))
	if err != nil {
		fmt.Println(err)
	}
	// Both are durable, by one sync.
	if err := l.Wait(context.Background(), lsn, wal.Durable); err != nil {
		fmt.Println(err)
	}
	if _, err := l.Append(put, []byte("c=3")); err != nil {
		fmt.Println(err)
	}
	crashed := fsys.Image(vfs.Synced) // the power goes: c was not durable

	l2, err := wal.Open(crashed, "/db", wal.Options{}, replay)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, value, err := l2.ReadAt(nil, lsn)
	fmt.Printf("%v: %s %v\n", lsn, value, err)
	fmt.Println(l.Close(), l2.Close())
	// Output:
	// 1:4128 kind 1 a=1
	// 1:4152 kind 1 b=2
	// 1:4152: b=2 <nil>
	// <nil> <nil>
}
