package engine

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/kvbench/kvbench/engine/vfs"
)

// MarkerName is the file that says which engine a directory belongs to.
const MarkerName = "KVBENCH"

// The marker is text, so that a person who finds the directory can read it.
// Lines end in \n; words are separated by one space.
//
//	line    content
//	1       "kvbench engine directory"
//	2       "engine " NAME
//	3       "format " N                 decimal, >= 1: version of that engine's files
//	4..     "set " NAME " " VALUE       settings fixed at creation, sorted by name
//	last    "crc32c " XXXXXXXX          hex, of all bytes before this line
//
// It is written once, under another name, synced, and then linked into place:
// a directory has a whole marker or none.
const markerFirstLine = "kvbench engine directory"

const maxMarkerSize = 64 << 10

// Marker is the content of a marker file.
type Marker struct {
	Engine string
	Format int               // >= 1
	Fixed  map[string]string // settings fixed at creation, canonical text
}

func (m Marker) encode() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\nengine %s\nformat %d\n", markerFirstLine, m.Engine, m.Format)
	for _, name := range sortedKeys(m.Fixed) {
		fmt.Fprintf(&b, "set %s %s\n", name, m.Fixed[name])
	}
	fmt.Fprintf(&b, "crc32c %08x\n", crc32.Checksum(b.Bytes(), castagnoli()))
	return b.Bytes()
}

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// decodeMarker returns a plain error that says what is wrong.
func decodeMarker(data []byte) (m Marker, err error) {
	const lastPrefix = "crc32c "
	last := bytes.LastIndex(data, []byte("\n"+lastPrefix)) + 1
	if !bytes.HasPrefix(data, []byte(markerFirstLine+"\n")) || last == 0 {
		return m, errors.New("not a marker file")
	}
	if want := fmt.Sprintf("%s%08x\n", lastPrefix, crc32.Checksum(data[:last], castagnoli())); string(data[last:]) != want {
		return m, errors.New("checksum does not match")
	}
	lines := strings.Split(strings.TrimSuffix(string(data[:last]), "\n"), "\n")
	if len(lines) < 3 {
		return m, errors.New("lines missing")
	}
	var ok bool
	if m.Engine, ok = strings.CutPrefix(lines[1], "engine "); !ok || m.Engine == "" {
		return m, errors.New("line 2 names no engine")
	}
	format, ok := strings.CutPrefix(lines[2], "format ")
	if m.Format, err = strconv.Atoi(format); !ok || err != nil || m.Format < 1 {
		return m, errors.New("line 3 has no format version")
	}
	m.Fixed = make(map[string]string, len(lines)-3)
	for i, line := range lines[3:] {
		rest, isSet := strings.CutPrefix(line, "set ")
		name, value, hasValue := strings.Cut(rest, " ")
		if !isSet || !hasValue || name == "" {
			return m, fmt.Errorf("line %d is no setting", i+4)
		}
		m.Fixed[name] = value
	}
	if !bytes.Equal(m.encode(), data) {
		return m, errors.New("not in the form in which markers are written")
	}
	return m, nil
}

// check refuses what the format cannot hold.
func (m Marker) check() error {
	if m.Engine == "" || strings.Contains(m.Engine, "\n") || m.Format < 1 {
		return fmt.Errorf("%w: marker of engine %q, format %d", ErrInvalid, m.Engine, m.Format)
	}
	for name, value := range m.Fixed {
		if name == "" || strings.ContainsAny(name, " \n") || strings.Contains(value, "\n") {
			return fmt.Errorf("%w: marker cannot hold setting %q = %q", ErrInvalid, name, value)
		}
	}
	return nil
}

// ReadMarker reads the marker of dir. Without one the error is
// ErrNotEngineDir; a damaged one is ErrCorrupt.
func ReadMarker(fsys vfs.FS, dir string) (Marker, error) {
	path := filepath.Join(dir, MarkerName)
	f, err := fsys.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Marker{}, fmt.Errorf("%s: %w: it has no file %s", dir, ErrNotEngineDir, MarkerName)
	}
	if err != nil {
		return Marker{}, fmt.Errorf("read marker: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.NewSectionReader(f, 0, maxMarkerSize))
	if err != nil {
		return Marker{}, fmt.Errorf("read marker %s: %w", path, err)
	}
	m, err := decodeMarker(data)
	if err != nil {
		return Marker{}, Corrupt(path, 0, "marker", err)
	}
	return m, nil
}

// WriteMarker puts a marker into dir, durably. It fails with fs.ErrExist when
// dir has one. A crash leaves none, or all of it.
func WriteMarker(fsys vfs.FS, dir string, m Marker) error {
	if err := m.check(); err != nil {
		return err
	}
	temp, err := writeTemp(fsys, dir, m.encode())
	if err != nil {
		return fmt.Errorf("write marker: %w", err)
	}
	err = fsys.Link(temp, filepath.Join(dir, MarkerName))
	if removeErr := fsys.Remove(temp); err == nil {
		err = removeErr
	}
	if err == nil {
		err = fsys.SyncDir(dir)
	}
	if err != nil {
		return fmt.Errorf("write marker: %w", err)
	}
	return nil
}

// writeTemp writes and syncs data under a name that nobody else uses.
func writeTemp(fsys vfs.FS, dir string, data []byte) (path string, err error) {
	var f vfs.File
	for i := 0; f == nil; i++ {
		path = filepath.Join(dir, fmt.Sprintf("%s%d", markerTempPrefix, i))
		f, err = fsys.Create(path)
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return "", err
		}
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		fsys.Remove(path)
		return "", err
	}
	return path, nil
}

const markerTempPrefix = MarkerName + ".tmp"
