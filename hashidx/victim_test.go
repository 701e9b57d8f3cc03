package hashidx

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/hashidx/manifest"
)

func TestADamagedOpMakesItsSegmentStayAndNothingElse(t *testing.T) {
	r := newGCRig(t)
	defer func() { r.e.Close() }()
	r.run("+x +y +y +y +y +y +z | -y +w |")
	first := r.victims()[0]
	s := r.e.segments.get(first.log, first.id)
	off := placeInSegment(t, r.e, "x")
	f, err := r.fsys.OpenReadWrite(s.path)
	r.ok(err)
	var p [1]byte
	_, err = f.ReadAt(p[:], off+9)
	r.ok(err)
	p[0] ^= 1
	_, err = f.WriteAt(p[:], off+9)
	r.ok(err)
	r.ok(f.Close())

	r.ok(r.e.Compact(context.Background(), nil, nil))
	if r.e.segments.get(first.log, first.id) == nil {
		t.Fatal("the damaged segment was dropped")
	}
	var m engine.Metrics
	r.e.Metrics(&m)
	if m.Health.CorruptionFound.Or(0) == 0 {
		t.Error("the damage was not counted")
	}
	var c *engine.CorruptionError
	for _, key := range []string{"x", "z", "w"} {
		got, err := r.e.Get(nil, []byte(key))
		if key != "x" && (err != nil || string(got) != r.want[key].value) {
			t.Errorf("%s is %q, %v", key, got, err)
		}
		if key == "x" && err != nil && !errors.As(err, &c) {
			t.Errorf("x: %v, want damage, or what the tail has", err)
		}
	}
	if _, err := r.e.Get(nil, []byte("y")); !errors.Is(err, engine.ErrNotFound) {
		t.Errorf("y: %v", err)
	}
	r.put("more")
	r.ok(r.e.Sync())
	if got, err := r.e.Get(nil, []byte("more")); err != nil || string(got) != r.want["more"].value {
		t.Errorf("a put after that: %q, %v", got, err)
	}
}

// placeInSegment is the offset of a key's op.
func placeInSegment(t *testing.T, e *store, key string) int64 {
	t.Helper()
	c := e.index.Find(e.hash([]byte(key)))
	place, ok := c.Next()
	if !ok {
		t.Fatalf("%s is not in the index", key)
	}
	_, off := e.segments.at(place)
	return off
}

func TestAPinKeepsFilesUntilItIsReleased(t *testing.T) {
	r := newGCRig(t)
	defer func() { r.e.Close() }()
	r.run("+x | +x | +x |")
	list := r.victims()
	before := r.e.pinFiles()
	s := r.e.segments.get(list[0].log, list[0].id)
	r.upkeep(func(ctx context.Context) error { return r.e.collectGarbage(ctx, 0) })
	after := r.e.pinFiles()
	there := func() bool {
		r.upkeep(func(ctx context.Context) error { return r.e.removeDropped(ctx) })
		_, err := r.fsys.Stat(s.path)
		return err == nil
	}
	if r.e.gc.dropped.Load() != 0 {
		t.Fatal("gc=off collected")
	}
	r.upkeep(func(ctx context.Context) error { return r.e.collectBy(ctx, greedy, 0) })
	if r.e.gc.dropped.Load() == 0 || !there() || r.e.pins.pinned() == 0 {
		t.Error("a pin of before does not keep the file")
	}
	after()
	if !there() {
		t.Error("the other pin's end removes the file")
	}
	before()
	before()
	if there() || r.e.pins.pinned() != 0 {
		t.Error("the file stays without a pin")
	}
	r.check("at the end")
}

func TestTimeAloneMakesGarbage(t *testing.T) {
	r := newGCRig(t)
	defer func() { r.e.Close() }()
	r.run("~x ~y ~z | +w |")
	segments := len(r.victims())
	debt := func() (n uint64) {
		var m engine.Metrics
		r.e.Metrics(&m)
		return m.Work.DebtBytes.Or(0)
	}
	r.upkeep(func(ctx context.Context) error { return r.e.collectBy(ctx, costBenefit, 0.1) })
	if len(r.victims()) != segments || debt() != 0 {
		t.Fatalf("%d segments of %d, %d bytes of debt, before anything expired", len(r.victims()), segments, debt())
	}
	if d := r.e.untilExpiry(); d != 10*time.Second {
		t.Errorf("the keeper waits for %v, want 10s", d)
	}
	for _, how := range []string{"on", "reopened", "without both"} {
		r.reopen(how)
		if d := r.e.untilExpiry(); d != 10*time.Second {
			t.Errorf("%s: the keeper waits for %v, want 10s", how, d)
		}
	}
	r.run("wait")
	if debt() == 0 {
		t.Error("no debt once all expired")
	}
	r.rotate() // makes the hints that are missing
	r.upkeep(func(ctx context.Context) error { return r.e.collectBy(ctx, costBenefit, 0.1) })
	if n := len(r.victims()); n != segments-1 {
		t.Errorf("%d segments, want %d", n, segments-1)
	}
	r.check("at the end")
	for _, how := range reopenings() {
		r.reopen(how)
		r.check(how)
	}
}

