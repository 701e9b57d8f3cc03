package goycsb

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/kvbench/kvbench/bench"
	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/workloads"
)

// thread returns a ycsb.DB and the context of its only thread, in a phase
// that counts errors.
func thread(t *testing.T, m *memory) (db, context.Context, *phase) {
	t.Helper()
	l := open(t, m, spec(t, "E", "recordcount=10", "requestdistribution=uniform"), oneThread,
		func(o *bench.LoopOptions) { o.CountErrors = true })
	p := l.newPhase(bench.Limits{}, l.workers, 1)
	d := db{p.workers}
	ctx := d.InitThread(t.Context(), 0, 1)
	t.Cleanup(func() {
		d.CleanupThread(ctx)
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d, ctx, p
}

func TestADBKeepsRecordsByField(t *testing.T) {
	m := newMemory()
	d, ctx, p := thread(t, m)
	step := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, key := range []string{"a", "b", "c"} {
		step(d.Insert(ctx, "usertable", key, map[string][]byte{"x": []byte("x" + key), "y": []byte("y" + key)}))
	}
	step(d.Update(ctx, "usertable", "b", map[string][]byte{"y": []byte("new")}))
	row, err := d.Read(ctx, "usertable", "b", nil)
	if got := fmt.Sprintf("%s %v", row, err); got != "map[x:xb y:new] <nil>" {
		t.Errorf("read b: %s", got)
	}
	rows, err := d.Scan(ctx, "usertable", "b", 5, []string{"y"})
	if got := fmt.Sprintf("%s %v", rows, err); got != "[map[y:new] map[y:yc]] <nil>" {
		t.Errorf("scan from b: %s", got)
	}
	step(d.Delete(ctx, "usertable", "b"))
	if row, err := d.Read(ctx, "usertable", "b", nil); row != nil || !errors.Is(err, errWrongAnswer) {
		t.Errorf("read of a deleted record: %q, %v", row, err)
	}
	if err := d.Update(ctx, "usertable", "b", map[string][]byte{"y": nil}); err == nil || len(m.keys) != 2 {
		t.Errorf("update of a deleted record: %v, %d records", err, len(m.keys))
	}
	if rows, err := d.Scan(ctx, "usertable", "b", 5, nil); !errors.Is(err, errWrongAnswer) {
		t.Errorf("scan from a deleted record: %q, %v", rows, err)
	}
	r := p.gather(bench.Limits{})
	for k, want := range map[workloads.Kind]uint64{
		workloads.Insert: 3, workloads.Update: 2, workloads.Read: 2, workloads.Scan: 2, workloads.Delete: 1,
	} {
		if r.Ops[k].N != want {
			t.Errorf("%d calls of %s, want %d", r.Ops[k].N, k, want)
		}
	}
}

func TestCallsOutsideOfAThreadFail(t *testing.T) {
	d, _, _ := thread(t, newMemory())
	ctx := t.Context()
	_, read := d.Read(ctx, "", "k", nil)
	_, scan := d.Scan(ctx, "", "k", 1, nil)
	for call, err := range map[string]error{
		"read": read, "scan": scan, "delete": d.Delete(ctx, "", "k"),
		"insert": d.Insert(ctx, "", "k", nil), "update": d.Update(ctx, "", "k", nil),
	} {
		if !errors.Is(err, errNoThread) {
			t.Errorf("%s: %v, want %v", call, err, errNoThread)
		}
	}
}

func TestAFailedDeleteIsAnError(t *testing.T) {
	m := newMemory()
	d, ctx, p := thread(t, m)
	m.before = func(string) error { return engine.ErrReadOnly }
	if err := d.Delete(ctx, "", "k"); !errors.Is(err, engine.ErrReadOnly) || !errors.Is(p.first, engine.ErrReadOnly) {
		t.Errorf("delete: %v; first error %v", err, p.first)
	}
}
