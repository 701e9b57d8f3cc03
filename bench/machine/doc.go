// Package machine records what a reader must know of the machine, the disk,
// the Go runtime and the program before a figure means anything, and probes
// the few speeds that bound every figure: of the clock, of sleep, of the disk.
//
//	host.go, disk.go, build.go     Host, Disk, GoInfo, Program
//	cpu.go cgroup.go mounts.go     parsers; each reads a tree that stands for
//	block.go virtual.go            / and hence works on fixtures too
//	probe.go, probe_disk.go        probes
//	probe_unit.go                  what single steps of an engine take
//	*_linux.go, *_other.go         where the facts come from
//
// Unknown is nil, an empty string or an unknown [engine.Count], never zero:
// containers hide files, virtual machines lack them, and other systems than
// Linux have few. A limit that does not exist is unknown as well.
//
// Records are meant to be published with the results. They hold no host name,
// no address and no path except the one that the caller gave.
package machine
