package bench

import (
	"context"
	"slices"
	"testing"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/results"
)

// settlingDisk notes when it is asked to settle and when it is first read.
type settlingDisk struct {
	*diskToy
	calls *[]string
}

func (e *settlingDisk) note(call string) {
	if n := len(*e.calls); n == 0 || (*e.calls)[n-1] != call {
		*e.calls = append(*e.calls, call)
	}
}

func (e *settlingDisk) Settle(context.Context) error {
	*e.calls = append(*e.calls, "settle")
	return nil
}

func (e *settlingDisk) Get(dst, key []byte) ([]byte, error) {
	e.mu.Lock()
	e.note("get")
	e.mu.Unlock()
	return e.diskToy.Get(dst, key)
}

func TestWhatTheLoadHasLeftIsSettledBeforeTheWarmUp(t *testing.T) {
	var calls []string
	deps := toyDeps()
	deps.Lookup = func(name string) (engine.Driver, error) {
		d, err := toyLookup(name)
		d.Open = func(dir string, _ map[string]string, _ engine.Env) (engine.Engine, error) {
			e, err := openDiskToy(dir)
			calls = append(calls, "open")
			return &settlingDisk{e, &calls}, err
		}
		return d, err
	}
	x := experiment(t, []string{"disk"}, []string{"c"})
	x.Reps, x.Threads = 1, []int{1}
	run, err := perform(t, t.Context(), x, InProcess{Deps: deps})
	if err != nil || len(run.Cells) != 1 || run.Cells[0].Status != results.StatusOK {
		t.Fatal(err, run.Cells)
	}
	want := []string{"open", "settle", "open", "settle", "get", "settle"}
	if !slices.Equal(calls, want) {
		t.Errorf("the engine saw %v, want %v", calls, want)
	}
}
