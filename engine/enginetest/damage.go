package enginetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
)

func damageClauses() []clause {
	verify := func(f *facts) bool { return f.onMem && f.driver.Verify != nil }
	return []clause{
		{name: "every changed byte is found or harmless", needs: onMem, run: changedBytes},
		{name: "after a kill a changed byte is found, or ends a log early", needs: onMem, run: changedBytesAfterKill},
		{name: "a file cut short or missing is found, or ends a log early", needs: onMem, run: cutFiles},
		{name: "damage is ErrCorrupt with file and offset", needs: onMem, run: damageHasPlace},
		{name: "Verify finds what reading finds, and more cannot stop it", needs: verify, run: verifyFindsDamage},
	}
}

const (
	damageTime = 120 * time.Millisecond

	// lookEvery is how many zeros in a row stand for each other when time is
	// short.
	lookEvery = 61
)

// A specimen is a small database, and what it holds.
type specimen struct {
	b        *rig
	settings map[string]string
	h        *history
	j        *journal
	mem      *vfs.Mem
	closed   bool     // cleanly
	logs     []string // files that are a log
	files    []specimenFile
}

type specimenFile struct {
	path string
	data []byte
}

// specimen performs a short history. closed says whether the engine is closed
// then, or killed.
func (b *rig) specimen(r *rand.Rand, closed bool) *specimen {
	b.Helper()
	settings := b.trialSettings(variants, r)
	h := drawHistory(r, &b.caps, shape{writers: 1, steps: shortSteps, reopens: true})
	x := b.newTrial(vfs.NewMem(), settings, h, nil)
	seen := newClassSeer(x.mem)
	x.fsys = seen
	err := x.open()
	for i := 0; i < len(h.steps[0]) && err == nil; i++ {
		err = x.play(0, h.steps[0][i])
	}
	if err == nil && closed {
		err = x.close()
	}
	if err != nil {
		b.Fatalf("%s with %v: %v; the history:%v", b.d.Name, settings, err, h)
	}
	s := &specimen{b: b, settings: settings, h: h, j: x.j, mem: x.mem.Image(vfs.Written), closed: closed, logs: seen.logs()}
	if !closed {
		x.close()
	}
	b.ok(s.list(trialDir), "read the specimen")
	return s
}

// list reads all files below dir.
func (s *specimen) list(dir string) error {
	names, err := s.mem.List(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		path := filepath.Join(dir, name)
		info, err := s.mem.Stat(path)
		if err != nil {
			return err
		}
		if info.IsDir() {
			if err := s.list(path); err != nil {
				return err
			}
			continue
		}
		f, err := s.mem.Open(path)
		if err != nil {
			return err
		}
		data := make([]byte, info.Size())
		_, err = f.ReadAt(data, 0)
		f.Close()
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		s.files = append(s.files, specimenFile{path, data})
	}
	return nil
}

// isLog reports whether a file was written as a log.
func (s *specimen) isLog(path string) bool {
	return slices.Contains(s.logs, path)
}

// A wound is one way to damage a specimen.
type wound struct {
	path string
	what string
	do   func(fsys vfs.FS) error
}

// offsets are those to change: all, or where time is short all but most of
// long runs of zeros.
func (f *specimenFile) offsets(r *rand.Rand) []int64 {
	var all []int64
	zeros := 0
	for i, c := range f.data {
		if c == 0 {
			zeros++
		} else {
			zeros = 0
		}
		if zeros < 20 || soaking() || r.IntN(lookEvery) == 0 {
			all = append(all, int64(i))
		}
	}
	return all
}

// change overwrites one byte.
func (f *specimenFile) change(off int64, to byte) wound {
	return wound{
		path: f.path,
		what: fmt.Sprintf("byte %d of %d of %s changed from %#02x to %#02x", off, len(f.data), f.path, f.data[off], to),
		do: func(fsys vfs.FS) error {
			x, err := fsys.OpenReadWrite(f.path)
			if err != nil {
				return err
			}
			defer x.Close()
			_, err = x.WriteAt([]byte{to}, off)
			return err
		},
	}
}

// flips are other values for a byte: one bit changed, none set, all set.
func flips(c byte, r *rand.Rand) []byte {
	all := []byte{c ^ 1<<r.IntN(8)}
	for _, x := range []byte{0, 0xff} {
		if x != c && x != all[0] {
			all = append(all, x)
		}
	}
	return all
}

// changes are all single bytes that are to be changed, in random order, and
// with one value each unless there is time for more.
func (s *specimen) changes(r *rand.Rand) []wound {
	var all []wound
	for i := range s.files {
		f := &s.files[i]
		for _, off := range f.offsets(r) {
			values := flips(f.data[off], r)
			if !soaking() {
				values = values[r.IntN(len(values)):][:1]
			}
			for _, value := range values {
				all = append(all, f.change(off, value))
			}
		}
	}
	r.Shuffle(len(all), func(i, k int) { all[i], all[k] = all[k], all[i] })
	return all
}

// cuts shorten each file to every length, or remove it.
func (s *specimen) cuts(r *rand.Rand) []wound {
	var all []wound
	for i := range s.files {
		f := &s.files[i]
		all = append(all, wound{f.path, f.path + " removed", func(fsys vfs.FS) error { return fsys.Remove(f.path) }})
		for _, n := range f.offsets(r) {
			what := fmt.Sprintf("%s cut from %d to %d bytes", f.path, len(f.data), n)
			all = append(all, wound{f.path, what, func(fsys vfs.FS) error {
				x, err := fsys.OpenReadWrite(f.path)
				if err != nil {
					return err
				}
				defer x.Close()
				return x.Truncate(n)
			}})
		}
	}
	r.Shuffle(len(all), func(i, k int) { all[i], all[k] = all[k], all[i] })
	return all
}

