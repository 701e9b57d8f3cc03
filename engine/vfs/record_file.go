package vfs

import "path/filepath"

func (r *Recorder) Create(path string) (File, error) {
	clean := filepath.Clean(path)
	var out *recordFile
	err := r.change(TraceOp{Kind: KindCreate, Path: clean}, func(op *TraceOp) error {
		f, err := r.inner.Create(path)
		if err != nil {
			return err
		}
		r.count++
		op.File = r.count
		known := &recordedFile{id: op.File}
		r.files[clean] = known
		out = &recordFile{File: f, recording: r.recording, known: known, path: clean}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (r *Recorder) Open(path string) (File, error) {
	return r.open(path, false, func() (File, error) { return r.inner.Open(path) })
}

func (r *Recorder) OpenReadWrite(path string) (File, error) {
	return r.open(path, false, func() (File, error) { return r.inner.OpenReadWrite(path) })
}

func (r *Recorder) OpenDirect(path string, dsync bool) (File, error) {
	return r.open(path, dsync, func() (File, error) { return r.inner.OpenDirect(path, dsync) })
}

func (r *Recorder) open(path string, dsync bool, open func() (File, error)) (File, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f, err := open()
	if err != nil {
		return nil, err
	}
	path = filepath.Clean(path)
	if err := r.adopt(r.inner, path); err != nil {
		f.Close()
		return nil, err
	}
	known := r.files[path]
	if known == nil {
		known = r.adoptDir(path)
	}
	if dsync && !known.dsync {
		known.dsync = true
		r.add(TraceOp{Kind: KindOpen, File: known.id, Path: path})
	}
	return &recordFile{File: f, recording: r.recording, known: known, path: path, dsync: dsync}, nil
}

// recordFile is an open file, or directory, of a Recorder.
type recordFile struct {
	File
	*recording
	known *recordedFile
	path  string
	dsync bool
	pos   int64 // where the next Write goes; for one goroutine at a time
}

// change runs a call that changes the file, and adds op if that says so.
func (f *recordFile) change(call func() (op TraceOp, changed bool)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	op, changed := call()
	if !changed {
		return
	}
	f.place(f.known, TraceOp{Kind: KindSync, File: f.known.id, Path: f.path})
	op.File, op.Path = f.known.id, f.path
	f.add(op)
}

func (f *recordFile) write(p []byte, off int64, write func() (int, error)) (n int, err error) {
	f.change(func() (TraceOp, bool) {
		n, err = write()
		data := append([]byte(nil), p[:n]...)
		return TraceOp{Kind: KindWrite, Off: off, Data: data, Dsync: f.dsync && err == nil}, n > 0
	})
	return n, err
}

func (f *recordFile) WriteAt(p []byte, off int64) (int, error) {
	return f.write(p, off, func() (int, error) { return f.File.WriteAt(p, off) })
}

func (f *recordFile) Write(p []byte) (int, error) {
	n, err := f.write(p, f.pos, func() (int, error) { return f.File.Write(p) })
	f.pos += int64(n)
	return n, err
}

func (f *recordFile) Truncate(size int64) (err error) {
	f.change(func() (TraceOp, bool) {
		err = f.File.Truncate(size)
		return TraceOp{Kind: KindTruncate, Size: size}, err == nil
	})
	return err
}

func (f *recordFile) Preallocate(off, n int64) (err error) {
	f.change(func() (TraceOp, bool) {
		err = f.File.Preallocate(off, n)
		return TraceOp{Kind: KindPreallocate, Off: off, Size: n}, err == nil
	})
	return err
}

func (f *recordFile) PunchHole(off, n int64) (err error) {
	f.change(func() (TraceOp, bool) {
		err = f.File.PunchHole(off, n)
		return TraceOp{Kind: KindPunch, Off: off, Size: n}, err == nil
	})
	return err
}

func (f *recordFile) Sync() error { return f.sync(f.known, f.syncOp(), f.File.Sync) }

func (f *recordFile) SyncData() error { return f.sync(f.known, f.syncOp(), f.File.SyncData) }

func (f *recordFile) syncOp() TraceOp {
	if f.known.id == 0 {
		return TraceOp{Kind: KindSyncDir, Path: f.path}
	}
	return TraceOp{Kind: KindSync, File: f.known.id, Path: f.path}
}
