package btree

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kvbench/kvbench/btree/page"
	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
)

// deepGroup is how many keys begin alike. The leaves of a group are told apart
// by separators that are as long as keys, but those of different groups by
// short ones: so nothing is stripped from inner pages, which have few children.
const deepGroup = 8

// deepKey is key n of a tree that is high though it has few keys.
func deepKey(n int) string {
	g := n / deepGroup
	return fmt.Sprintf("%05d%s/%d", g, strings.Repeat(string(rune('a'+g%26)), 440), n%deepGroup)
}

// A deep is a high tree, and what should be in it.
type deep struct {
	testing.TB
	r     *rand.Rand
	mem   *vfs.Mem
	given map[string]string
	span  int          // of keys
	now   atomic.Int64 // nanoseconds of Unix time
	tree  *tree
	want  map[string]entry
	held  []past
	did   []string // for messages
}

// A past is a snapshot, and what it should have.
type past struct {
	engine.Snapshot
	want map[string]entry
}

// deepSettings draws settings.
func deepSettings(r *rand.Rand) map[string]string {
	pick := func(of ...string) string { return of[r.IntN(len(of))] }
	given := small(map[string]string{
		"cache_bytes": pick("256k", "256k", "512k", "1m", "32m"), "eviction": pick("clock", "s3fifo"),
		"io": pick("pread", "mmap", "direct"), "fill": pick("0.5", "0.7", "0.9", "1"),
		"merge_below": pick("0", "0.2", "0.45"), "log_bytes": pick("64k", "256k", "4m"),
		"group_ops": pick("1", "4", "4096"), "checkpoint_pace": pick("0", "0.4"),
		"clean_share": pick("0", "0.1", "0.5"), "dirty_share": pick("0.2", "0.85", "1"),
		"shrink_slack": pick("0", "0.1", "1"), "throttle": pick("smooth", "off"),
		"durability": pick("none", "buffered", "os", "sync"),
	})
	if r.IntN(4) == 0 {
		given["mode"], given["durability"] = "cow", pick("none", "sync")
	}
	if r.IntN(8) == 0 {
		given["page_bytes"] = "8k"
	}
	return given
}

func newDeep(t testing.TB, seed uint64, given map[string]string, span int) *deep {
	t.Helper()
	d := &deep{
		TB: t, r: rand.New(rand.NewPCG(seed, 77)), mem: vfs.NewMem(), given: given, span: span,
		want: map[string]entry{},
	}
	d.now.Store(start.UnixNano())
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%v; after %s", given, strings.Join(d.did[max(0, len(d.did)-20):], ", "))
		}
	})
	d.open("/db")
	return d
}

func (d *deep) env() engine.Env {
	return engine.Env{FS: d.mem, Now: func() time.Time { return time.Unix(0, d.now.Load()) }}
}

func (d *deep) open(dir string) {
	d.Helper()
	e, err := open(dir, d.given, d.env())
	d.ok(err)
	d.tree = e.(*tree)
	d.Cleanup(func() { e.Close() })
}

func (d *deep) ok(err error) {
	d.Helper()
	if err != nil {
		d.Fatal(err)
	}
}

func (d *deep) drawKey() string {
	switch d.r.IntN(40) {
	case 0:
		return deepKey(d.r.IntN(d.span))[:1+d.r.IntN(445)]
	case 1:
		return deepKey(d.r.IntN(d.span)) + strings.Repeat("z", d.r.IntN(60))
	}
	return deepKey(d.r.IntN(d.span))
}

func (d *deep) drawValue() string {
	n := d.r.IntN(180)
	switch d.r.IntN(30) {
	case 0:
		n = d.r.IntN(25_000)
	case 1, 2:
		n = d.r.IntN(10)
	}
	return strings.Repeat(string(rune('a'+d.r.IntN(26))), n)
}

// level draws one that the tree has.
func (d *deep) level() engine.Durability {
	all := d.tree.caps.Durabilities.Levels()
	if d.r.IntN(10) > 0 {
		return engine.Default
	}
	return all[d.r.IntN(len(all))]
}

func (d *deep) removeRange(lower, upper string) {
	maps.DeleteFunc(d.want, func(k string, _ entry) bool { return lower <= k && k < upper })
}

// drawRange draws some neighbours, now and then many.
func (d *deep) drawRange() (lower, upper string) {
	from, n := d.r.IntN(d.span), 1+d.r.IntN(40)
	if d.r.IntN(10) == 0 {
		n = d.r.IntN(d.span)
	}
	return deepKey(from), deepKey(from + n)
}

