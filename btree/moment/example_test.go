package moment_test

import (
	"fmt"

	"github.com/kvbench/kvbench/btree/moment"
)

func Example() {
	c := moment.New(0)
	stamp := c.Begin() // a page is made
	c.End()

	s, _ := c.Enter()
	c.Begin()
	fmt.Println("with a snapshot at", s.At(), "the page is needed:", c.Needed(stamp))
	s.Leave()
	fmt.Println("without:", c.Needed(stamp))
	c.End()
	// Output:
	// with a snapshot at 1 the page is needed: true
	// without: false
}
