package enginetest

import (
	"sync"
	"time"

	"github.com/kvbench/kvbench/engine"
)

func loadingClauses() []clause {
	return []clause{
		{name: "a bulk load is invisible before Finish and whole after", needs: bulkLoad, run: bulkLoads},
		{name: "a bulk load out of order is refused", needs: bulkLoad, run: bulkOutOfOrder},
		{name: "an aborted bulk load leaves no trace", needs: bulkLoad, run: bulkAborts},
		{name: "a value is absent from its expiry on", needs: ttl, run: valuesExpire},
		{name: "a later write replaces the expiry", needs: ttl, run: expiryIsReplaced},
	}
}

func bulkLoad(f *facts) bool { return f.BulkLoad }
func ttl(f *facts) bool      { return f.TTL }

func (e *opened) load() engine.BulkLoad {
	e.b.Helper()
	l, err := role[engine.BulkLoader](e).NewBulkLoad()
	e.b.ok(err, "new bulk load")
	return l
}

func bulkLoads(b *rig) {
	e := b.openWith(bdfh)
	l := e.load()
	o := &oracle{append([]pair(nil), bdfh...)}
	for _, key := range awkward() {
		key = "d" + key // among what is there
		b.ok(l.Add([]byte(key), []byte("loaded")), "add %q", key)
		o.put(key, "loaded")
	}
	b.ok(l.Add([]byte("f"), []byte("loaded")), "add of a key that is there")
	o.put("f", "loaded")
	e.holds(bdfh)
	b.ok(l.Finish(), "finish")
	e.holds(o.pairs)
	e.put("da", "written after")
	o.put("da", "written after")
	e.holds(o.pairs)
	if b.caps.Persistent {
		e.reopen().holds(o.pairs)
	}
}

func bulkOutOfOrder(b *rig) {
	e := b.openWith(bdfh)
	for _, bad := range []string{"m", "l"} {
		l := e.load()
		b.ok(l.Add([]byte("m"), []byte("v")), "add")
		b.is(l.Add([]byte(bad), []byte("v")), engine.ErrInvalid, "add %s after m", bad)
		b.ok(l.Abort(), "abort")
	}
	l := e.load()
	b.is(l.Add(nil, []byte("v")), engine.ErrEmptyKey, "add of an empty key")
	b.ok(l.Abort(), "abort")
	e.holds(bdfh)
}

func bulkAborts(b *rig) {
	e := b.openWith(bdfh)
	l := e.load()
	for _, key := range awkward() {
		b.ok(l.Add([]byte(key), []byte("loaded")), "add %q", key)
	}
	b.ok(l.Abort(), "abort")
	e.holds(bdfh)
	if b.caps.Persistent {
		e = e.reopen()
		e.holds(bdfh)
	}
	l = e.load()
	b.ok(l.Add([]byte("z"), []byte("loaded")), "add")
	b.ok(l.Finish(), "finish")
	e.wants("z", "loaded")
}

// clock is a time that a test sets.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) time() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = t
}

// noon is some whole second: engines may keep expiries in seconds.
func noon() time.Time { return time.Date(2030, 5, 4, 12, 0, 0, 0, time.UTC) }

func valuesExpire(b *rig) {
	c := &clock{now: noon()}
	e := b.openEnv(b.TempDir(), nil, engine.Env{Now: c.time})
	x := role[engine.Expirer](e)
	b.ok(x.PutTTL([]byte("minute"), []byte("v"), noon().Add(time.Minute), e.level), "put")
	b.ok(x.PutTTL([]byte("hour"), []byte("v"), noon().Add(time.Hour), e.level), "put")
	b.ok(x.PutTTL([]byte("past"), []byte("v"), noon().Add(-time.Minute), e.level), "put")
	e.put("stays", "v")
	e.misses("past")
	e.holds([]pair{{"hour", "v"}, {"minute", "v"}, {"stays", "v"}})
	c.set(noon().Add(59 * time.Second))
	e.wants("minute", "v")
	c.set(noon().Add(time.Minute))
	e.misses("minute")
	e.holds([]pair{{"hour", "v"}, {"stays", "v"}})
	c.set(noon().Add(2 * time.Hour))
	e.misses("hour")
	e.holds([]pair{{"stays", "v"}})
	if !b.caps.Persistent {
		return
	}
	e.close()
	e = b.openEnv(e.dir, nil, engine.Env{Now: c.time})
	e.misses("hour")
	e.holds([]pair{{"stays", "v"}})
}

func expiryIsReplaced(b *rig) {
	c := &clock{now: noon()}
	e := b.openEnv(b.TempDir(), nil, engine.Env{Now: c.time})
	x := role[engine.Expirer](e)
	soon, late := noon().Add(time.Minute), noon().Add(time.Hour)
	for _, key := range []string{"put", "later", "sooner", "deleted"} {
		expire := soon
		if key == "sooner" {
			expire = late
		}
		b.ok(x.PutTTL([]byte(key), []byte("1"), expire, e.level), "put %s", key)
	}
	e.put("put", "2")
	b.ok(x.PutTTL([]byte("later"), []byte("2"), late, e.level), "put")
	b.ok(x.PutTTL([]byte("sooner"), []byte("2"), soon, e.level), "put")
	e.remove("deleted")
	e.misses("deleted")
	c.set(soon.Add(time.Second))
	e.holds([]pair{{"later", "2"}, {"put", "2"}})
	e.misses("sooner")
	c.set(late.Add(time.Second))
	e.holds([]pair{{"put", "2"}})
}
