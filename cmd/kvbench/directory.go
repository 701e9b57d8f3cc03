package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
)

// An engineDir is the directory of an engine, found by its marker.
type engineDir struct {
	path   string
	marker engine.Marker // without format, if it could not be read
	driver engine.Driver
}

// engineDir finds out whose directory dir is. Where its marker is damaged or
// missing, named says it; else that is empty, or the same.
func (a *app) engineDir(dir, named string) (*engineDir, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return nil, usage(err)
	}
	if !info.IsDir() {
		return nil, usagef("%s is a file; give the directory of an engine", dir)
	}
	d := &engineDir{path: dir}
	d.marker, err = engine.ReadMarker(vfs.OS{}, dir)
	damaged, missing := errors.Is(err, engine.ErrCorrupt), errors.Is(err, engine.ErrNotEngineDir)
	switch {
	case err == nil && named != "" && !strings.EqualFold(named, d.marker.Engine):
		return nil, usagef("%s was made by %s, not %s; leave --engine out", dir, d.marker.Engine, named)
	case err == nil:
	case (damaged || missing) && named != "":
		d.marker = engine.Marker{Engine: named}
	case damaged:
		return nil, fmt.Errorf("%w; name the engine with --engine to look at the rest", err)
	case missing:
		return nil, fmt.Errorf("%w%s", err, enginesBelow(dir))
	default:
		return nil, err
	}
	if d.driver, err = a.lookup(d.marker.Engine); err != nil && d.marker.Format > 0 {
		err = fmt.Errorf("%s was made by %s: %w", dir, d.marker.Engine, err)
	}
	return d, err
}

// enginesBelow names directories of engines in dir, as the end of an error.
func enginesBelow(dir string) string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return ""
	}
	const most = 4
	var found []string
	for _, entry := range entries {
		below := filepath.Join(dir, entry.Name())
		if exists(filepath.Join(below, engine.MarkerName)) {
			found = append(found, below)
		}
	}
	switch n := len(found) - most; {
	case len(found) == 0:
		return ""
	case n > 0:
		found = append(found[:most], fmt.Sprintf("%d more", n))
	}
	return "; did you mean " + strings.Join(found, ", ") + "?"
}

// title names engine and format.
func (d *engineDir) title() string {
	if d.marker.Format == 0 {
		return d.driver.Name
	}
	return fmt.Sprintf("%s, format %d", d.driver.Name, d.marker.Format)
}

// unable says that an engine cannot do what a command is for, and who can.
func (a *app) unable(d engine.Driver, what string, can func(engine.Driver) bool) error {
	var names []string
	for _, other := range a.drivers() {
		if can(other) {
			names = append(names, other.Name)
		}
	}
	return fmt.Errorf("%w: kvbench cannot %s the files of %s, only those of %s",
		engine.ErrUnsupported, what, d.Name, cmp.Or(strings.Join(names, ", "), "no engine of this build"))
}

// dirSize adds up the files below dir, as far as they can be seen.
func dirSize(dir string) (files int, bytes uint64) {
	_ = filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return nil
		}
		if info, err := entry.Info(); err == nil {
			files++
			bytes += uint64(info.Size())
		}
		return nil
	})
	return files, bytes
}

// textTable lays rows out below their columns. Columns of numbers are aligned
// to the right.
func textTable(columns []string, rows [][]string) string {
	widths, numbers := make([]int, len(columns)), make([]bool, len(columns))
	for i, name := range columns {
		widths[i], numbers[i] = utf8.RuneCountInString(name), len(rows) > 0
		for _, row := range rows {
			cell := orDash(row[i])
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
			numbers[i] = numbers[i] && (cell == "-" || strings.ContainsRune("0123456789", rune(cell[0])))
		}
	}
	var b strings.Builder
	line := func(cells []string) {
		var text strings.Builder
		for i, cell := range cells {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(orDash(cell)))
			if numbers[i] {
				text.WriteString(pad + orDash(cell) + "  ")
			} else {
				text.WriteString(orDash(cell) + pad + "  ")
			}
		}
		b.WriteString(strings.TrimRight(text.String(), " ") + "\n")
	}
	heads := make([]string, len(columns))
	for i, name := range columns {
		heads[i] = strings.ToUpper(name)
	}
	line(heads)
	for _, row := range rows {
		line(row)
	}
	return b.String()
}
