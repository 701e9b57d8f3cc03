//go:build !linux

package machine

import (
	"runtime"

	"github.com/shirou/gopsutil/v4/cpu"
	systemhost "github.com/shirou/gopsutil/v4/host"
	"github.com/shirou/gopsutil/v4/load"
	"github.com/shirou/gopsutil/v4/mem"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/results"
)

func host() results.Host {
	h := results.Host{OS: runtime.GOOS, CPUs: runtime.NumCPU(), LoadBefore: loadAverage()}
	if name, _, version, err := systemhost.PlatformInformation(); err == nil && name != "" {
		h.OS = name + " " + version
	}
	if version, err := systemhost.KernelVersion(); err == nil {
		h.Kernel = version
	}
	if info, err := cpu.Info(); err == nil && len(info) > 0 {
		h.CPUModel = info[0].ModelName
	}
	if m, err := mem.VirtualMemory(); err == nil && m.Total > 0 {
		h.Memory = engine.Known(m.Total)
	}
	return h
}

// loadAverage is unknown on Windows: gopsutil would start a goroutine to
// imitate it.
func loadAverage() *float64 {
	if runtime.GOOS == "windows" {
		return nil
	}
	avg, err := load.Avg()
	if err != nil {
		return nil
	}
	return &avg.Load1
}

func steal() *float64 { return nil }

func busy() *float64 { return nil }
