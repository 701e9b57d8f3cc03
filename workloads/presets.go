package workloads

import (
	"embed"
	"fmt"
	"os"
	"path"
	"strings"

	"github.com/magiconair/properties"
)

//go:embed *.properties
var presetFiles embed.FS

// PresetInfo describes a built-in workload.
type PresetInfo struct {
	Name   string `json:"name"`
	Title  string `json:"title"`
	Source string `json:"source"` // what it is modelled on
}

// presetNames lists the presets in the order in which they are shown. The name
// in lower case is the file's.
func presetNames() []string {
	return []string{
		"A", "B", "C", "D", "E", "F",
		"fillseq", "fillrandom", "overwrite", "readrandom", "readmissing",
		"readseq", "readreverse", "deleterandom", "seekrandom", "readwhilewriting",
		"mixgraph-zippydb", "mixgraph-udb", "mixgraph-up2x", "twitter",
	}
}

// List returns all presets.
func List() []PresetInfo {
	var all []PresetInfo
	for _, name := range presetNames() {
		info, _, err := preset(name)
		if err != nil {
			continue // a test reads every preset
		}
		all = append(all, info)
	}
	return all
}

// Lookup finds a preset by name, whatever the case; "workloada" is A.
func Lookup(name string) (PresetInfo, error) {
	info, _, err := preset(name)
	return info, err
}

func preset(name string) (PresetInfo, []byte, error) {
	short := strings.ToLower(strings.TrimSpace(name))
	if rest, ok := strings.CutPrefix(short, "workload"); ok {
		short = strings.TrimPrefix(rest, "-")
	}
	for _, n := range presetNames() {
		if strings.ToLower(n) != short {
			continue
		}
		data, err := presetFiles.ReadFile(short + ".properties")
		if err != nil {
			return PresetInfo{}, nil, fmt.Errorf("preset %s: %w", n, err)
		}
		l := properties.Loader{Encoding: properties.UTF8, DisableExpansion: true}
		p, err := l.LoadBytes(data)
		if err != nil {
			return PresetInfo{}, nil, fmt.Errorf("preset %s: %w", n, err)
		}
		return PresetInfo{Name: n, Title: p.GetString("kvbench.title", ""), Source: p.GetString("kvbench.source", "")}, data, nil
	}
	return PresetInfo{}, nil, fmt.Errorf("unknown workload %q; nearest is %q, or give the path of a property file",
		name, nearest(short, presetNames()))
}

// IsFile reports whether the name of a workload means a property file rather
// than a preset: it has a slash or a dot, or such a file exists and no such
// preset.
func IsFile(name string) bool {
	if strings.ContainsAny(name, "/.") {
		return true
	}
	if _, err := Lookup(name); err == nil {
		return false
	}
	st, err := os.Stat(name)
	return err == nil && st.Mode().IsRegular()
}

// NewInput returns the input for the name of a preset or of a property file.
func NewInput(name string) (Input, error) {
	if !IsFile(name) {
		info, err := Lookup(name)
		return Input{Preset: info.Name}, err
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return Input{}, fmt.Errorf("workload: %w", err)
	}
	return Input{Files: []File{{Name: name, Data: data}}}, nil
}

// goYCSBOverlay returns what the workload files of go-ycsb set otherwise than
// YCSB's: requests are uniform instead of zipfian, scans have one record.
func goYCSBOverlay(name string) File {
	f := File{Name: "go-ycsb's workload" + path.Base(strings.ToLower(name))}
	switch name {
	case "A", "B", "C", "F":
		f.Data = []byte("requestdistribution=uniform\n")
	case "E":
		f.Data = []byte("requestdistribution=uniform\nmaxscanlength=1\n")
	}
	return f
}
