package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// interruptible returns a context that the first interrupt or termination
// ends; first is called then. The second ends the program at once. Stop ends
// the watch.
//
// One goroutine waits for signals until stop is called.
func (a *app) interruptible(ctx context.Context, first func()) (inner context.Context, stop func()) {
	inner, cancel := context.WithCancel(ctx)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	stopped := make(chan struct{})
	go func() {
		for n := 1; ; n++ {
			select {
			case <-stopped:
				return
			case <-signals:
			}
			if n > 1 {
				a.exit(exitInterrupted)
				return
			}
			cancel()
			first()
		}
	}()
	return inner, func() {
		signal.Stop(signals)
		close(stopped)
		cancel()
	}
}

// terminable returns a context for the process of a cell: an interrupt is the
// parent's to handle, a termination ends the cell early.
func terminable(ctx context.Context) (inner context.Context, stop func()) {
	signal.Ignore(os.Interrupt)
	return signal.NotifyContext(ctx, syscall.SIGTERM)
}

// every calls f each time that d has passed, until stop is called, which waits
// for a call under way.
//
// One goroutine.
func every(d time.Duration, f func()) (stop func()) {
	stopped, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(d)
		defer tick.Stop()
		for {
			select {
			case <-stopped:
				return
			case <-tick.C:
				f()
			}
		}
	}()
	return func() {
		close(stopped)
		<-ended
	}
}
