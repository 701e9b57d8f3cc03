package manifest

import (
	"fmt"
	"hash/crc32"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
)

const (
	// Current is the name of the file that names the manifest.
	Current = "CURRENT"
	// Prefix is what names of manifests begin with.
	Prefix = "MANIFEST-"

	newCurrent = Current + ".new"
	maxNumber  = 1 << 62
)

// Name returns the name of a manifest.
func Name(number uint64) string { return fmt.Sprintf(Prefix+"%06d", number) }

// Number returns the number of the manifest of this name, if it is one.
func Number(name string) (uint64, bool) {
	digits, ok := strings.CutPrefix(name, Prefix)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 64)
	return n, err == nil && n > 0 && n < maxNumber && Name(n) == name
}

// currentText is what CURRENT contains.
func currentText(number uint64) string {
	name := Name(number)
	return fmt.Sprintf("%s %08x\n", name, crc32.Checksum([]byte(name), castagnoli))
}

// readCurrent returns the number of the manifest that CURRENT names.
func readCurrent(fsys vfs.FS, dir string) (uint64, error) {
	path := filepath.Join(dir, Current)
	p, err := vfs.ReadFile(fsys, path)
	if err != nil {
		return 0, err
	}
	name, _, _ := strings.Cut(string(p), " ")
	number, ok := Number(name)
	if !ok || string(p) != currentText(number) {
		return 0, engine.Corrupt(path, 0, fmt.Sprintf("%.100q names no manifest", p), nil)
	}
	return number, nil
}
