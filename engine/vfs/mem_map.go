package vfs

import "io/fs"

// A memMapping is a copy of a part of a file that writes go to as well.
type memMapping struct {
	m    *Mem
	n    *inode
	off  int64
	data []byte // never nil until Close; guarded, as bytes, as Mmap says
}

// Mmap is File.Mmap. It copies the range. A write to bytes that somebody is
// reading through the mapping is a data race, as it would be in real memory.
// What a Truncate cut off reads as zeros.
func (f *memFile) Mmap(off int64, n int) (Mapping, error) {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if f.closed.Load() {
		return nil, pathError("mmap", f.path, fs.ErrClosed)
	}
	if err := checkMapping(f.path, off, int64(n), f.n.size); err != nil {
		return nil, err
	}
	x := &memMapping{m: f.m, n: f.n, off: off, data: AlignedBuffer(n)}
	f.n.now.readAt(x.data, off)
	f.n.maps = append(f.n.maps, x)
	return x, nil
}

func (x *memMapping) Bytes() []byte { return x.data }

func (x *memMapping) Close() error {
	x.m.mu.Lock()
	defer x.m.mu.Unlock()
	x.n.unmap(x)
	x.data = nil
	return nil
}

// write shows what is written to the file at off.
func (x *memMapping) write(p []byte, off int64) {
	if off < x.off {
		p = p[min(x.off-off, int64(len(p))):]
		off = x.off
	}
	if at := off - x.off; at < int64(len(x.data)) {
		copy(x.data[at:], p)
	}
}

func (x *memMapping) zero(c cut) {
	lo, hi := c.within(x.off, int64(len(x.data)))
	clear(x.data[lo:hi])
}
