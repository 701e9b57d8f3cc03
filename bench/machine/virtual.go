package machine

import (
	"slices"
	"strings"
)

// virtual names the hypervisor and the container that this process sees, such
// as "kvm (Amazon EC2 m7i.large), docker", as far as they show.
func virtual(r root, fields map[string]distinct) string {
	var layers distinct
	layers.add(hypervisor(r, fields))
	layers.add(container(r))
	return strings.Join(layers, ", ")
}

// guestClocks are clocksources that only a guest has.
var guestClocks = []struct{ name, hypervisor string }{
	{"kvm-clock", "kvm"},
	{"hyperv_clocksource", "hyper-v"},
	{"xen", "xen"},
}

// virtualProducts are words that the firmware of virtual machines has and that
// of metal has not, for processors without a flag for guests.
var virtualProducts = []string{
	"QEMU", "KVM", "VMware", "VirtualBox", "Virtual Machine", "Virtualization", "Google Compute Engine",
}

func hypervisor(r root, fields map[string]distinct) string {
	kind := ""
	clocks := r.text("sys/devices/system/clocksource/clocksource0/available_clocksource")
	for _, clock := range guestClocks {
		if strings.Contains(clocks, clock.name) {
			kind = clock.hypervisor
			break
		}
	}
	if strings.Contains(strings.ToLower(r.text("proc/sys/kernel/osrelease")), "microsoft") {
		kind = "wsl"
	}
	if r.text("sys/hypervisor/type") == "xen" {
		kind = "xen"
	}
	if strings.Contains(r.text("proc/xen/capabilities"), "control_d") {
		return "xen host"
	}

	// On metal the firmware names a server, which is none of our business.
	product := strings.TrimSpace(r.text("sys/class/dmi/id/sys_vendor") + " " + r.text("sys/class/dmi/id/product_name"))
	isGuest := kind != "" || r.has("proc/device-tree/hypervisor") || hasFlag(fields, "hypervisor")
	if !isGuest && len(fields["flags"]) == 0 {
		isGuest = slices.ContainsFunc(virtualProducts, func(word string) bool {
			return strings.Contains(product, word)
		}) || strings.HasPrefix(product, "Amazon EC2") && !strings.Contains(product, ".metal")
	}
	if !isGuest {
		return ""
	}
	if kind == "" {
		kind = "virtual machine"
	}
	if product != "" {
		kind += " (" + product + ")"
	}
	return kind
}

// hasFlag looks for a flag of x86 processors.
func hasFlag(fields map[string]distinct, flag string) bool {
	return slices.ContainsFunc(fields["flags"], func(flags string) bool {
		return slices.Contains(strings.Fields(flags), flag)
	})
}

// cgroupMarks are parts of the names that container managers give to groups.
var cgroupMarks = []struct{ mark, manager string }{
	{"/kubepods", "kubernetes"},
	{"/docker/", "docker"},
	{"/docker-", "docker"},
	{"/libpod-", "podman"},
	{"/lxc", "lxc"},
	{"/cri-containerd", "containerd"},
}

func container(r root) string {
	groups := r.text("proc/self/cgroup")
	if r.has("run/secrets/kubernetes.io") || strings.Contains(groups, "/kubepods") {
		return "kubernetes"
	}
	// WSL and others say so themselves, in one word.
	if manager := r.text("run/systemd/container"); manager != "" && len(strings.Fields(manager)) == 1 {
		return manager
	}
	if r.has(".dockerenv") {
		return "docker"
	}
	if r.has("run/.containerenv") {
		return "podman"
	}
	for _, m := range cgroupMarks {
		if strings.Contains(groups, m.mark) {
			return m.manager
		}
	}
	// Only a container finds itself at the top of the groups on an overlay.
	top, ok := mountOf(parseMounts([]byte(r.text("proc/self/mountinfo"))), 0, "/")
	if ok && top.fs == "overlay" && groups == "0::/" {
		return "container"
	}
	return ""
}
