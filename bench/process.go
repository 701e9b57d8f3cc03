package bench

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime/metrics"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/kvbench/kvbench/bench/machine"
	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/results"
)

// processStat is what the kernel and the Go runtime say of this process, and
// of the machine, at one moment. What cannot be read is unknown.
type processStat struct {
	readBytes, writeBytes, readChars, writeChars engine.Count
	readCalls, writeCalls                        engine.Count
	deviceRead, deviceWrite                      engine.Count
	peakRSS, anonRSS, heap                       engine.Count
	user, system, gc, steal, busy                *float64 // seconds; steal and busy of the machine
	mallocs, mallocBytes                         uint64
}

// readProcess reads everything; device names a block device as
// /sys/dev/block does, or is empty.
func readProcess(device string) processStat {
	var s processStat
	io := readFields("/proc/self/io")
	s.readBytes, s.writeBytes = io["read_bytes"], io["write_bytes"]
	s.readChars, s.writeChars = io["rchar"], io["wchar"]
	s.readCalls, s.writeCalls = io["syscr"], io["syscw"]
	status := readFields("/proc/self/status")
	s.peakRSS, s.anonRSS = kibibytes(status["VmHWM"]), kibibytes(status["RssAnon"])
	s.deviceRead, s.deviceWrite = deviceBytes(device)
	s.readUsage()
	s.readRuntime()
	s.steal, s.busy = machine.Steal(), machine.Busy()
	return s
}

func (s *processStat) readUsage() {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) == nil {
		s.user = results.Num(float64(u.Utime.Nano()) / 1e9)
		s.system = results.Num(float64(u.Stime.Nano()) / 1e9)
	}
}

func (s *processStat) readRuntime() {
	samples := []metrics.Sample{
		{Name: "/cpu/classes/gc/total:cpu-seconds"},
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/gc/heap/allocs:objects"},
		{Name: "/gc/heap/allocs:bytes"},
	}
	metrics.Read(samples)
	s.gc = results.Num(samples[0].Value.Float64())
	s.heap = engine.Known(samples[1].Value.Uint64())
	s.mallocs = samples[2].Value.Uint64()
	s.mallocBytes = samples[3].Value.Uint64()
}

// readFields reads lines of "name: number unit" as /proc writes them.
func readFields(path string) map[string]engine.Count {
	fields := make(map[string]engine.Count)
	data, err := os.ReadFile(path)
	if err != nil {
		return fields
	}
	for line := range bytes.Lines(data) {
		name, rest, ok := strings.Cut(string(line), ":")
		words := strings.Fields(rest)
		if !ok || len(words) == 0 {
			continue
		}
		if n, err := strconv.ParseUint(words[0], 10, 64); err == nil {
			fields[name] = engine.Known(n)
		}
	}
	return fields
}

func kibibytes(c engine.Count) engine.Count {
	if n, ok := c.Value(); ok {
		return engine.Known(n << 10)
	}
	return c
}

// resetPeakRSS makes the peak count from now. It may not be permitted; the
// peak then covers the whole process.
func resetPeakRSS() {
	if f, err := os.OpenFile("/proc/self/clear_refs", os.O_WRONLY, 0); err == nil {
		f.WriteString("5") //nolint:errcheck // see above
		f.Close()
	}
}

// deviceOf returns "major:minor" of the block device under path, or "". Of a
// path that does not exist yet it is that of the nearest parent.
func deviceOf(path string) string {
	var st unix.Stat_t
	for unix.Stat(path, &st) != nil {
		parent := filepath.Dir(path)
		if parent == path {
			return ""
		}
		path = parent
	}
	name := strconv.FormatUint(uint64(unix.Major(uint64(st.Dev))), 10) + ":" + strconv.FormatUint(uint64(unix.Minor(uint64(st.Dev))), 10)
	if _, err := os.Stat("/sys/dev/block/" + name); err != nil {
		return ""
	}
	return name
}

// deviceBytes reads what a block device has moved, by anybody.
func deviceBytes(device string) (read, written engine.Count) {
	if device == "" {
		return
	}
	data, err := os.ReadFile("/sys/dev/block/" + device + "/stat")
	if err != nil {
		return
	}
	words := strings.Fields(string(data))
	const sector = 512
	if len(words) < 7 {
		return
	}
	if n, err := strconv.ParseUint(words[2], 10, 64); err == nil {
		read = engine.Known(n * sector)
	}
	if n, err := strconv.ParseUint(words[6], 10, 64); err == nil {
		written = engine.Known(n * sector)
	}
	return
}

// diskUsage adds up the blocks that the files below dir occupy, in bytes. A
// file with several names counts once; files that vanish meanwhile count not.
func diskUsage(dir string) engine.Count {
	var total uint64
	seen := make(map[uint64]bool)
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return ignoreGone(err)
		}
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			return ignoreGone(err)
		}
		if !seen[st.Ino] {
			seen[st.Ino] = true
			total += uint64(st.Blocks) * 512
		}
		return nil
	})
	if err != nil {
		return engine.Count{}
	}
	return engine.Known(total)
}

func ignoreGone(err error) error {
	if os.IsNotExist(err) {
		return nil
	}
	return err
}

// since returns what moved between two readings of one process.
func (s processStat) since(before processStat, ops uint64) (results.IO, results.CPU, results.Mem) {
	io := results.IO{
		ReadBytes: s.readBytes.Since(before.readBytes), WriteBytes: s.writeBytes.Since(before.writeBytes),
		ReadChars: s.readChars.Since(before.readChars), WriteChars: s.writeChars.Since(before.writeChars),
		ReadCalls: s.readCalls.Since(before.readCalls), WriteCalls: s.writeCalls.Since(before.writeCalls),
		DeviceRead: s.deviceRead.Since(before.deviceRead), DeviceWrite: s.deviceWrite.Since(before.deviceWrite),
	}
	cpu := results.CPU{
		UserS: minus(s.user, before.user), SystemS: minus(s.system, before.system),
		GCS: minus(s.gc, before.gc), StealS: minus(s.steal, before.steal),
	}
	if all := minus(s.busy, before.busy); all != nil && cpu.UserS != nil && cpu.SystemS != nil {
		cpu.OtherS = results.Num(max(*all-*cpu.UserS-*cpu.SystemS, 0))
	}
	mem := results.Mem{PeakRSS: s.peakRSS, AnonRSS: s.anonRSS, HeapBytes: s.heap}
	if ops > 0 {
		mem.AllocsPerOp = results.Num(float64(s.mallocs-before.mallocs) / float64(ops))
		mem.BytesPerOp = results.Num(float64(s.mallocBytes-before.mallocBytes) / float64(ops))
	}
	return io, cpu, mem
}

func minus(a, b *float64) *float64 {
	if a == nil || b == nil {
		return nil
	}
	return results.Num(max(*a-*b, 0))
}