// step does one thing.
func (d *deep) step() {
	d.Helper()
	switch n := d.r.IntN(100); {
	case n < 50:
		k, v := d.drawKey(), d.drawValue()
		d.ok(d.tree.Put([]byte(k), []byte(v), d.level()))
		d.want[k] = entry{value: v}
	case n < 68:
		k := d.drawKey()
		d.ok(d.tree.Delete([]byte(k), d.level()))
		delete(d.want, k)
	case n < 76:
		k, v := d.drawKey(), d.drawValue()
		until := time.Unix(0, d.now.Load()).Add(time.Duration(d.r.IntN(40)-5) * time.Second)
		d.ok(d.tree.PutTTL([]byte(k), []byte(v), until, d.level()))
		d.want[k] = entry{v, until}
	case n < 80:
		lower, upper := d.drawRange()
		d.ok(d.tree.DeleteRange([]byte(lower), []byte(upper), d.level()))
		d.removeRange(lower, upper)
	case n < 90:
		d.batch(1 + d.r.IntN(1+d.r.IntN(120)))
	case n < 92:
		d.now.Add(int64(time.Second))
	case n < 96:
		d.keep()
	default:
		d.release()
	}
}

func (d *deep) batch(n int) {
	d.Helper()
	var b engine.Batch
	for range n {
		switch d.r.IntN(12) {
		case 0:
			lower, upper := d.drawRange()
			b.DeleteRange([]byte(lower), []byte(upper))
			d.removeRange(lower, upper)
		case 1, 2, 3:
			k := d.drawKey()
			b.Delete([]byte(k))
			delete(d.want, k)
		default:
			k, v := d.drawKey(), d.drawValue()
			b.Put([]byte(k), []byte(v))
			d.want[k] = entry{value: v}
		}
	}
	d.ok(d.tree.Apply(&b, d.level()))
}

func (d *deep) keep() {
	if len(d.held) < 5 {
		s, err := d.tree.NewSnapshot()
		d.ok(err)
		d.held = append(d.held, past{s, maps.Clone(d.want)})
	}
}

func (d *deep) release() {
	if len(d.held) > 0 {
		i := d.r.IntN(len(d.held))
		d.ok(d.held[i].Close())
		d.held = slices.Delete(d.held, i, i+1)
	}
}

// upkeep does what goes beyond single writes.
func (d *deep) upkeep() {
	d.Helper()
	ctx := context.Background()
	what := d.r.IntN(8)
	d.did = append(d.did, [...]string{"settle", "sync", "load", "abort", "copy", "compact", "sound", "ascend"}[what])
	switch what {
	case 0:
		d.ok(d.tree.Settle(ctx))
	case 1:
		d.ok(d.tree.Sync())
	case 2:
		d.load(true)
	case 3:
		d.load(false)
	case 4:
		d.copy()
	case 5:
		if c, ok := any(d.tree).(engine.Compactor); ok {
			lower, upper := d.drawRange()
			d.ok(c.Compact(ctx, []byte(lower), []byte(upper)))
		}
	case 6:
		d.sound()
	default: // appends split otherwise
		for n, to := d.r.IntN(d.span), 60; to > 0; to-- {
			k, v := deepKey(n+60-to), d.drawValue()
			d.ok(d.tree.Put([]byte(k), []byte(v), engine.Default))
			d.want[k] = entry{value: v}
		}
	}
}

func (d *deep) load(finish bool) {
	d.Helper()
	more := map[string]entry{}
	from, among := d.r.IntN(d.span), 1+d.r.IntN(300)
	for range d.r.IntN(200) {
		more[deepKey(from+d.r.IntN(among))] = entry{value: d.drawValue()}
	}
	l, err := d.tree.NewBulkLoad()
	d.ok(err)
	for _, k := range slices.Sorted(maps.Keys(more)) {
		d.ok(l.Add([]byte(k), []byte(more[k].value)))
	}
	for range d.r.IntN(5) {
		d.step()
	}
	if !finish {
		d.ok(l.Abort())
		return
	}
	d.ok(l.Finish())
	maps.Copy(d.want, more)
}

func (d *deep) loadRows(rows map[string]entry) error {
	l, err := d.tree.NewBulkLoad()
	if err != nil {
		return err
	}
	for _, k := range slices.Sorted(maps.Keys(rows)) {
		if err := l.Add([]byte(k), []byte(rows[k].value)); err != nil {
			return err
		}
	}
	return l.Finish()
}

// copy makes a copy and compares it.
func (d *deep) copy() {
	d.Helper()
	d.ok(d.tree.Checkpoint("/copy"))
	e, err := open("/copy", d.given, d.env())
	d.ok(err)
	d.same(e.(*tree), d.visible(d.want))
	d.ok(anatomy(e.(*tree)))
	d.ok(e.Close())
	d.ok(d.mem.RemoveAll("/copy"))
}

// visible are the rows of a state that have not expired.
func (d *deep) visible(want map[string]entry) []kv {
	var all []kv
	now := d.now.Load()
	for k, e := range want {
		if e.expiry.IsZero() || e.expiry.UnixNano() > now {
			all = append(all, kv{k, e.value})
		}
	}
	slices.SortFunc(all, func(a, b kv) int { return strings.Compare(a.key, b.key) })
	return all
}

// A readable is a tree or a snapshot of one.
type readable interface {
	engine.Scanner
	Get(dst, key []byte) ([]byte, error)
}

