package machine

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

const cpuDir = "sys/devices/system/cpu/"

// cpuModelKeys are what architectures call the model in /proc/cpuinfo, best
// first: x86, MIPS, LoongArch, POWER, RISC-V.
var cpuModelKeys = []string{"model name", "cpu model", "Model Name", "cpu", "uarch"}

// armCores names the cores of servers by implementer and part, which is all
// that an ARM kernel tells.
var armCores = map[string]string{
	"0x41 0xd08": "Cortex-A72",
	"0x41 0xd0c": "Neoverse-N1",
	"0x41 0xd40": "Neoverse-V1",
	"0x41 0xd49": "Neoverse-N2",
	"0x41 0xd4f": "Neoverse-V2",
	"0xc0 0xac3": "Ampere-1",
	"0xc0 0xac4": "Ampere-1a",
}

// cpuFields collects /proc/cpuinfo: the distinct values of each key.
func cpuFields(cpuinfo []byte) map[string]distinct {
	fields := make(map[string]distinct)
	for line := range bytes.Lines(cpuinfo) {
		key, value, ok := strings.Cut(string(line), ":")
		if !ok {
			continue
		}
		key = strings.TrimSpace(key)
		values := fields[key]
		values.add(strings.TrimSpace(value))
		fields[key] = values
	}
	return fields
}

// cpuModel names the processor, or the kinds of it that a machine mixes.
func cpuModel(fields map[string]distinct) string {
	for _, key := range cpuModelKeys {
		if len(fields[key]) > 0 {
			return strings.Join(fields[key], " + ")
		}
	}
	implementer, parts := fields["CPU implementer"], fields["CPU part"]
	if len(implementer) > 0 && len(parts) > 0 {
		var names distinct
		for _, part := range parts {
			id := implementer[0] + " " + part
			name, ok := armCores[id]
			if !ok {
				name = "ARM implementer " + implementer[0] + " part " + part
			}
			names.add(name)
		}
		return strings.Join(names, " + ")
	}
	// s390x: "version = FF,  identification = 0133E8,  machine = 3906".
	if words := fields["processor 0"]; len(words) > 0 {
		if _, machine, ok := strings.Cut(words[0], "machine = "); ok {
			return strings.Join(fields["vendor_id"], " ") + " " + machine
		}
	}
	return ""
}

// onlineCPUs returns the processors that the kernel runs, or nil.
func onlineCPUs(r root) []int {
	online, _ := parseList(r.text(cpuDir + "online"))
	return online
}

// countCPUs counts the processors of cpuinfo, for sandboxes without /sys.
func countCPUs(fields map[string]distinct) int { return len(fields["processor"]) }

// threadsACore returns the largest number of online threads that share a core.
func threadsACore(r root, online []int, fields map[string]distinct) *int {
	isOnline := make(map[int]bool, len(online))
	for _, id := range online {
		isOnline[id] = true
	}
	most := 0
	for _, id := range online {
		topology := fmt.Sprintf("%scpu%d/topology/", cpuDir, id)
		list := r.text(topology + "core_cpus_list")
		if list == "" { // before Linux 5.3
			list = r.text(topology + "thread_siblings_list")
		}
		siblings, _ := parseList(list)
		threads := 0
		for _, sibling := range siblings {
			if isOnline[sibling] {
				threads++
			}
		}
		most = max(most, threads)
	}
	if most > 0 {
		return &most
	}
	threads, cores := number(fields["siblings"]), number(fields["cpu cores"])
	if threads > 0 && cores > 0 && threads >= cores {
		most = threads / cores
		return &most
	}
	return nil
}

// number reads the only value of a field; 0 is none.
func number(values distinct) int {
	if len(values) != 1 {
		return 0
	}
	n, err := strconv.Atoi(values[0])
	if err != nil {
		return 0
	}
	return n
}

// numaNodes counts the memory nodes that are online.
func numaNodes(r root) *int {
	nodes, ok := parseList(r.text("sys/devices/system/node/online"))
	if !ok {
		return nil
	}
	n := len(nodes)
	return &n
}

// governor returns the frequency governors in use.
func governor(r root) string {
	return strings.Join(r.texts(cpuDir+"cpu[0-9]*/cpufreq/scaling_governor"), ",")
}

// turbo tells whether processors may exceed their nominal frequency; nil when
// the kernel does not say or they differ.
func turbo(r root) *bool {
	if off := r.text(cpuDir + "intel_pstate/no_turbo"); off == "0" || off == "1" {
		return new(off == "0")
	}
	boost := r.texts(cpuDir + "cpufreq/boost")
	if len(boost) == 0 { // one switch per policy, as amd-pstate has
		boost = r.texts(cpuDir + "cpufreq/policy[0-9]*/boost")
	}
	if len(boost) == 1 && (boost[0] == "0" || boost[0] == "1") {
		return new(boost[0] == "1")
	}
	return nil
}

// maxListed bounds what a list may expand to; the kernel's own limit on
// processors is 8192.
const maxListed = 1 << 16

// parseList reads the kernel's lists of numbers, such as 0-3,8. It returns
// false for an empty list and for anything else that is none.
func parseList(text string) ([]int, bool) {
	var list []int
	for part := range strings.SplitSeq(strings.TrimSpace(text), ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		from, err := strconv.ParseUint(first, 10, 31)
		if err != nil {
			return nil, false
		}
		to, err := strconv.ParseUint(last, 10, 31)
		if err != nil || to < from || to-from >= uint64(maxListed-len(list)) {
			return nil, false
		}
		for n := from; n <= to; n++ {
			list = append(list, int(n))
		}
	}
	return list, true
}
