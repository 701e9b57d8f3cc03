package btree

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"io/fs"
	"strconv"

	"github.com/kvbench/kvbench/btree/page"
	"github.com/kvbench/kvbench/btree/store"
	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/examine"
	"github.com/kvbench/kvbench/engine/vfs"
)

// A verifier reads all of a directory by itself, without opening the engine: it
// goes on where that would give up.
//
// What it holds against each other: the superblocks; the map and the slots,
// each of which has one owner at most; each page and what the map says of it;
// the tree, from the root down, in which each page has one place, with the
// fences that its place has; the chain of leaves; the chains of large values;
// the count of keys; the records of the log.
//
// Pages are read in the order of slots, many at once; only inner pages are read
// again, in the order of keys. Of each page 24 bytes are kept, of each slot 4,
// of each large value 24.
//
// Below damage it is not known what should be there. Then nothing is said of
// pages that nobody refers to, nor of the count of keys.
type verifier struct {
	*examine.Dir
	path string // of the file of pages
	file vfs.File
	size int64 // of it
	sb   store.Superblock

	known bool // sb is
	blind bool // something could not be read: what follows from it is not known
	seed  maphash.Seed

	sheets []sheet
	owners []uint32 // of each slot that the file has: 0 if it is free
	chains []chain
	walk   treeWalk
	census census
}

// verify implements engine.Driver.Verify.
func verify(ctx context.Context, dir string, env engine.Env, report func(engine.Problem)) error {
	v, err := newVerifier(ctx, dir, env, report)
	if err != nil {
		return fmt.Errorf("verify btree: %w", err)
	}
	defer v.end()
	if err := v.all(); err != nil {
		return fmt.Errorf("verify btree: %w", err)
	}
	return nil
}

// newVerifier opens the directory. end must follow.
func newVerifier(ctx context.Context, dir string, env engine.Env, report func(engine.Problem)) (*verifier, error) {
	d, err := examine.Open(ctx, env.WithDefaults().FS, dir, engine.Marker{Engine: name, Format: format}, report, dataName)
	if err != nil {
		return nil, err
	}
	return &verifier{Dir: d, path: d.Path(dataName), seed: maphash.MakeSeed()}, nil
}

func (v *verifier) end() {
	if v.file != nil {
		v.file.Close() //nolint:errcheck // was only read
	}
	v.Close() //nolint:errcheck // is a lock of a reader
}

func (v *verifier) all() error {
	for _, step := range []func() error{
		v.openFile, v.readMap, v.readPages, v.walkTree, v.walkChains, v.findLost, v.checkLog,
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return v.Err()
}

// openFile reads the superblocks. A directory that was made and never used has
// no file, or one that was never finished.
func (v *verifier) openFile() error {
	born := v.Exists(logDir)
	f, err := v.FS.Open(v.path)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) && !born {
			return nil
		}
		return v.Found(v.path, err, "")
	}
	v.file = f
	if v.size, err = f.Size(); err != nil {
		return v.Found(v.path, err, "")
	}
	v.sb, err = store.ReadSuperblock(f, v.path)
	if err != nil {
		if errors.Is(err, store.ErrUnborn) && !born {
			return nil
		}
		return v.Found(v.path, err, "; without one nothing says where pages are")
	}
	v.known = true
	v.checkMarker()
	if want := int64(v.sb.Slots) * int64(v.sb.PageBytes); v.size < want {
		v.Problem(v.path, v.size, "the file ends, its superblock wants %d bytes", want)
	}
	if v.sb.Damage == nil || v.sb.Fallback {
		return nil // a crash may tear one; the log tells if it had been committed
	}
	return v.Found(v.path, v.sb.Damage, "; the other one is whole")
}

// checkMarker compares what the marker says.
func (v *verifier) checkMarker() {
	mode := modeWAL
	if v.sb.Cow {
		mode = modeCOW
	}
	for name, have := range map[string]string{modeName: mode, pageBytesName: strconv.Itoa(v.sb.PageBytes)} {
		if want, ok := v.Marker.Fixed[name]; ok && v.Marked && want != have {
			v.Problem(v.path, 0, "the superblock says %s=%s, the marker %s", name, have, want)
		}
	}
}

// offset is where a slot begins.
func (v *verifier) offset(slot uint64) int64 { return int64(slot) * int64(v.sb.PageBytes) }

// damaged reports what package page or store says of the page of a slot.
func (v *verifier) damaged(slot uint64, what string, err error, note string) {
	off := v.offset(slot)
	if damage, ok := errors.AsType[*page.DamageError](err); ok {
		v.Problem(v.path, off+int64(damage.Offset), "%s: %s%s", what, damage.Detail, note)
		return
	}
	v.Problem(v.path, off, "%s: %v%s", what, err, note)
}

// readPage reads the page that a ref is to. If it is not as the ref says, that
// is a problem, and ok is false.
func (v *verifier) readPage(p []byte, id page.ID, ref store.Ref, what string) (ok bool, err error) {
	off := v.offset(ref.Slot())
	if n, err := v.file.ReadAt(p, off); n < len(p) {
		if err == nil || errors.Is(err, io.EOF) {
			v.Problem(v.path, off, "%s: the file ends before it does", what)
			return false, nil
		}
		return false, v.Found(v.path, engine.Corrupt(v.path, off, what, err), "")
	}
	if err := page.Verify(p, id, ref.Slot(), ref.Check()); err != nil {
		v.damaged(ref.Slot(), what, err, unseen)
		return false, nil
	}
	return true, nil
}

// unseen ends what is said of a page when it is not known what it had.
const unseen = "; what it leads to was not looked at"
