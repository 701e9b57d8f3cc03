package machine

import (
	"testing"

	"github.com/kvbench/kvbench/engine"
)

// A rented virtual machine with two threads a core, in a container of cgroup
// v2 whose parent is tighter than itself.
const guest = `
== etc/os-release
NAME="Debian GNU/Linux"
PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
== proc/sys/kernel/osrelease
6.1.0-31-cloud-amd64
== proc/cpuinfo
processor	: 0
vendor_id	: GenuineIntel
model name	: Intel(R) Xeon(R) Platinum 8488C
flags		: fpu vme hypervisor lahf_lm

processor	: 1
vendor_id	: GenuineIntel
model name	: Intel(R) Xeon(R) Platinum 8488C
flags		: fpu vme hypervisor lahf_lm
== proc/meminfo
MemTotal:        7903936 kB
MemFree:         1000000 kB
HugePages_Total:     128
Hugepagesize:       2048 kB
== proc/loadavg
0.52 0.58 0.59 2/312 4242
== proc/self/cgroup
0::/pod/box
== proc/self/mountinfo
30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate
== sys/fs/cgroup/pod/box/memory.max
max
== sys/fs/cgroup/pod/box/cpu.max
max 100000
== sys/fs/cgroup/pod/memory.max
2147483648
== sys/fs/cgroup/pod/cpu.max
150000 100000
== sys/devices/system/cpu/online
0-1
== sys/devices/system/cpu/cpu0/topology/core_cpus_list
0-1
== sys/devices/system/cpu/cpu1/topology/core_cpus_list
0-1
== sys/devices/system/cpu/cpu0/cpufreq/scaling_governor
performance
== sys/devices/system/cpu/cpu1/cpufreq/scaling_governor
powersave
== sys/devices/system/cpu/intel_pstate/no_turbo
1
== sys/devices/system/node/online
0
== sys/devices/system/clocksource/clocksource0/current_clocksource
tsc
== sys/devices/system/clocksource/clocksource0/available_clocksource
tsc kvm-clock acpi_pm
== sys/kernel/mm/transparent_hugepage/enabled
always [madvise] never
== sys/class/dmi/id/sys_vendor
Amazon EC2
== sys/class/dmi/id/product_name
m7i.large
== .dockerenv
`

func TestAGuestInAContainerIsDescribedInFull(t *testing.T) {
	wantJSON(t, hostAt(tree(guest), 2), `{"os":"Debian GNU/Linux 12 (bookworm)",`+
		`"kernel":"6.1.0-31-cloud-amd64","cpu_model":"Intel(R) Xeon(R) Platinum 8488C","cpus":2,`+
		`"threads_a_core":2,"numa_nodes":1,"governor":"performance,powersave","turbo":false,`+
		`"virtual":"kvm (Amazon EC2 m7i.large), docker","memory":8093630464,"memory_limit":2147483648,`+
		`"cpu_limit":1.5,"clocksource":"tsc","load_avg_before":0.52,"load_avg_after":null,`+
		`"steal_s":null,"huge_pages":"transparent madvise, 128 of 2048 kB reserved"}`)
}

func TestAMachineThatHidesEverythingIsUnknown(t *testing.T) {
	h := hostAt(tree(""), 3)
	h.OS = "" // depends on where the test runs
	wantJSON(t, h, `{"os":"","kernel":"","cpu_model":"","cpus":3,"threads_a_core":null,`+
		`"numa_nodes":null,"turbo":null,"memory":null,"memory_limit":null,"cpu_limit":null,`+
		`"clocksource":"","load_avg_before":null,"load_avg_after":null,"steal_s":null}`)
}

func TestProcessorsThatAreTakenAwayAreALimit(t *testing.T) {
	for _, c := range []struct {
		usable int
		want   float64
	}{{1, 1}, {2, 1.5}} {
		h := hostAt(tree(guest), c.usable)
		if h.CPULimit == nil || *h.CPULimit != c.want {
			t.Errorf("%d usable: limit %v, want %v", c.usable, h.CPULimit, c.want)
		}
		if h.CPUs != 2 {
			t.Errorf("%d usable: %d CPUs, want those of the machine", c.usable, h.CPUs)
		}
	}
}

