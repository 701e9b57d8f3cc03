package machine

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/kvbench/kvbench/results"
)

func TestUnitCostsArePlausible(t *testing.T) {
	dir := t.TempDir()
	u, err := ProbeUnitCosts(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	wantEmpty(t, dir)
	elsewhere := map[string]bool{"read_4k_ns": true, "fdatasync_ns": true, "clock_ns": true}
	for name, ns := range costs(t, u) {
		switch {
		case elsewhere[name]:
			if ns != nil {
				t.Errorf("%s is %v; another probe measures it", name, *ns)
			}
		case ns == nil:
			if name != "device_read_4k_ns" { // the file system may not do it
				t.Errorf("%s is not known", name)
			}
		// What is derived as a difference may vanish.
		case *ns < 0 || *ns == 0 && name != "alloc_kib_ns" && name != "write_kib_ns" || *ns > 1e9:
			t.Errorf("%s is %v ns", name, *ns)
		}
	}
	// A line of 64 bytes that has to be waited for against one that streams.
	if line := *u.CopyKiB / 16; *u.DRAM < line {
		t.Errorf("memory at random takes %v ns a line, in a row %v", *u.DRAM, line)
	}
	if *u.WriteCall < *u.Syscall/2 {
		t.Errorf("a write takes %v ns, the cheapest call %v", *u.WriteCall, *u.Syscall)
	}
	if *u.Handoff < *u.Mutex/2 {
		t.Errorf("a hand-off takes %v ns, a mutex %v", *u.Handoff, *u.Mutex)
	}
}

// costs lists the figures by name.
func costs(t *testing.T, u results.UnitCosts) (named map[string]*float64) {
	t.Helper()
	text, err := json.Marshal(u)
	if err == nil {
		err = json.Unmarshal(text, &named)
	}
	if err != nil || len(named) < 14 {
		t.Fatal(err, named)
	}
	return named
}

func TestTheChainVisitsEveryLineOnce(t *testing.T) {
	const lines, line = 1000, 4
	memory := make([]uint32, lines*line)
	chain(memory, line)
	at, steps := uint32(0), 0
	for {
		steps++
		if at = memory[at]; at == 0 || steps > lines {
			break
		}
	}
	if steps != lines {
		t.Errorf("the chain is back after %d of %d lines", steps, lines)
	}
}

func TestUnitCostsThatAreCancelledCleanUp(t *testing.T) {
	dir := t.TempDir()
	ctx := &countdown{Context: t.Context()}
	if u, err := ProbeUnitCosts(ctx, dir); !errors.Is(err, context.Canceled) || u != (results.UnitCosts{}) {
		t.Errorf("cancelled at once: %v, %+v", err, u)
	}
	for _, checks := range []int{0, 1, 30, 70} {
		ctx := &countdown{Context: t.Context(), left: checks}
		u := results.UnitCosts{}
		if err := fileCosts(ctx, dir, &u); !errors.Is(err, context.Canceled) || u.DeviceRead4K != nil {
			t.Errorf("cancelled at check %d: %v, %+v", checks, err, u)
		}
		wantEmpty(t, dir)
	}
}
