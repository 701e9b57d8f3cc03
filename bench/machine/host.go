package machine

import (
	"runtime"
	"strconv"
	"strings"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/results"
)

// Host describes the machine, with the load at the moment of the call as the
// load before. What concerns the end of a run (LoadAfter, StealS) is left
// unknown; see [LoadAverage] and [Steal].
//
// CPUs are those of the machine that are online. CPULimit is the least of the
// quotas of the control groups and of the processors this process may run on
// (taskset, cpuset), unless that is all of them. MemoryLimit includes the
// threshold at which the kernel begins to take memory back (memory.high).
func Host() results.Host { return host() }

// LoadAverage returns the mean number of runnable tasks over the last minute,
// or nil.
func LoadAverage() *float64 { return loadAverage() }

// Steal returns the seconds, summed over all processors, that the hypervisor
// has taken away since boot, or nil. It never goes down; the difference of two
// readings is what a run has lost.
func Steal() *float64 { return steal() }

// Busy returns the seconds, summed over all processors, that anybody on the
// machine has computed since boot, or nil: user, system and interrupts,
// without what is stolen. It may go down a little when a processor is stopped.
func Busy() *float64 { return busy() }

// hostAt describes the machine whose files are below r. usable is the number
// of processors this process may run on.
func hostAt(r root, usable int) results.Host {
	fields := cpuFields([]byte(r.text("proc/cpuinfo")))
	online := onlineCPUs(r)
	h := results.Host{
		OS:           distribution(r),
		Kernel:       r.text("proc/sys/kernel/osrelease"),
		CPUModel:     cpuModel(fields),
		CPUs:         countCPUs(fields),
		ThreadsACore: threadsACore(r, online, fields),
		NUMANodes:    numaNodes(r),
		Governor:     governor(r),
		Turbo:        turbo(r),
		Virtual:      virtual(r, fields),
		Memory:       memoryTotal([]byte(r.text("proc/meminfo"))),
		Clocksource:  r.text("sys/devices/system/clocksource/clocksource0/current_clocksource"),
		LoadBefore:   parseLoad(r.text("proc/loadavg")),
		HugePages:    hugePages(r),
	}
	if len(online) > 0 { // cpuinfo may list one section for many, or offline ones
		h.CPUs = len(online)
	}
	if h.CPUs == 0 {
		h.CPUs = usable
	}
	h.MemoryLimit, h.CPULimit = cgroupLimits(r)
	if usable < h.CPUs {
		h.CPULimit = smallerFloat(h.CPULimit, new(float64(usable)))
	}
	return h
}

// distribution names the operating system as its maker does.
func distribution(r root) string {
	for _, name := range []string{"etc/os-release", "usr/lib/os-release"} {
		for line := range strings.Lines(r.text(name)) {
			if value, ok := strings.CutPrefix(strings.TrimSpace(line), "PRETTY_NAME="); ok {
				if value = strings.Trim(value, `"'`); value != "" {
					return value
				}
			}
		}
	}
	return runtime.GOOS
}

// memoryTotal reads "MemTotal: 24684100 kB", in bytes.
func memoryTotal(meminfo []byte) engine.Count {
	kib, ok := memoryField(meminfo, "MemTotal")
	if !ok {
		return engine.Count{}
	}
	return engine.Known(kib << 10)
}

func memoryField(meminfo []byte, name string) (uint64, bool) {
	for line := range strings.Lines(string(meminfo)) {
		key, value, _ := strings.Cut(line, ":")
		words := strings.Fields(value)
		if key != name || len(words) == 0 {
			continue
		}
		n, err := strconv.ParseUint(words[0], 10, 53)
		return n, err == nil
	}
	return 0, false
}

// hugePages tells the mode of transparent huge pages, which Go's heap and
// mapped files follow, and how many are set aside: "transparent madvise, 128
// of 2048 kB reserved".
func hugePages(r root) string {
	var parts []string
	if mode := chosen(r.text("sys/kernel/mm/transparent_hugepage/enabled")); mode != "" {
		parts = append(parts, "transparent "+mode)
	}
	meminfo := []byte(r.text("proc/meminfo"))
	reserved, _ := memoryField(meminfo, "HugePages_Total")
	if size, ok := memoryField(meminfo, "Hugepagesize"); ok && reserved > 0 {
		parts = append(parts, strconv.FormatUint(reserved, 10)+" of "+strconv.FormatUint(size, 10)+" kB reserved")
	}
	return strings.Join(parts, ", ")
}

// parseLoad reads the first figure of /proc/loadavg.
func parseLoad(text string) *float64 {
	first, _, _ := strings.Cut(text, " ")
	return parseFloat(first)
}

// parseSteal reads the eighth figure of the first line of /proc/stat:
//
//	cpu  user nice system idle iowait irq softirq steal guest guest_nice
//
// It counts in USER_HZ, which is 100 on every architecture that Go runs on.
func parseSteal(text string) *float64 { return sumTicks(text, 8) }

// parseBusy adds up all of that line but idle, iowait, steal and the guests,
// which are in user and nice already.
func parseBusy(text string) *float64 { return sumTicks(text, 1, 2, 3, 6, 7) }

// sumTicks adds up figures of the first line of /proc/stat, in seconds; nil
// when one of them is missing.
func sumTicks(text string, figures ...int) *float64 {
	line, _, _ := strings.Cut(text, "\n")
	words := strings.Fields(line)
	if len(words) < 9 || words[0] != "cpu" {
		return nil
	}
	var sum uint64
	for _, i := range figures {
		ticks, err := strconv.ParseUint(words[i], 10, 64)
		if err != nil {
			return nil
		}
		sum += ticks
	}
	return new(float64(sum) / 100)
}

// parseFloat returns nil for what is no finite number of at least 0.
func parseFloat(text string) *float64 {
	x, err := strconv.ParseFloat(text, 64)
	if err != nil || !(x >= 0 && x <= 1e18) {
		return nil
	}
	return &x
}
