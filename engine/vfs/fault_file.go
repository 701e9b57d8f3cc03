package vfs

import "sync/atomic"

// faultFile is a file of a Fault.
type faultFile struct {
	*injector
	inner File
	path  string
	gone  atomic.Bool // a sync through this handle has lost its data
}

func (f *faultFile) do(k Kind, bytes int64, call func() error) error {
	v := f.decide(k, f.path, "", bytes)
	return v.call(f.path, "", call)
}

func (f *faultFile) ReadAt(p []byte, off int64) (int, error) {
	v := f.decide(KindRead, f.path, "", int64(len(p)))
	if v.err == nil {
		return f.inner.ReadAt(p, off)
	}
	n := 0
	if v.part > 0 {
		var err error
		if n, err = f.inner.ReadAt(p[:min(v.part, int64(len(p)))], off); err != nil {
			return n, err
		}
	}
	return n, v.failure(f.path, "")
}

func (f *faultFile) WriteAt(p []byte, off int64) (int, error) {
	return f.write(p, func(p []byte) (int, error) { return f.inner.WriteAt(p, off) })
}

func (f *faultFile) Write(p []byte) (int, error) { return f.write(p, f.inner.Write) }

func (f *faultFile) write(p []byte, write func(p []byte) (int, error)) (int, error) {
	v := f.decide(KindWrite, f.path, "", int64(len(p)))
	if v.err == nil {
		return write(p)
	}
	n := 0
	if part := min(v.part, int64(len(p))); part > 0 {
		var err error
		if n, err = write(p[:part]); err != nil {
			return n, err
		}
	}
	if v.done {
		if _, err := write(p); err != nil {
			return 0, err
		}
	}
	return n, v.failure(f.path, "")
}

func (f *faultFile) Close() error {
	v := f.decide(KindClose, f.path, "", 0)
	if err := f.inner.Close(); err != nil || v.err == nil {
		return err
	}
	return v.failure(f.path, "")
}

func (f *faultFile) Size() (n int64, err error) {
	err = f.do(KindStat, 0, func() (err error) { n, err = f.inner.Size(); return err })
	if err != nil {
		return 0, err
	}
	return n, nil
}

func (f *faultFile) Truncate(size int64) error {
	return f.do(KindTruncate, 0, func() error { return f.inner.Truncate(size) })
}

func (f *faultFile) Sync() error { return f.sync(f.inner.Sync) }

func (f *faultFile) SyncData() error { return f.sync(f.inner.SyncData) }

func (f *faultFile) sync(sync func() error) error {
	v := f.decide(KindSync, f.path, "", 0)
	if v.lost {
		f.gone.Store(true)
		f.lost.add(f.path)
	} else if f.gone.Load() || f.lost.has(f.path) {
		v.lie = v.err == nil
	}
	return v.call(f.path, "", sync)
}

func (f *faultFile) Preallocate(off, n int64) error {
	return f.do(KindPreallocate, n, func() error { return f.inner.Preallocate(off, n) })
}

func (f *faultFile) PunchHole(off, n int64) error {
	return f.do(KindPunch, 0, func() error { return f.inner.PunchHole(off, n) })
}

func (f *faultFile) Mmap(off int64, n int) (Mapping, error) {
	var m Mapping
	err := f.do(KindMmap, 0, func() (err error) { m, err = f.inner.Mmap(off, n); return err })
	if err == nil {
		return m, nil
	}
	if m != nil {
		m.Close()
	}
	return nil, err
}

func (f *faultFile) Advise(a Advice, off, n int64) { f.inner.Advise(a, off, n) }