// same compares all that there is, in both directions, and some of it by Get.
func (d *deep) same(e readable, want []kv) {
	d.Helper()
	it, err := e.NewIter(engine.IterOptions{})
	d.ok(err)
	n := 0
	for ok := it.First(); ok; ok = it.Next() {
		d.row(it, want, n)
		n++
	}
	if d.ok(it.Err()); n != len(want) {
		d.Fatalf("forward there are %d rows, want %d", n, len(want))
	}
	for ok := it.Last(); ok; ok = it.Prev() {
		n--
		d.row(it, want, n)
	}
	if d.ok(it.Err()); n != 0 {
		d.Fatalf("backward there are %d rows less", n)
	}
	for range 20 {
		key := d.drawKey()
		i, there := slices.BinarySearchFunc(want, key, func(r kv, k string) int { return strings.Compare(r.key, k) })
		got, err := e.Get(nil, []byte(key))
		switch {
		case there && (err != nil || string(got) != want[i].value):
			d.Fatalf("get %.30s: %.20q (%d) and %v, want %.20q (%d)", key, got, len(got), err, want[i].value, len(want[i].value))
		case !there && !errors.Is(err, engine.ErrNotFound):
			d.Fatalf("get %.30s: %d bytes and %v, want none", key, len(got), err)
		}
		if it.SeekGE([]byte(key)) != (i < len(want)) || i < len(want) && string(it.Key()) != want[i].key {
			d.Fatalf("seek to %.30s finds %.30s, want row %d", key, it.Key(), i)
		}
		if it.SeekLT([]byte(key)) != (i > 0) || i > 0 && string(it.Key()) != want[i-1].key {
			d.Fatalf("seek before %.30s finds %.30s, want row %d", key, it.Key(), i-1)
		}
	}
	d.ok(it.Close())
}

func (d *deep) row(it engine.Iterator, want []kv, n int) {
	d.Helper()
	v, err := it.Value()
	d.ok(err)
	if n < 0 || n >= len(want) || string(it.Key()) != want[n].key || string(v) != want[n].value {
		d.Fatalf("row %d of %d is %.30s, with %d bytes", n, len(want), it.Key(), len(v))
	}
}

func (d *deep) check() {
	d.Helper()
	d.same(d.tree, d.visible(d.want))
	for i, p := range d.held {
		if d.r.IntN(3) == 0 {
			d.did = append(d.did, fmt.Sprintf("snapshot %d", i))
			d.same(p.Snapshot.(readable), d.visible(p.want))
		}
	}
	d.ok(anatomy(d.tree))
	// Those that have expired may be there still.
	if n, least := int(d.tree.keys.Load()), len(d.visible(d.want)); n < least || n > len(d.want) {
		d.Fatalf("%d keys are counted, want %d to %d", n, least, len(d.want))
	}
}

// sound looks whether everything is accounted for, and opens the tree again.
func (d *deep) sound() {
	d.Helper()
	d.tree.endWork()
	d.ok(d.tree.checkSpace())
	for len(d.held) > 0 {
		d.release()
	}
	d.ok(d.tree.checkSpace())
	if n, m := d.tree.old.Len(), d.tree.clock.Count(); n != 0 || m != 0 {
		d.Fatalf("nobody reads, and %d versions and %d moments are left", n, m)
	}
	d.ok(d.tree.Close())
	d.open("/db")
}

func TestADeepTreeIsWhatAModelIs(t *testing.T) {
	seed := seedOf(t)
	for until, i := time.Now().Add(budget(3*time.Second)), seed; i == seed || time.Now().Before(until); i++ {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			r := rand.New(rand.NewPCG(i, 0))
			d := newDeep(t, i, deepSettings(r), 200+r.IntN(1500))
			if r.IntN(4) == 0 {
				d.grow()
			}
			for range 12 {
				for range r.IntN(150) {
					d.step()
				}
				d.upkeep()
				d.check()
			}
			d.sound()
			d.check()
			d.ok(d.tree.Close())
		})
	}
}

// grow puts all keys.
func (d *deep) grow() {
	d.Helper()
	for _, n := range d.r.Perm(d.span) {
		k, v := deepKey(n), strings.Repeat("v", 100)
		d.ok(d.tree.Put([]byte(k), []byte(v), engine.Default))
		d.want[k] = entry{value: v}
	}
}

// What the tests of deep trees are worth depends on that.
func TestADeepTreeHasFourLevels(t *testing.T) {
	d := newDeep(t, seedOf(t), small(nil), 1600)
	d.grow()
	if n := levels(t, d.tree); n < 3 {
		t.Errorf("the root is at level %d", n)
	}
	for d.ok(d.tree.Settle(context.Background())); d.span > 1; d.span /= 4 {
		lower := deepKey(d.span / 4)
		d.ok(d.tree.DeleteRange([]byte(lower), nil, engine.Default))
		maps.DeleteFunc(d.want, func(k string, _ entry) bool { return k >= lower })
		d.check()
	}
	d.sound()
	d.ok(d.tree.Close())
}

// levels is how high a tree is.
func levels(t testing.TB, e *tree) int {
	t.Helper()
	var h hold
	h.begin(e)
	defer h.quit()
	v := view{tree: e, at: h.moment.At()}
	defer v.end()
	p, err := v.page(page.RootID)
	if err != nil {
		t.Fatal(err)
	}
	return page.Level(p)
}
