package experiments

import (
	"errors"
	"sync"
)

// together calls f in n goroutines, with the numbers 0 to n-1, and waits for
// all of them. They belong to the call: none outlives it.
func together(n int, f func(i int) error) error {
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { errs[i] = f(i) })
	}
	wg.Wait()
	return errors.Join(errs...)
}
