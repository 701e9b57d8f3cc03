package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// A Starter runs a cell and passes on what it says, until it ends. Cancelling
// ctx asks the cell to end early; it still reports. An error means that the
// cell's process died, or never began: its text says how, with last words.
type Starter interface {
	Run(ctx context.Context, spec *CellSpec, f func(Message)) error
}

// Process starts every cell in a process of its own: Path with Args, which
// reads a CellSpec from its standard input and writes messages to its standard
// output; see ServeCell. The child ends when its input does, so it outlives
// neither a cancelled context nor a parent that was killed.
type Process struct {
	Path string
	Args []string
	Env  []string // nil: the parent's
	// Grace is how long a cancelled child may take to end before it is
	// killed.
	Grace time.Duration
}

// Run starts the process and waits for its end.
func (p Process) Run(ctx context.Context, spec *CellSpec, f func(Message)) error {
	input, err := json.Marshal(spec)
	if err != nil {
		return fmt.Errorf("start cell: %w", err)
	}
	cmd := exec.Command(p.Path, p.Args...)
	cmd.Env = p.Env
	// Its own group: an interrupt at the terminal reaches the parent only,
	// which then ends the child in good order.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var words lastWords
	cmd.Stderr = &words
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return fmt.Errorf("start cell: %w", err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("start cell: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start cell: %w", err)
	}
	ended := make(chan struct{})
	var watcher sync.WaitGroup
	watcher.Go(func() { p.watch(ctx, cmd, stdin, ended) })
	_, err = stdin.Write(append(input, '\n'))
	readErr := readMessages(stdout, f)
	if readErr != nil {
		cmd.Process.Kill() //nolint:errcheck // it speaks nonsense; Wait reports
	}
	waitErr := cmd.Wait()
	close(ended)
	watcher.Wait()
	if err := errors.Join(waitErr, readErr, err); err != nil {
		return &DeathError{Cause: err, LastWords: words.String()}
	}
	return nil
}

// watch closes the child's input when ctx ends, and kills it after the grace.
func (p Process) watch(ctx context.Context, cmd *exec.Cmd, stdin io.Closer, ended <-chan struct{}) {
	select {
	case <-ended:
		return
	case <-ctx.Done():
	}
	stdin.Close()
	timer := time.NewTimer(p.Grace)
	defer timer.Stop()
	select {
	case <-ended:
	case <-timer.C:
		cmd.Process.Kill() //nolint:errcheck // it may just have ended
	}
}

// A DeathError says that a cell's process died.
type DeathError struct {
	Cause     error
	LastWords string // what it wrote to its standard error: beginning and end
}

func (e *DeathError) Error() string { return "the cell's process died: " + e.Cause.Error() }

// Unwrap returns how it died.
func (e *DeathError) Unwrap() error { return e.Cause }

// lastWords keeps the beginning and the end of what is written to it.
type lastWords struct {
	head, tail []byte
	cut        bool
}

const wordsKept = 2 << 10 // bytes, at either end

func (w *lastWords) Write(p []byte) (int, error) {
	n := len(p)
	room := min(wordsKept-len(w.head), n)
	w.head = append(w.head, p[:room]...)
	w.tail = append(w.tail, p[room:]...)
	if len(w.tail) > wordsKept {
		w.tail = w.tail[len(w.tail)-wordsKept:]
		w.cut = true
	}
	return n, nil
}

func (w *lastWords) String() string {
	if w.cut {
		return string(w.head) + "\n...\n" + string(w.tail)
	}
	return string(bytes.TrimSpace(append(w.head, w.tail...)))
}

// ServeCell is the other side of Process: it reads a CellSpec from in,
// performs it, and writes messages to out. It ends early when in ends.
func ServeCell(ctx context.Context, in io.Reader, out io.Writer, deps CellDeps) error {
	dec := json.NewDecoder(in)
	var spec CellSpec
	if err := dec.Decode(&spec); err != nil {
		return fmt.Errorf("read the cell's spec: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// Ends with the process: nothing more comes before the input ends.
	go func() {
		io.Copy(io.Discard, dec.Buffered()) //nolint:errcheck // only its end counts
		io.Copy(io.Discard, in)             //nolint:errcheck
		cancel()
	}()
	counted := &countingWriter{w: out}
	deps.sent = &counted.n
	return RunCell(ctx, &spec, deps, MessageWriter(counted))
}

// InProcess runs cells in this process: for tests, and for debuggers.
type InProcess struct{ Deps CellDeps }

// Run performs the cell.
func (s InProcess) Run(ctx context.Context, spec *CellSpec, f func(Message)) error {
	return RunCell(ctx, spec, s.Deps, f)
}
