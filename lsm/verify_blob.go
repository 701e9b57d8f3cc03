package lsm

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/lsm/blob"
	"github.com/kvbench/kvbench/lsm/version"
)

// A blobCheck is what is known of a blob file.
type blobCheck struct {
	path    string
	records []blobRecord // that are sound, from the beginning on
	to      uint64       // where they end: what is behind is not known

	// r reads what is behind; nil where there is nothing, or nothing can be
	// read.
	r       *blob.Reader
	value   []byte
	damaged map[uint64]bool // offsets that were reported
}

// A blobRecord takes 8 bytes: there may be many millions.
type blobRecord struct{ offset, length uint32 }

// checkBlobs reads all blob files, before the tables whose pointers name what is
// in them.
func (v *verifier) checkBlobs() error {
	v.blobs = map[uint64]*blobCheck{}
	if v.unknown {
		return v.named(blobDir, blobSuffix, func(id uint64) error { return v.checkBlob(id, nil) })
	}
	for _, b := range v.state.Version.Blobs {
		if err := v.checkBlob(b.ID, b); err != nil {
			return err
		}
	}
	return nil
}

// checkBlob reads a blob file. meta is what the manifest says of it, or nil.
func (v *verifier) checkBlob(id uint64, meta *version.Blob) error {
	c := &blobCheck{path: v.Path(blobDir + "/" + blobName(id)), damaged: map[uint64]bool{}}
	v.blobs[id] = c
	note := unnamed
	if meta != nil {
		note = ""
		if ok, err := v.whole(c.path, meta.Bytes); !ok {
			return err
		}
	}
	r, err := blob.Open(v.FS, c.path, id, blob.ReaderOptions{})
	if err != nil {
		return v.Found(c.path, err, note)
	}
	info := r.Info()
	if meta != nil && info != *meta {
		v.Problem(c.path, -1, "the file is %v, and the manifest says %v", &info, meta)
	}
	if info.Bytes > math.MaxUint32 {
		v.Problem(c.path, -1, "the file has %d bytes: no blob file is so large", info.Bytes)
		return r.Close()
	}
	err = r.Walk(func(p blob.Pointer, _ []byte) error {
		c.records = append(c.records, blobRecord{uint32(p.Offset), uint32(p.Length)})
		c.to = p.Offset + 1
		return v.Err()
	})
	if err == nil {
		c.to = math.MaxUint64
		return r.Close()
	}
	c.r = r
	if damage, ok := errors.AsType[*engine.CorruptionError](err); ok {
		c.damaged[uint64(damage.Offset)] = true
	}
	return v.Found(c.path, err, "; the values behind it are only looked at where tables name them")
}

// unnamed ends what is said of a file of which nobody knows whether it counts.
const unnamed = "; without a manifest nothing says whether the file is needed"

func (v *verifier) closeBlobs() {
	for _, c := range v.blobs {
		if c.r != nil {
			c.r.Close()
		}
	}
}

// checkPointer reports a value that is damaged, and returns what is wrong with
// a pointer that names none, or "".
func (v *verifier) checkPointer(key []byte, p blob.Pointer) string {
	c := v.blobs[p.File]
	if c == nil {
		return "names blob file " + blobName(p.File) + ", which is not there"
	}
	i, ok := slices.BinarySearchFunc(c.records, p.Offset, func(r blobRecord, off uint64) int {
		return cmp.Compare(uint64(r.offset), off)
	})
	switch {
	case ok && uint64(c.records[i].length) == p.Length:
		return ""
	case ok || p.Offset < c.to:
		return "names " + p.String() + ", where there is no such value"
	case c.r == nil || c.damaged[p.Offset]:
		return "" // was reported
	}
	value, err := c.r.Get(c.value[:0], p)
	if c.value = value; err == nil {
		return ""
	}
	c.damaged[p.Offset] = true
	v.Found(c.path, err, fmt.Sprintf("; it is the value of key %.64q", key)) //nolint:errcheck // the walk finds the context ended
	return ""
}
