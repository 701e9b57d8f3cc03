package goycsb

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/magiconair/properties"
	"github.com/pingcap/go-ycsb/pkg/measurement"
	"github.com/pingcap/go-ycsb/pkg/prop"
	_ "github.com/pingcap/go-ycsb/pkg/workload" // registers the core workload
	"github.com/pingcap/go-ycsb/pkg/ycsb"
)

// createMu is held while os.Stdout leads to the null device.
var createMu sync.Mutex

// initMeasure readies go-ycsb's global measurement, without which its
// read-modify-write crashes. Once: its variable has no lock.
var initMeasure = sync.OnceFunc(func() {
	p := newProperties()
	mustSet(p, prop.MeasurementType, prop.MeasurementTypeDefault)
	measurement.InitMeasure(p)
})

// newCore creates go-ycsb's core workload without the line that it prints.
func newCore(p *properties.Properties) (w ycsb.Workload, err error) {
	initMeasure()
	creator := ycsb.GetWorkloadCreator("core")
	if creator == nil {
		return nil, errors.New("go-ycsb has no workload core")
	}
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	createMu.Lock()
	defer createMu.Unlock()
	stdout := os.Stdout
	defer func() {
		os.Stdout = stdout
		if v := recover(); v != nil {
			err = fmt.Errorf("go-ycsb panicked: %v", v)
		}
	}()
	os.Stdout = null
	return creator.Create(p)
}

// guarded is a workload whose panics end the phase and not the process, and
// whose operations are counted.
type guarded struct {
	ycsb.Workload
	p *phase
}

// DoInsert makes one insert of the load phase.
func (g guarded) DoInsert(ctx context.Context, db ycsb.DB) (err error) {
	defer g.end(ctx, &err)
	return g.Workload.DoInsert(ctx, db)
}

// DoTransaction makes one operation of the run phase.
func (g guarded) DoTransaction(ctx context.Context, db ycsb.DB) (err error) {
	defer g.end(ctx, &err)
	return g.Workload.DoTransaction(ctx, db)
}

// end is deferred by each operation.
func (g guarded) end(ctx context.Context, err *error) {
	if v := recover(); v != nil {
		*err = fmt.Errorf("go-ycsb panicked: %v", v)
		g.p.breakOff(*err)
	}
	if w := workerOf(ctx); w != nil {
		w.done.Add(1)
	}
}
