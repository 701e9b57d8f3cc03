package vfs

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
)

func (r *Recorder) Remove(path string) error {
	clean := filepath.Clean(path)
	return r.change(TraceOp{Kind: KindRemove, Path: clean}, func(*TraceOp) error {
		err := r.inner.Remove(path)
		if err == nil {
			r.forget(clean)
		}
		return err
	})
}

func (r *Recorder) RemoveAll(path string) error {
	clean := filepath.Clean(path)
	return r.change(TraceOp{Kind: KindRemove, Path: clean, All: true}, func(*TraceOp) error {
		err := r.inner.RemoveAll(path)
		if err == nil {
			r.forget(clean)
		}
		return err
	})
}

func (r *Recorder) Rename(from, to string) error {
	cleanFrom, cleanTo := filepath.Clean(from), filepath.Clean(to)
	return r.change(TraceOp{Kind: KindRename, Path: cleanFrom, To: cleanTo}, func(*TraceOp) error {
		err := r.inner.Rename(from, to)
		if err == nil {
			r.moved(cleanFrom, cleanTo)
		}
		return err
	})
}

func (r *Recorder) Link(from, to string) error {
	cleanFrom, cleanTo := filepath.Clean(from), filepath.Clean(to)
	return r.change(TraceOp{Kind: KindLink, Path: cleanFrom, To: cleanTo}, func(*TraceOp) error {
		err := r.inner.Link(from, to)
		if err == nil {
			r.files[cleanTo] = r.files[cleanFrom]
		}
		return err
	})
}

func (r *Recorder) MkdirAll(path string) error {
	clean := filepath.Clean(path)
	return r.change(TraceOp{Kind: KindMkdir, Path: clean}, func(*TraceOp) error {
		there, missing, err := r.missing(clean)
		if err == nil {
			err = r.inner.MkdirAll(path)
		}
		if err != nil {
			return err
		}
		r.place(r.adoptDir(there), TraceOp{Kind: KindSyncDir, Path: there})
		for _, dir := range missing {
			r.dirs[dir] = &recordedFile{}
		}
		return nil
	})
}

// missing splits path and its parents into the nearest that is there, and
// those that are not.
func (r *Recorder) missing(path string) (there string, missing []string, err error) {
	for {
		_, err := r.inner.Stat(path)
		parent := filepath.Dir(path)
		if !errors.Is(err, fs.ErrNotExist) || parent == path {
			return path, missing, err
		}
		missing = append(missing, path)
		path = parent
	}
}

// moved follows a rename.
func (r *recording) moved(from, to string) {
	if from == to || r.files[from] != nil && r.files[from] == r.files[to] {
		return // which does nothing
	}
	r.forget(to)
	for _, known := range []map[string]*recordedFile{r.files, r.dirs} {
		moved := map[string]*recordedFile{}
		for path, f := range known {
			if rest, ok := under(path, from); ok {
				moved[to+rest] = f
				delete(known, path)
			}
		}
		for path, f := range moved {
			known[path] = f
		}
	}
}

// forget drops a name and all below it.
func (r *recording) forget(path string) {
	for _, known := range []map[string]*recordedFile{r.files, r.dirs} {
		for p := range known {
			if _, ok := under(p, path); ok {
				delete(known, p)
			}
		}
	}
}

// under says whether path is dir or below it, and what follows.
func under(path, dir string) (rest string, ok bool) {
	rest, ok = strings.CutPrefix(path, dir)
	return rest, ok && (rest == "" || rest[0] == filepath.Separator || dir == string(filepath.Separator))
}
