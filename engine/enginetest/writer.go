package enginetest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"time"

	"github.com/kvbench/kvbench/engine"
)

// writer is the parent's side of a writing process.
type writer struct {
	test  string // name of the test that calls Run
	dir   string
	level engine.Durability
	next  uint64 // the first op of the next round
	acks  int    // acknowledgements to wait for
}

// runAndKill starts a writer, kills it, and returns what it acknowledged.
func (w *writer) runAndKill(r *rand.Rand) (a acks, err error) {
	read, write, err := os.Pipe()
	if err != nil {
		return a, err
	}
	defer read.Close()
	cmd := exec.Command(os.Args[0], "-test.run="+exactly(w.test), "-test.count=1", "-test.timeout=2m")
	cmd.Env = append(os.Environ(),
		childTestEnv+"="+w.test, childDirEnv+"="+w.dir,
		childLevelEnv+"="+w.level.String(), fmt.Sprintf("%s=%d", childStartEnv, w.next))
	cmd.ExtraFiles = []*os.File{write}
	var lastWords bytes.Buffer
	cmd.Stdout, cmd.Stderr = &lastWords, &lastWords
	err = cmd.Start()
	write.Close()
	if err != nil {
		return a, err
	}
	if err := read.SetReadDeadline(time.Now().Add(killDeadline)); err != nil {
		cmd.Process.Kill()
		cmd.Wait()
		return a, err
	}
	for range w.acks {
		if err = a.read(read); err != nil {
			break
		}
	}
	for range r.IntN(2000) { // let it get on to somewhere
		runtime.Gosched()
	}
	cmd.Process.Kill()
	for err == nil {
		err = a.read(read)
	}
	cmd.Wait()
	if a.last >= w.next+uint64(w.acks)-1 && errors.Is(err, io.EOF) {
		return a, nil
	}
	return a, fmt.Errorf("the writer ended after op %d, before it was to be killed (%w): %s", a.last, err, &lastWords)
}

// read takes one acknowledgement.
func (a *acks) read(from io.Reader) error {
	var p [8]byte
	if _, err := io.ReadFull(from, p[:]); err != nil {
		return err
	}
	ack := binary.LittleEndian.Uint64(p[:])
	a.last = ack &^ survivesBit
	if ack&survivesBit != 0 {
		a.survives = a.last
	}
	return nil
}

// exactly returns the -test.run pattern of one test or subtest.
func exactly(test string) string {
	parts := strings.Split(test, "/")
	for i, part := range parts {
		parts[i] = "^" + regexp.QuoteMeta(part) + "$"
	}
	return strings.Join(parts, "/")
}
