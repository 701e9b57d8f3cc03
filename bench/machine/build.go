package machine

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"strings"

	"github.com/kvbench/kvbench/results"
)

// GoInfo describes the language and its settings as they are in effect now:
// however GOGC and GOMEMLIMIT were set, they are given as those variables
// would be.
func GoInfo() results.GoInfo {
	samples := []metrics.Sample{
		{Name: "/gc/gogc:percent"},
		{Name: "/gc/gomemlimit:bytes"},
	}
	metrics.Read(samples)
	g := results.GoInfo{
		Version: runtime.Version(), GOOS: runtime.GOOS, GOARCH: runtime.GOARCH,
		GOMAXPROCS: runtime.GOMAXPROCS(0),
	}
	if samples[0].Value.Kind() == metrics.KindUint64 {
		g.GOGC = formatGOGC(samples[0].Value.Uint64())
	}
	if samples[1].Value.Kind() == metrics.KindUint64 {
		g.GOMEMLIMIT = formatMemoryLimit(samples[1].Value.Uint64())
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		g.GOAMD64 = setting(info, "GOAMD64")
	}
	return g
}

// formatGOGC: the runtime holds a signed 32-bit number, below 0 for off.
func formatGOGC(percent uint64) string {
	if percent > math.MaxInt32 {
		return "off"
	}
	return strconv.FormatUint(percent, 10)
}

// formatMemoryLimit writes the largest binary unit that is exact; the largest
// number is no limit.
func formatMemoryLimit(limit uint64) string {
	if limit >= math.MaxInt64 {
		return "off"
	}
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	i := 0
	for limit != 0 && limit%1024 == 0 && i < len(units)-1 {
		limit /= 1024
		i++
	}
	return strconv.FormatUint(limit, 10) + units[i]
}

// Program describes the kvbench that runs. The commit is known to binaries
// that go build or go install made inside a repository; go run and go test
// leave it out. It reads the whole binary for its sum: call it once.
func Program() results.Program {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{}
	}
	p := programOf(info)
	p.SHA256 = executableSum()
	return p
}

func programOf(info *debug.BuildInfo) results.Program {
	p := results.Program{
		Version: info.Main.Version,
		Commit:  setting(info, "vcs.revision"),
		Cgo:     setting(info, "CGO_ENABLED") == "1",
		Tags:    []string{},
	}
	switch setting(info, "vcs.modified") {
	case "true":
		p.Dirty = new(true)
	case "false":
		p.Dirty = new(false)
	}
	isSeparator := func(c rune) bool { return c == ',' || c == ' ' }
	p.Tags = append(p.Tags, strings.FieldsFunc(setting(info, "-tags"), isSeparator)...)
	return p
}

func setting(info *debug.BuildInfo, key string) string {
	for _, s := range info.Settings {
		if s.Key == key {
			return s.Value
		}
	}
	return ""
}

// executableSum returns the SHA-256 of the running binary in hexadecimal, or
// "".
func executableSum() string {
	f, err := openExecutable()
	if err != nil {
		return ""
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return ""
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// openExecutable prefers the link that Linux keeps, which leads to the running
// binary even when another has taken its name since.
func openExecutable() (*os.File, error) {
	if runtime.GOOS == "linux" {
		if f, err := os.Open("/proc/self/exe"); err == nil {
			return f, nil
		}
	}
	path, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return os.Open(path)
}
