package machine

import (
	"encoding/json"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
)

// tree makes a root of a text archive: "== name" begins a file, "== name ->
// target" is a link, and "== name/" a directory.
func tree(archive string) root {
	files := fstest.MapFS{}
	for part := range strings.SplitSeq("\n"+strings.TrimSpace(archive), "\n== ") {
		header, content, _ := strings.Cut(part, "\n")
		if header == "" {
			continue
		}
		name, target, isLink := strings.Cut(header, " -> ")
		switch {
		case isLink:
			files[name] = &fstest.MapFile{Data: []byte(target), Mode: fs.ModeSymlink | 0o777}
		case strings.HasSuffix(name, "/"):
			files[strings.TrimSuffix(name, "/")] = &fstest.MapFile{Mode: fs.ModeDir | 0o755}
		default:
			files[name] = &fstest.MapFile{Data: []byte(content + "\n"), Mode: 0o644}
		}
	}
	return root{files}
}

// wantJSON compares a record as it is published, so that null and zero differ.
func wantJSON(t *testing.T, got any, want string) {
	t.Helper()
	text, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	if string(text) != want {
		t.Errorf("\ngot  %s\nwant %s", text, want)
	}
}
