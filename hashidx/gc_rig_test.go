package hashidx

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/hashidx/index"
	"github.com/kvbench/kvbench/hashidx/manifest"
)

// twinSeed is a seed of the hash under which the keys of twinKeys, two by two,
// have one code: the index cannot tell them apart.
const twinSeed = 1

func twinKeys() []string {
	return []string{"k465688", "k1831711", "k2816531", "k3261925"}
}

// fataler is a testing.T or a rapid.T.
type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

// A gcRig is a store whose garbage is collected segment by segment, as a test
// says, and what should be in it.
type gcRig struct {
	t     fataler
	fsys  *vfs.Mem
	e     *store
	clock atomic.Int64 // nanoseconds since 1970
	want  map[string]pledge
	count int    // of values
	index string // the setting

	faults *vfs.Fault // over fsys, if not nil
}

// A pledge is a value, and when it ceases to be.
type pledge struct {
	value  string
	expire time.Time // zero: never
}

func newGCRig(t fataler) *gcRig { return newGCRigOn(t, indexMemory) }

func newGCRigOn(t fataler, index string) *gcRig {
	t.Helper()
	r := &gcRig{t: t, fsys: vfs.NewMem(), want: map[string]pledge{}, index: index}
	r.pass(1000 * time.Second)
	r.open()
	r.ok(r.e.Close())
	// The hash gets the seed of the twins: there are no keys yet.
	r.ok(r.fsys.Remove("/db/" + manifest.Name))
	m, err := manifest.Create(r.fsys, "/db", twinSeed)
	r.ok(err)
	r.ok(m.Close())
	r.open()
	return r
}

func (r *gcRig) now() time.Time       { return time.Unix(0, r.clock.Load()) }
func (r *gcRig) pass(d time.Duration) { r.clock.Add(int64(d)) }

func (r *gcRig) ok(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatalf("%v", err)
	}
}

func (r *gcRig) open() {
	r.t.Helper()
	given := map[string]string{
		"segment_bytes": "8k", "cache_bytes": "64k", "tail_bytes": "16k", "gc": "off", "durability": "buffered",
		"index": r.index, "index_front_bytes": "64k",
	}

	var files vfs.FS = r.fsys
	if r.faults != nil {
		files = r.faults
	}
	e, err := open("/db", given, engine.Env{FS: files, Now: r.now})
	r.ok(err)
	r.e = e.(*store)
}

func (r *gcRig) value() string {
	r.count++
	return fmt.Sprintf("value%d", r.count)
}

func (r *gcRig) put(key string) {
	r.t.Helper()
	v := r.value()
	r.ok(r.e.Put([]byte(key), []byte(v), engine.Default))
	r.want[key] = pledge{value: v}
}

func (r *gcRig) putTTL(key string, ttl time.Duration) {
	r.t.Helper()
	v, at := r.value(), r.now().Add(ttl)
	r.ok(r.e.PutTTL([]byte(key), []byte(v), at, engine.Default))
	r.want[key] = pledge{v, at}
}

func (r *gcRig) remove(key string) {
	r.t.Helper()
	r.ok(r.e.Delete([]byte(key), engine.Default))
	delete(r.want, key)
}

// batch puts and removes in turns.
func (r *gcRig) batch(keys ...string) {
	r.t.Helper()
	var b engine.Batch
	for i, key := range keys {
		if i%2 == 0 {
			v := r.value()
			b.Put([]byte(key), []byte(v))
			r.want[key] = pledge{value: v}
			continue
		}
		b.Delete([]byte(key))
		delete(r.want, key)
	}
	r.ok(r.e.Apply(&b, engine.Default))
}

// check compares all keys.
func (r *gcRig) check(what string) {
	r.t.Helper()
	live := map[string]string{}
	for key, p := range r.want {
		if p.expire.IsZero() || r.now().Before(p.expire) {
			live[key] = p.value
		}
	}
	found := map[string]string{}
	r.ok(r.e.Scan(context.Background(), func(key, value []byte) error {
		if _, twice := found[string(key)]; twice {
			return fmt.Errorf("scan: %s came twice", key)
		}
		found[string(key)] = string(value)
		return nil
	}))
	if !maps.Equal(found, live) {
		r.t.Fatalf("%s: there is %v, want %v", what, found, live)
	}
	for _, key := range slices.Concat(twinKeys(), slices.Collect(maps.Keys(live))) {
		got, err := r.e.Get(nil, []byte(key))
		want, there := live[key]
		if there && string(got) != want || there != (err == nil) || err != nil && !errors.Is(err, engine.ErrNotFound) {
			r.t.Fatalf("%s: %s is %q, %v, want %q", what, key, got, err, want)
		}
	}
}

// upkeep runs f as who works does.
func (r *gcRig) upkeep(f func(ctx context.Context) error) {
	r.t.Helper()
	ctx := context.Background()
	r.ok(r.e.keeper.take(ctx))
	err := f(ctx)
	r.e.keeper.give()
	r.ok(err)
}

// rotate ends and seals the segments that are being written.
func (r *gcRig) rotate() { r.end(manifest.Hot, manifest.Cold) }

