package epoch_test

import (
	"fmt"
	"sync/atomic"

	"github.com/kvbench/kvbench/engine/epoch"
)

// A table that readers use without locks is replaced; the old one is freed
// when its last reader is done.
func Example() {
	d := epoch.NewDomain()
	var current atomic.Pointer[[]byte]
	first := []byte("first")
	current.Store(&first)

	// A reader.
	g := d.Pin()
	table := current.Load()

	// A writer.
	second := []byte("second")
	old := current.Swap(&second)
	d.Retire(len(*old), func() { fmt.Printf("%s is freed\n", *old) })
	d.Reclaim()

	fmt.Printf("%s is read\n", *table)
	g.Unpin()
	d.Close()

	// Output:
	// first is read
	// first is freed
}