func TestTheProcessorIsNamedOnEveryArchitecture(t *testing.T) {
	for _, c := range []struct{ name, cpuinfo, want string }{
		{"x86", "processor\t: 0\nmodel\t\t: 2\nmodel name\t: AMD EPYC 9B14: special\n", "AMD EPYC 9B14: special"},
		{"mixed", "model name: big\n\nmodel name: big\n\nmodel name: little\n", "big + little"},
		{"graviton", "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd40\n", "Neoverse-V1"},
		{"arm", "CPU implementer\t: 0x99\nCPU part\t: 0x001\n", "ARM implementer 0x99 part 0x001"},
		{"power", "processor\t: 0\ncpu\t\t: POWER9, altivec supported\nclock\t: 3.8GHz\n", "POWER9, altivec supported"},
		{"riscv", "processor\t: 0\nhart\t: 1\nuarch\t: sifive,u74-mc\n", "sifive,u74-mc"},
		{"s390x", "vendor_id       : IBM/S390\nprocessor 0: version = FF,  identification = 0133E8,  machine = 3906\n", "IBM/S390 3906"},
		{"nothing", "", ""},
		{"noise", "::\nmodel name\nmodel name:\n\x00\xff", ""},
	} {
		if got := cpuModel(cpuFields([]byte(c.cpuinfo))); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestThreadsOfACoreThatAreOfflineDoNotCount(t *testing.T) {
	r := tree(`
== sys/devices/system/cpu/online
0-1
== sys/devices/system/cpu/cpu0/topology/thread_siblings_list
0,2
== sys/devices/system/cpu/cpu1/topology/thread_siblings_list
1,3
`)
	wantJSON(t, threadsACore(r, onlineCPUs(r), nil), "1")
}

func TestThreadsOfACoreAreReadFromCpuinfoWithoutTopology(t *testing.T) {
	fields := cpuFields([]byte("siblings\t: 8\ncpu cores\t: 4\n"))
	wantJSON(t, threadsACore(tree(""), nil, fields), "2")
	fields = cpuFields([]byte("siblings\t: 1\ncpu cores\t: 0\n"))
	wantJSON(t, threadsACore(tree(""), nil, fields), "null")
}

func TestTurboIsUnknownWhereTheKernelDoesNotSay(t *testing.T) {
	for _, c := range []struct{ files, want string }{
		{"", "null"},
		{"== sys/devices/system/cpu/intel_pstate/no_turbo\n0", "true"},
		{"== sys/devices/system/cpu/cpufreq/boost\n1", "true"},
		{"== sys/devices/system/cpu/cpufreq/boost\n0", "false"},
		{"== sys/devices/system/cpu/cpufreq/policy0/boost\n1", "true"},
		{"== sys/devices/system/cpu/cpufreq/policy0/boost\n1\n== sys/devices/system/cpu/cpufreq/policy1/boost\n0", "null"},
		{"== sys/devices/system/cpu/cpufreq/boost\nperhaps", "null"},
	} {
		wantJSON(t, turbo(tree(c.files)), c.want)
	}
}

func TestListsOfProcessorsAreBounded(t *testing.T) {
	for _, c := range []struct {
		text, want string
		ok         bool
	}{
		{"0", "[0]", true},
		{"0-3,8,10-11\n", "[0,1,2,3,8,10,11]", true},
		{"", "null", false},
		{"3-1", "null", false},
		{"-1", "null", false},
		{"0-4294967295", "null", false},
		{"0-60000,0-60000", "null", false},
		{"a", "null", false},
	} {
		list, ok := parseList(c.text)
		if ok != c.ok {
			t.Errorf("%q: ok %v", c.text, ok)
		}
		wantJSON(t, list, c.want)
	}
}

func TestStealIsUnknownToKernelsThatDoNotCountIt(t *testing.T) {
	for _, c := range []struct{ stat, want string }{
		{"cpu  10 20 30 40 50 60 70 1234 90 100\ncpu0 1 2 3 4 5 6 7 8 9 10", "12.34"},
		{"cpu  10 20 30 40 50 60 70 0 0 0", "0"},
		{"cpu  10 20 30 40", "null"},
		{"cpu  10 20 30 40 50 60 70 -1 0 0", "null"},
		{"intr 1 2 3 4 5 6 7 8 9", "null"},
		{"", "null"},
	} {
		wantJSON(t, parseSteal(c.stat), c.want)
	}
}

func TestBusyTimeIsAllButIdleStolenAndGuests(t *testing.T) {
	for text, want := range map[string]string{
		"cpu  100 200 400 8000 1600 3200 6400 128 256 512\ncpu0 1": "103",
		"cpu 1 2 x 4 5 6 7 8 9": "null", "cpu 1 2 3": "null", "": "null",
	} {
		wantJSON(t, parseBusy(text), want)
	}
}

func TestTheLoadIsUnknownUnlessItIsANumber(t *testing.T) {
	for text, want := range map[string]string{
		"1.25 0.9 0.8 1/99 7": "1.25", "0.00 0.00 0.00 1/2 3": "0",
		"": "null", "NaN 1 1": "null", "-1 1 1": "null", "+Inf": "null", "x": "null",
	} {
		wantJSON(t, parseLoad(text), want)
	}
}

func TestMemoryIsReadInBytes(t *testing.T) {
	for text, want := range map[string]engine.Count{
		"MemTotal:  4 kB\n":                    engine.Known(4096),
		"MemFree: 1 kB\nMemTotal: 2 kB":        engine.Known(2048),
		"MemTotal:\n":                          {},
		"MemTotal: 99999999999999999999999 kB": {},
		"":                                     {},
	} {
		if got := memoryTotal([]byte(text)); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

func TestThisMachineIsDescribed(t *testing.T) {
	h := Host()
	if h.OS == "" || h.CPUs < 1 {
		t.Errorf("%+v", h)
	}
	if n, known := h.Memory.Value(); known && n == 0 {
		t.Error("a machine without memory")
	}
	for name, x := range map[string]*float64{
		"load": h.LoadBefore, "limit": h.CPULimit, "load now": LoadAverage(), "steal": Steal(),
	} {
		if x != nil && !(*x >= 0 && *x < 1e12) {
			t.Errorf("%s is %v", name, *x)
		}
	}
}
