package bench

import (
	"errors"
	"io"
	"os"
	"sync"

	"github.com/kvbench/kvbench/workloads/trace"
)

// Operations on their way from the trace to the workers.
const (
	chunkOps  = 512
	feedAhead = 128 // chunks a worker, so that decoding is not waited for
)

// replayOp is an operation with a copy of its key.
type replayOp struct {
	trace.Op
	hash uint64
}

// replayFeed reads a trace ahead and deals its operations to workers by key,
// so that those on one key keep their order. A goroutine of its own does so
// until the end of the trace or close.
type replayFeed struct {
	to    []chan []replayOp
	stop  chan struct{}
	done  sync.WaitGroup
	full  func()        // closes ready
	ready chan struct{} // closed once some worker has all it can hold, or all is read
	ended chan struct{} // closed when nothing more is read
	err   error         // of reading; valid once ended is closed
}

// newFeed begins to read. around says to begin anew at the end, for targets
// that store nothing.
func newFeed(file string, workers int, around bool) (*replayFeed, error) {
	r, f, err := openTrace(file)
	if err != nil {
		return nil, err
	}
	d := &replayFeed{stop: make(chan struct{}), ready: make(chan struct{}), ended: make(chan struct{})}
	d.full = sync.OnceFunc(func() { close(d.ready) })
	for range workers {
		d.to = append(d.to, make(chan []replayOp, feedAhead))
	}
	d.done.Go(func() {
		defer d.full()
		defer func() {
			close(d.ended) // before a worker can see the end
			for _, c := range d.to {
				close(c)
			}
		}()
		for {
			d.err = d.read(r, f)
			if !around || d.err != nil || d.stopped() {
				return
			}
			if r, f, d.err = openTrace(file); d.err != nil {
				return
			}
		}
	})
	return d, nil
}

func (d *replayFeed) stopped() bool {
	select {
	case <-d.stop:
		return true
	default:
		return false
	}
}

// read deals out one pass of the trace. A trace that ends early is replayed as
// far as it goes.
func (d *replayFeed) read(r *trace.Reader, f *os.File) error {
	defer f.Close()
	chunks := make([][]replayOp, len(d.to))
	var arena []byte
	keep := func(s []byte) []byte {
		if s == nil {
			return nil
		}
		if len(arena)+len(s) > cap(arena) {
			arena = make([]byte, 0, max(1<<16, len(s)))
		}
		at := len(arena)
		arena = append(arena, s...)
		return arena[at:len(arena):len(arena)]
	}
	var op trace.Op
	for {
		err := r.Next(&op)
		if errors.Is(err, io.EOF) || errors.Is(err, trace.ErrTorn) {
			for w, c := range chunks {
				d.send(w, c)
			}
			return nil
		}
		if err != nil {
			return err
		}
		o := replayOp{Op: op, hash: trace.KeyHash(op.Key)}
		o.Key, o.Upper = keep(op.Key), keep(op.Upper)
		w := int((o.hash >> 8) % uint64(len(chunks)))
		chunks[w] = append(chunks[w], o)
		if len(chunks[w]) == chunkOps {
			if !d.send(w, chunks[w]) {
				return nil
			}
			chunks[w] = make([]replayOp, 0, chunkOps)
		}
	}
}

func (d *replayFeed) send(w int, chunk []replayOp) bool {
	select {
	case d.to[w] <- chunk:
		return true
	default:
		d.full()
	}
	select {
	case d.to[w] <- chunk:
		return true
	case <-d.stop:
		return false
	}
}

// close ends the reading and waits for it.
func (d *replayFeed) close() {
	if !d.stopped() {
		close(d.stop)
	}
	d.done.Wait()
}
