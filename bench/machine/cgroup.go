package machine

import (
	"bytes"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/kvbench/kvbench/engine"
)

// cgroupLimits returns what the control groups of this process, and all above
// it that can be seen, let it use: bytes of memory, before the kernel takes
// them back or kills, and processors. No limit is unknown.
func cgroupLimits(r root) (memory engine.Count, cpus *float64) {
	groups := parseCgroups([]byte(r.text("proc/self/cgroup")))
	mounts := parseMounts([]byte(r.text("proc/self/mountinfo")))

	// Hybrid machines have both versions mounted; a controller is in one.
	for _, dir := range cgroupDirs(mounts, groups, "") {
		memory = smaller(memory, parseMemoryLimit(r.text(dir+"/memory.max")))
		memory = smaller(memory, parseMemoryLimit(r.text(dir+"/memory.high")))
		quota, period, _ := strings.Cut(r.text(dir+"/cpu.max"), " ")
		cpus = smallerFloat(cpus, parseCPULimit(quota, period))
	}
	for _, dir := range cgroupDirs(mounts, groups, "memory") {
		memory = smaller(memory, parseMemoryLimit(r.text(dir+"/memory.limit_in_bytes")))
	}
	for _, dir := range cgroupDirs(mounts, groups, "cpu") {
		quota, period := r.text(dir+"/cpu.cfs_quota_us"), r.text(dir+"/cpu.cfs_period_us")
		cpus = smallerFloat(cpus, parseCPULimit(quota, period))
	}
	return memory, cpus
}

// parseCgroups reads /proc/self/cgroup: the group of each controller of
// version 1, and under "" that of version 2.
//
//	5:cpu,cpuacct:/docker/1f
//	0::/system.slice/a.service
func parseCgroups(text []byte) map[string]string {
	groups := make(map[string]string)
	for line := range bytes.Lines(text) {
		words := strings.SplitN(strings.TrimRight(string(line), "\n"), ":", 3)
		if len(words) < 3 || !strings.HasPrefix(words[2], "/") {
			continue
		}
		for controller := range strings.SplitSeq(words[1], ",") {
			groups[controller] = words[2]
		}
	}
	return groups
}

// cgroupDirs returns the directories of a group, innermost first, up to the
// mount point, as names below the root. The controller "" is version 2.
func cgroupDirs(mounts []mount, groups map[string]string, controller string) []string {
	group, ok := groups[controller]
	if !ok {
		return nil
	}
	for _, m := range mounts {
		isVersion2 := controller == "" && m.fs == "cgroup2"
		isVersion1 := controller != "" && m.fs == "cgroup" &&
			slices.Contains(strings.Split(m.super, ","), controller)
		if !isVersion1 && !isVersion2 {
			continue
		}
		// A container may see its group mounted as the top (m.root), or a group
		// outside of what is mounted (/..): the mount point is all there is.
		below := ""
		if !strings.HasPrefix(group, "/..") && isBelow(path.Clean(group), m.root) {
			below = strings.TrimPrefix(path.Clean(group), strings.TrimSuffix(m.root, "/"))
		}
		top := strings.TrimPrefix(path.Clean(m.point), "/")
		dirs := []string{}
		for ; below != "" && below != "/"; below = path.Dir(below) {
			dirs = append(dirs, path.Join(top, below))
		}
		return append(dirs, top)
	}
	return nil
}

// noMemoryLimit: version 1 writes the largest multiple of a page instead of
// "max".
const noMemoryLimit = 1 << 62

func parseMemoryLimit(text string) engine.Count {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n >= noMemoryLimit {
		return engine.Count{}
	}
	return engine.Known(n)
}

// parseCPULimit divides microseconds of processor time by the period in which
// they may be used. A quota of "max" or -1 is none.
func parseCPULimit(quota, period string) *float64 {
	q, err := strconv.ParseUint(quota, 10, 63)
	if err != nil || q == 0 {
		return nil
	}
	p, err := strconv.ParseUint(period, 10, 63)
	if err != nil || p == 0 {
		return nil
	}
	cpus := float64(q) / float64(p)
	return &cpus
}

func smaller(a, b engine.Count) engine.Count {
	m, haveA := a.Value()
	n, haveB := b.Value()
	if !haveA || haveB && n < m {
		return b
	}
	return a
}

func smallerFloat(a, b *float64) *float64 {
	if a == nil || b != nil && *b < *a {
		return b
	}
	return a
}