func (r *gcRig) end(logs ...manifest.Log) {
	r.t.Helper()
	r.upkeep(func(ctx context.Context) error {
		for _, log := range logs {
			if l := r.e.log(log); l != nil {
				if err := l.Rotate(ctx); err != nil {
					return err
				}
			}
		}
		return r.e.tidy(ctx)
	})
}

func (r *gcRig) image() {
	r.t.Helper()
	r.upkeep(func(ctx context.Context) error {
		r.e.maintenance.Lock()
		defer r.e.maintenance.Unlock()
		return r.e.writeImage(ctx)
	})
}

// victims lists what can be collected: hot/ before cold/, oldest first.
func (r *gcRig) victims() (list []owner) {
	for _, c := range r.e.candidatesNow() {
		s := r.e.segments.all[c.number].Load()
		list = append(list, owner{s.log, s.id})
	}
	slices.SortFunc(list, func(a, b owner) int {
		return int(a.log)<<20 - int(b.log)<<20 + int(a.id) - int(b.id)
	})
	return list
}

// collect collects a segment, whatever is in it.
func (r *gcRig) collect(o owner) {
	r.t.Helper()
	s := r.e.segments.get(o.log, o.id)
	if s == nil {
		r.t.Fatalf("there is no segment %v/%d", o.log, o.id)
	}
	r.upkeep(func(ctx context.Context) error {
		r.e.maintenance.Lock()
		v, err := r.e.survey(ctx, s)
		r.e.maintenance.Unlock()
		if err != nil {
			return err
		}
		if err := r.e.collect(ctx, v, 0); err != nil {
			return err
		}
		return r.e.removeDropped(ctx)
	})
	if r.e.segments.get(o.log, o.id) != nil {
		r.t.Fatalf("segment %v/%d is there still", o.log, o.id)
	}
	if _, err := r.fsys.Stat(s.path); !errors.Is(err, os.ErrNotExist) {
		r.t.Fatalf("%s: %v, want that it is gone", s.path, err)
	}
}

// reopenings are ways to open again, after which all is as before.
func reopenings() []string {
	return []string{"on", "reopened", "without image", "without hints", "with some hints", "without both", "killed", "power lost", "some lost"}
}

func (r *gcRig) reopen(how string) {
	r.t.Helper()
	if how == "on" {
		return
	}
	next := r.fsys
	switch how {
	case "killed", "power lost", "some lost":
		r.ok(r.e.Sync())
		switch how {
		case "killed":
			next = r.fsys.Image(vfs.Written)
		case "power lost":
			next = r.fsys.Image(vfs.Synced)
		default:
			next = r.fsys.Crash(uint64(r.count))
		}
	}
	r.ok(r.e.Close())
	r.fsys = next
	if how == "without image" || how == "without both" {
		r.empty("/db/"+imageDir, 0)
	}
	if how == "without hints" || how == "without both" {
		r.empty("/db/"+hintDir, 0)
	}
	if how == "with some hints" {
		r.empty("/db/"+imageDir, 0)
		r.empty("/db/"+hintDir, 1)
	}
	r.open()
}

// empty removes all files of a directory, or every other one.
func (r *gcRig) empty(dir string, every int) {
	r.t.Helper()
	names, err := r.fsys.List(dir)
	r.ok(err)
	for i, name := range names {
		if every == 0 || i%2 == 0 {
			r.ok(r.fsys.Remove(dir + "/" + name))
		}
	}
}

func TestTwinsHaveOneCode(t *testing.T) {
	r := newGCRig(t)
	defer r.e.Close()
	keys := twinKeys()
	for i := 0; i < len(keys); i += 2 {
		a, b := r.e.hash([]byte(keys[i])), r.e.hash([]byte(keys[i+1]))
		if a == b || !index.Same(a, b) {
			t.Errorf("%s and %s: %x and %x", keys[i], keys[i+1], a, b)
		}
	}
}

// run performs a script of words: "+k" puts k, "-k" deletes it, "~k" puts it
// for ten seconds, "wait" lets eleven pass, "*a*b" is a batch that puts a and
// deletes b, "|" seals, "!" seals hot/ only, "gc" collects all of hot/ that is
// sealed, "image" writes an image.
func (r *gcRig) run(script string) {
	r.t.Helper()
	for word := range strings.FieldsSeq(script) {
		switch {
		case word == "|":
			r.rotate()
		case word == "!":
			r.end(manifest.Hot)
		case word == "gc":
			for _, o := range r.victims() {
				if o.log == manifest.Hot {
					r.collect(o)
				}
			}
		case word == "wait":
			r.pass(11 * time.Second)
		case word == "image":
			r.image()
		case word[0] == '+':
			r.put(scriptKey(word[1:]))
		case word[0] == '-':
			r.remove(scriptKey(word[1:]))
		case word[0] == '~':
			r.putTTL(scriptKey(word[1:]), 10*time.Second)
		default:
			var keys []string
			for name := range strings.SplitSeq(word[1:], "*") {
				keys = append(keys, scriptKey(name))
			}
			r.batch(keys...)
		}
	}
}

// scriptKey gives the twins short names: a and b, c and d.
func scriptKey(name string) string {
	if i := strings.Index("abcd", name); i >= 0 {
		return twinKeys()[i]
	}
	return name
}
