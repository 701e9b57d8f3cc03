package machine

import (
	"crypto/sha256"
	"encoding/hex"
	"math"
	"os"
	"runtime/debug"
	"testing"
)

func TestGoSettingsAreThoseInEffect(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(137))
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(3 << 30))
	g := GoInfo()
	if g.GOGC != "137" || g.GOMEMLIMIT != "3GiB" {
		t.Errorf("GOGC=%s GOMEMLIMIT=%s", g.GOGC, g.GOMEMLIMIT)
	}
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(math.MaxInt64)
	g = GoInfo()
	if g.GOGC != "off" || g.GOMEMLIMIT != "off" {
		t.Errorf("GOGC=%s GOMEMLIMIT=%s", g.GOGC, g.GOMEMLIMIT)
	}
	if g.Version == "" || g.GOOS == "" || g.GOARCH == "" || g.GOMAXPROCS < 1 {
		t.Errorf("%+v", g)
	}
}

func TestAMemoryLimitIsWrittenExactly(t *testing.T) {
	for limit, want := range map[uint64]string{
		0: "0B", 1000: "1000B", 1024: "1KiB", 1536 << 20: "1536MiB", 2 << 40: "2TiB",
		4 << 50: "4096TiB", 1<<30 + 1: "1073741825B", math.MaxInt64: "off",
	} {
		if got := formatMemoryLimit(limit); got != want {
			t.Errorf("%d: %s, want %s", limit, got, want)
		}
	}
}

func TestTheProgramIsThatOfItsBuild(t *testing.T) {
	info := &debug.BuildInfo{Settings: []debug.BuildSetting{
		{Key: "-tags", Value: "lmdb,rocksdb"},
		{Key: "CGO_ENABLED", Value: "1"},
		{Key: "vcs.revision", Value: "0123abcd"},
		{Key: "vcs.modified", Value: "true"},
	}}
	info.Main.Version = "v1.2.3+dirty"
	wantJSON(t, programOf(info), `{"version":"v1.2.3+dirty","commit":"0123abcd","dirty":true,`+
		`"sha256":"","cgo":true,"tags":["lmdb","rocksdb"]}`)
	wantJSON(t, programOf(&debug.BuildInfo{}), `{"version":"","commit":"","dirty":null,`+
		`"sha256":"","cgo":false,"tags":[]}`)
}

func TestTheSumIsThatOfTheBinary(t *testing.T) {
	path, err := os.Executable()
	if err != nil {
		t.Skip(err)
	}
	binary, err := os.ReadFile(path)
	if err != nil {
		t.Skip(err)
	}
	sum := sha256.Sum256(binary)
	if got := Program().SHA256; got != hex.EncodeToString(sum[:]) {
		t.Errorf("%s, want %x", got, sum)
	}
}
