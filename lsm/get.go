package lsm

import (
	"fmt"

	"github.com/zeebo/xxh3"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/cache"
	"github.com/kvbench/kvbench/lsm/ikey"
	"github.com/kvbench/kvbench/lsm/table"
)

// Get implements engine.Engine.
func (t *tree) Get(dst, key []byte) ([]byte, error) { return t.get(dst, key, ikey.MaxSeq) }

// A lookup is one search for a key, newest entries first.
type lookup struct {
	key        []byte
	head, hash uint64
	at         ikey.Seq // entries that are newer do not count

	run   int      // of the view, in which the search is
	cover ikey.Seq // newest range delete of the key in what was searched

	found   bool
	trailer ikey.Trailer
	value   []byte
	held    table.Held // what value is in, if it was loaded

	runs, blocks, negatives, falses uint32 // for the metrics
}

// get is Get at a sequence number; MaxSeq is the newest that is visible.
func (t *tree) get(dst, key []byte, at ikey.Seq) ([]byte, error) {
	if err := t.caps.CheckKey(key); err != nil {
		return dst, t.refused(err)
	}
	q := lookup{key: key, head: ikey.Head(key), hash: xxh3.Hash(key), at: at}
	g := t.domain.Pin()
	v := t.view.Load()
	if v == nil || t.closed.Load() {
		g.Unpin()
		return dst, engine.ErrClosed
	}
	if at == ikey.MaxSeq { // after the view was loaded: see acquireAt
		q.at = t.commits.at()
	}
	done, err := v.searchMemory(&q), error(nil)
	if !done {
		done, err = v.searchCached(&q)
	}
	if done && err == nil && !q.separate() {
		dst, err = t.answer(dst, &q)
		g.Unpin()
		return dst, err
	}
	if done { // the block that names the value is only pinned
		q.again()
		done = false
	}
	// Close waits for the pinned, and then for who has scans.
	if err == nil && !t.scans.TryRLock() {
		g.Unpin()
		return dst, engine.ErrClosed
	}
	held := err == nil && v.hold()
	g.Unpin()
	if err != nil {
		return dst, t.damaged(err)
	}
	if held {
		return t.getLoading(dst, &q, v, done)
	}
	if v, q.at = t.acquireAt(); v == nil { // it was replaced meanwhile
		t.scans.RUnlock()
		return dst, engine.ErrClosed
	}
	q.at = min(q.at, at)
	q.run, q.cover, q.found = 0, 0, false
	return t.getLoading(dst, &q, v, v.searchMemory(&q))
}

// getLoading goes on with a lookup, and reads what it needs. The reference to
// the view is its to release, and so is scans.
func (t *tree) getLoading(dst []byte, q *lookup, v *view, done bool) ([]byte, error) {
	defer t.scans.RUnlock()
	defer v.release()
	var err error
	if !done {
		err = v.searchLoading(q)
		defer q.held.Release()
	}
	if err != nil {
		return dst, t.damaged(err)
	}
	return t.answer(dst, q)
}

// refused is what a read of a key says that no write would take.
func (t *tree) refused(err error) error {
	if t.closed.Load() {
		return engine.ErrClosed
	}
	return err
}

// separate reports whether the answer is in a blob file.
func (q *lookup) separate() bool {
	return q.found && q.trailer.Kind().Separate() && q.trailer.Seq() >= q.cover
}

// answer appends the value to dst, or says that there is none. What q found is
// valid meanwhile.
func (t *tree) answer(dst []byte, q *lookup) ([]byte, error) {
	c := t.counts.stripe()
	c.got(q)
	kind := q.trailer.Kind()
	if !q.found || kind == ikey.Delete || q.trailer.Seq() < q.cover {
		return dst, engine.ErrNotFound
	}
	value := q.value
	if kind.Expires() {
		at, rest, ok := ikey.Expiry(value)
		if !ok {
			return dst, t.damaged(engine.Corrupt(t.home.Dir, -1, fmt.Sprintf("the expiry of %x is cut short", q.key), nil))
		}
		if at <= t.now().UnixNano() {
			return dst, engine.ErrNotFound
		}
		value = rest
	}
	if !kind.Separate() {
		c.bytesOut.Add(uint64(len(value)))
		return append(dst, value...), nil
	}
	n := len(dst)
	dst, err := t.blobs.get(dst, value)
	c.bytesOut.Add(uint64(len(dst) - n))
	return dst, err
}

// searchMemory looks at memtables and reports whether the search is over.
func (v *view) searchMemory(q *lookup) bool {
	if v.fresh.search(q) {
		return true
	}
	for _, m := range v.frozen {
		if m.search(q) {
			return true
		}
	}
	return false
}

// search looks at a memtable.
func (m *memory) search(q *lookup) bool {
	if m.ranges.Load() > 0 {
		q.cover = max(q.cover, m.table.Ranges().Covering(q.key, q.at))
	}
	q.trailer, q.value, q.found = m.table.Get(q.hash, q.key, q.at)
	return q.found || q.cover > 0
}

// searchCached looks at tables without reading files: it stops before a run for
// which it would have to, done being false. The caller is pinned.
func (v *view) searchCached(q *lookup) (done bool, err error) {
	runs := v.levels.runs
	for ; q.run < len(runs); q.run++ {
		f := runs[q.run].find(q.key, q.head)
		if f == nil {
			continue
		}
		r := f.reader.Load()
		if r == nil {
			return false, nil
		}
		hit, err := q.inTable(r, nil)
		if err != nil {
			return false, err
		}
		if !hit { // to be done again, and then to be counted
			q.runs--
			return false, nil
		}
		if q.found || q.cover > 0 {
			return true, nil
		}
	}
	return true, nil
}

// searchLoading looks at tables and reads what is not in memory. The caller
// holds the view, and releases q.held.
func (v *view) searchLoading(q *lookup) error {
	runs := v.levels.runs
	for ; q.run < len(runs); q.run++ {
		f := runs[q.run].find(q.key, q.head)
		if f == nil {
			continue
		}
		r, err := f.open()
		if err != nil {
			return err
		}
		if _, err := q.inTable(r, &q.held); err != nil {
			return err
		}
		if q.found || q.cover > 0 {
			return nil
		}
	}
	return nil
}

// inTable looks at one table. Without held it reads no file: hit is false
// where it would have to. With it, value is in what is held.
func (q *lookup) inTable(r *table.Reader, held *table.Held) (hit bool, err error) {
	if ranges := r.Ranges(); ranges != nil {
		q.cover = max(q.cover, ranges.Covering(q.key, q.at))
	}
	q.runs++
	if !r.MayContain(q.hash) {
		q.negatives++
		return true, nil
	}
	n, ok := r.BlockFor(q.key)
	for ok {
		var data []byte
		if held == nil {
			if data, hit = r.Cached(n); !hit {
				return false, nil
			}
		} else {
			held.Release()
			if *held, err = r.Load(n, cache.Normal.For(cache.Data)); err != nil {
				return false, err
			}
			data = held.Bytes()
		}
		q.blocks++
		var more bool
		q.trailer, q.value, q.found, more, err = r.Find(data, q.key, q.at)
		if err != nil {
			return true, r.Damaged(n, err)
		}
		if q.found {
			return true, nil
		}
		ok = more && r.BlockMayContinue(n, q.key)
		n++
	}
	q.falses++
	return true, nil
}
