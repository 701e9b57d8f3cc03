package bench

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/workloads/trace"
)

// recording is a trace of a cell being written.
type recording struct {
	*trace.Recorder
	file    *os.File
	written *atomic.Uint64
}

// recorded puts a recorder around the engine if the spec asks for one. It does
// not record yet.
func (r *cellRun) recorded(e engine.Engine) (engine.Engine, error) {
	if r.spec.Record == "" || r.spec.Task == TaskPrepare {
		return e, nil
	}
	f, err := os.OpenFile(r.spec.Record, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return e, fmt.Errorf("record: %w", err)
	}
	counted := &countingWriter{w: f}
	w, err := trace.NewWriter(counted, r.cell.Load.Threads == 1)
	if err != nil {
		return e, errors.Join(fmt.Errorf("record: %w", err), f.Close())
	}
	wrapped, recorder := trace.NewRecorder(e, w)
	r.recording = &recording{recorder, f, &counted.n}
	return wrapped, nil
}

// startRecording begins the trace, where there is to be one: data are loaded,
// and what follows is the workload.
func (r *cellRun) startRecording() {
	if r.recording != nil {
		r.recording.Start()
	}
}

// stopRecording ends the trace.
func (r *cellRun) stopRecording() error {
	if r.recording == nil {
		return nil
	}
	err := errors.Join(r.recording.Stop(), r.recording.file.Close())
	r.recording = nil
	if err != nil {
		return fmt.Errorf("record: %w", err)
	}
	return nil
}
