package machine

import (
	"testing"
)

// limits is what a record makes of a machine's limits.
type limits struct{ memory, cpus string }

func TestLimitsOfControlGroups(t *testing.T) {
	const v2 = "== proc/self/mountinfo\n" +
		"30 23 0:26 / /sys/fs/cgroup rw shared:9 - cgroup2 cgroup2 rw\n"
	const v1 = `== proc/self/mountinfo
32 31 0:29 / /sys/fs/cgroup rw - tmpfs tmpfs rw
33 31 0:30 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
`
	for _, c := range []struct {
		name, files string
		want        limits
	}{
		{"none at all", "", limits{"null", "null"}},
		{"v2 without limits", v2 + `== proc/self/cgroup
0::/user.slice
== sys/fs/cgroup/user.slice/memory.max
max
== sys/fs/cgroup/user.slice/memory.high
max
== sys/fs/cgroup/user.slice/cpu.max
max 100000`, limits{"null", "null"}},
		{"v2, the tightest of the ancestors", v2 + `== proc/self/cgroup
0::/a/b
== sys/fs/cgroup/a/b/memory.max
3000
== sys/fs/cgroup/a/memory.max
2000
== sys/fs/cgroup/memory.max
4000
== sys/fs/cgroup/a/b/cpu.max
50000 100000
== sys/fs/cgroup/a/cpu.max
200000 100000`, limits{"2000", "0.5"}},
		{"v2, memory is taken back before the limit", v2 + `== proc/self/cgroup
0::/a
== sys/fs/cgroup/a/memory.max
2000
== sys/fs/cgroup/a/memory.high
1500`, limits{"1500", "null"}},
		{"v2, the container's group is its root", v2 + `== proc/self/cgroup
0::/
== sys/fs/cgroup/memory.max
1000
== sys/fs/cgroup/cpu.max
100000 50000`, limits{"1000", "2"}},
		{"v2, a group outside of the name space", v2 + `== proc/self/cgroup
0::/../other
== sys/fs/cgroup/memory.max
1000
== sys/fs/cgroup/other/memory.max
1`, limits{"1000", "null"}},
		{"v1 without limits", v1 + `== proc/self/cgroup
4:memory:/a
1:cpu,cpuacct:/
== sys/fs/cgroup/memory/a/memory.limit_in_bytes
9223372036854771712
== sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us
-1
== sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us
100000`, limits{"null", "null"}},
		{"v1", v1 + `== proc/self/cgroup
4:memory:/a:with colon
1:cpu,cpuacct:/b
== sys/fs/cgroup/memory/a:with colon/memory.limit_in_bytes
5000
== sys/fs/cgroup/cpu,cpuacct/b/cpu.cfs_quota_us
25000
== sys/fs/cgroup/cpu,cpuacct/b/cpu.cfs_period_us
100000`, limits{"5000", "0.25"}},
		{"v1, the group is mounted as the top", `== proc/self/mountinfo
35 31 0:32 /docker/1f /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory
== proc/self/cgroup
4:memory:/docker/1f/inner
== sys/fs/cgroup/memory/inner/memory.limit_in_bytes
7000
== sys/fs/cgroup/memory/memory.limit_in_bytes
6000`, limits{"6000", "null"}},
		{"v1, the group is not below what is mounted", `== proc/self/mountinfo
35 31 0:32 /docker/1f /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory
== proc/self/cgroup
4:memory:/docker/1f2
== sys/fs/cgroup/memory/memory.limit_in_bytes
6000`, limits{"6000", "null"}},
		{"both, each with a controller", `== proc/self/mountinfo
35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
== proc/self/cgroup
4:memory:/a
0::/b
== sys/fs/cgroup/memory/a/memory.limit_in_bytes
8000
== sys/fs/cgroup/unified/b/cpu.max
300000 100000`, limits{"8000", "3"}},
		{"damaged", v2 + `== proc/self/cgroup
0::/a
nonsense
7:cpu
0::relative
== sys/fs/cgroup/a/memory.max
-5
== sys/fs/cgroup/a/cpu.max
100000 0`, limits{"null", "null"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			memory, cpus := cgroupLimits(tree(c.files))
			wantJSON(t, memory, c.want.memory)
			wantJSON(t, cpus, c.want.cpus)
		})
	}
}
