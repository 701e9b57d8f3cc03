package machine

import "testing"

func TestVirtualMachinesAndContainersAreNamed(t *testing.T) {
	const clocks = "== sys/devices/system/clocksource/clocksource0/available_clocksource\n"
	const metal = "== proc/cpuinfo\nflags: fpu vme\n"
	const armMachine = "== proc/cpuinfo\nCPU part: 0xd40\n"
	const vendor, product = "== sys/class/dmi/id/sys_vendor\n", "== sys/class/dmi/id/product_name\n"
	for _, c := range []struct{ name, files, want string }{
		{"metal", metal + vendor + "Supermicro\n" + product + "X11 QEMU-like\n" + clocks + "tsc hpet acpi_pm", ""},
		{"kvm", metal + clocks + "tsc kvm-clock", "kvm"},
		{"hyper-v", metal + clocks + "hyperv_clocksource_tsc_page acpi_pm\n" + vendor + "Microsoft Corporation\n" + product + "Virtual Machine", "hyper-v (Microsoft Corporation Virtual Machine)"},
		{"only a flag", "== proc/cpuinfo\nflags: fpu hypervisor vme", "virtual machine"},
		{"wsl", "== proc/sys/kernel/osrelease\n5.15.1-Microsoft-standard-WSL2", "wsl"},
		{"xen guest", "== sys/hypervisor/type\nxen\n== proc/xen/capabilities\n", "xen"},
		{"xen host", "== sys/hypervisor/type\nxen\n== proc/xen/capabilities\ncontrol_d", "xen host"},
		{"arm in the cloud", armMachine + vendor + "Amazon EC2\n" + product + "c7g.large", "virtual machine (Amazon EC2 c7g.large)"},
		{"arm metal of a cloud", armMachine + vendor + "Amazon EC2\n" + product + "c7g.metal", ""},
		{"arm qemu", armMachine + vendor + "QEMU\n" + product + "virt", "virtual machine (QEMU virt)"},
		{"docker", "== .dockerenv\n", "docker"},
		{"podman", "== run/.containerenv\n", "podman"},
		{"nspawn", "== run/systemd/container\nsystemd-nspawn", "systemd-nspawn"},
		{"kubernetes", "== .dockerenv\n== run/secrets/kubernetes.io/\n", "kubernetes"},
		{"kubernetes by group", "== proc/self/cgroup\n4:memory:/kubepods/besteffort/pod1/2f", "kubernetes"},
		{"docker by group", "== proc/self/cgroup\n0::/system.slice/docker-1f2e.scope", "docker"},
		{"the docker daemon is no container", "== proc/self/cgroup\n0::/system.slice/docker.service", ""},
		{"some container", "== proc/self/cgroup\n0::/\n== proc/self/mountinfo\n1 0 0:50 / / rw - overlay overlay rw", "container"},
		{"a live system is no container", "== proc/self/cgroup\n0::/user.slice\n== proc/self/mountinfo\n1 0 0:50 / / rw - overlay overlay rw", ""},
	} {
		r := tree(c.files)
		if got := virtual(r, cpuFields([]byte(r.text("proc/cpuinfo")))); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