func TestTombstonesThatMustStayAreNotCollectedAgainAndAgain(t *testing.T) {
	r := newGCRig(t)
	defer func() { r.e.Close() }()
	r.run("+x +a +b | -x -a -b |")
	list := r.victims()
	r.collect(list[1])
	r.rotate()
	var cold owner
	for _, o := range r.victims() {
		if o.log == manifest.Cold {
			cold = o
		}
	}
	if cold.id == 0 {
		t.Fatal("no tombstone was copied")
	}
	for _, how := range []string{"on", "reopened"} {
		r.reopen(how)
		// The puts are in the first segment, which stays: it cannot be read.
		r.e.segments.get(list[0].log, list[0].id).damaged.Store(true)
		r.upkeep(func(ctx context.Context) error { return r.e.collectBy(ctx, greedy, 0) })
		if r.e.segments.get(cold.log, cold.id) == nil {
			t.Fatalf("%s: tombstones were collected though what they hide is there", how)
		}
	}
	r.e.segments.get(list[0].log, list[0].id).damaged.Store(false)
	r.ok(r.e.Compact(context.Background(), nil, nil))
	if n := len(r.victims()); n != 0 {
		t.Errorf("%d segments are left of nothing", n)
	}
	r.check("at the end")
}

func TestCompactLeavesNoGarbageInSealedSegments(t *testing.T) {
	e := openIn(t, vfs.NewMem(), map[string]string{"segment_bytes": "64k", "durability": "buffered", "gc": "off"})
	want := map[string]string{}
	for i := range 3000 {
		key := fmt.Sprintf("key%d", i*i%701)
		want[key] = valueOf(i % 300)
		if err := e.Put([]byte(key), []byte(want[key]), engine.Default); err != nil {
			t.Fatal(err)
		}
		if i%11 == 0 {
			delete(want, key)
			if err := e.Delete([]byte(key), engine.Default); err != nil {
				t.Fatal(err)
			}
		}
	}
	for range 3 { // what one has copied may still be written
		if err := e.Compact(context.Background(), nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	for key, value := range want {
		wantValue(t, e, key, value)
	}
	var live, all int64
	for _, s := range e.segments.list() {
		live += s.live.Load()
		all += s.bytes.Load()
	}
	if n := int64(len(want)); e.index.Len() != int(n) || all > live+n*sequenceBytes+live/50 {
		t.Errorf("%d keys of %d, %d bytes for %d live", e.index.Len(), n, all, live)
	}
}

func TestTheBrakeIsSmoothAndLetsGo(t *testing.T) {
	var b brake
	b.measured(64<<20, time.Second)
	last := int64(-1)
	for share := 0.0; share <= 1.2; share += 0.01 {
		b.set(share, 0.35)
		now := b.perMiB.Load()
		switch {
		case share < 0.69 && now != 0:
			t.Fatalf("share %.2f costs %d", share, now)
		case now < last:
			t.Fatalf("share %.2f costs %d, less than %d before", share, now, last)
		case last >= 0 && now-last > int64(time.Second)/64/10:
			t.Fatalf("share %.2f costs %d, after %d: a cliff", share, now, last)
		}
		last = now
	}
	if want := int64(time.Second) / 64; last != want {
		t.Errorf("at worst a MiB costs %d ns, want %d", last, want)
	}
	b.release()
	if b.perMiB.Load() != 0 {
		t.Error("it holds")
	}
}

func TestGCWorksMoreTheMoreGarbageThereIs(t *testing.T) {
	last := 0.0
	for share := 0.0; share <= 1; share += 0.01 {
		d := dutyAt(share, 0.35, 0.3)
		if d < 0.3 || d > 1 || d < last || last > 0 && d-last > 0.05 {
			t.Fatalf("share %.2f: duty %.2f after %.2f", share, d, last)
		}
		last = d
	}
	if last != 1 {
		t.Errorf("duty %.2f where all is garbage", last)
	}
}