// outcome is what reading a damaged directory came to.
type outcome struct {
	err   error // of Open or of a read
	found map[string]string
	mem   *vfs.Mem // the damaged directory, as it was before it was opened
}

// suffer damages a copy and reads it. Values that are wrong, and errors that
// are not of damage, are errors.
func (s *specimen) suffer(w wound, r rule) (out outcome, err error) {
	mem := s.mem.Image(vfs.Written)
	if err := w.do(mem); err != nil {
		return out, fmt.Errorf("damage: %w", err)
	}
	out.mem = mem.Image(vfs.Written)
	x := s.b.newTrial(mem, s.settings, s.h, nil)
	if out.err = x.open(); out.err == nil {
		out.found, out.err = x.read()
		if err := x.close(); errors.Is(err, errPanic) {
			return out, err
		}
	}
	if out.err != nil {
		if errors.Is(out.err, engine.ErrCorrupt) {
			return out, nil
		}
		if strings.HasSuffix(w.path, engine.MarkerName) && errors.Is(out.err, engine.ErrNotEngineDir) {
			return out, nil // it is removed
		}
		return out, fmt.Errorf("error is not ErrCorrupt: %w", out.err)
	}
	return out, s.j.judge(out.found, s.j.span(), r)
}

// wounds tries one after the other until the time is over, of several
// specimens if there is more. Where there is a soak, it tries all of the first.
func (b *rig) wounds(closed bool, list func(*specimen, *rand.Rand) []wound, try func(*specimen, wound) error) {
	b.Helper()
	deadline := time.Now().Add(budget(damageTime) + b.spare)
	tried, specimens := 0, 0
	for seed := firstSeed(); specimens == 0 || time.Now().Before(deadline); seed++ {
		s := b.specimen(rand.New(rand.NewPCG(seed, 10)), closed)
		specimens++
		for _, w := range list(s, rand.New(rand.NewPCG(seed, 11))) {
			if err := try(s, w); err != nil {
				b.Errorf("%s with %v, KVBENCH_SEED=%d, %s: %v; the history:%v", b.d.Name, s.settings, seed, w.what, err, s.h)
				return
			}
			if tried++; (specimens > 1 || !soaking()) && time.Now().After(deadline) {
				break
			}
		}
	}
	b.Logf("%d specimens damaged in %d places in all", specimens, tried)
}

func changedBytes(b *rig) {
	b.wounds(true, (*specimen).changes, func(s *specimen, w wound) error {
		_, err := s.suffer(w, all())
		return err
	})
}

// changedBytesAfterKill allows that the last write in the log is missing, and
// what had not been acknowledged at Sync when it began: nothing says that these
// were durable.
func changedBytesAfterKill(b *rig) {
	b.wounds(false, (*specimen).changes, func(s *specimen, w wound) error {
		_, err := s.suffer(w, rule{prefix: true, beforeLast: true})
		return err
	})
}

// cutFiles allows that a log ends early anywhere: what said where it ends may
// have been cut off too.
func cutFiles(b *rig) {
	b.wounds(true, (*specimen).cuts, func(s *specimen, w wound) error {
		r := all()
		if s.isLog(w.path) {
			r = rule{prefix: true, anyPrefix: true}
		}
		_, err := s.suffer(w, r)
		return err
	})
}

// damageHasPlace wants a file and an offset of every error. What disagrees with
// the changed file may be blamed in its stead, but not as a rule.
func damageHasPlace(b *rig) {
	found, right := 0, 0
	b.wounds(true, (*specimen).changes, func(s *specimen, w wound) error {
		out, err := s.suffer(w, all())
		if err != nil || out.err == nil {
			return err
		}
		var damage *engine.CorruptionError
		if !errors.As(out.err, &damage) {
			return fmt.Errorf("the error wraps ErrCorrupt, but is no CorruptionError: %w", out.err)
		}
		if !s.has(damage.File) || damage.Offset < 0 {
			return fmt.Errorf("the error names file %q, offset %d: %w", damage.File, damage.Offset, out.err)
		}
		found++
		if damage.File == w.path {
			right++
		}
		return nil
	})
	if 2*right < found {
		b.Errorf("of %d changes that were found only %d were found in the file that was changed", found, right)
	}
}

// has reports whether there is such a file.
func (s *specimen) has(path string) bool {
	return slices.ContainsFunc(s.files, func(f specimenFile) bool { return f.path == path })
}

func verifyFindsDamage(b *rig) {
	list := func(s *specimen, r *rand.Rand) []wound {
		both := append(s.changes(r), s.cuts(r)...)
		r.Shuffle(len(both), func(i, k int) { both[i], both[k] = both[k], both[i] })
		return both
	}
	b.wounds(true, list, func(s *specimen, w wound) error {
		out, err := s.suffer(w, rule{prefix: true, anyPrefix: true})
		if err != nil {
			return err
		}
		problems := 0
		err = safely("verify", func() error {
			return b.d.Verify(context.Background(), trialDir, engine.Env{FS: out.mem}, func(engine.Problem) { problems++ })
		})
		if errors.Is(err, errPanic) {
			return err
		}
		if out.err != nil && problems == 0 && err == nil {
			return fmt.Errorf("no problem found by Verify, though reading finds one: %w", out.err)
		}
		return nil
	})
}
