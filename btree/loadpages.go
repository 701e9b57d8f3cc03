package btree

import (
	"bytes"

	"github.com/kvbench/kvbench/btree/page"
	"github.com/kvbench/kvbench/btree/store"
	"github.com/kvbench/kvbench/engine/vfs"
)

// A builder makes the leaves and chains of a load.
type builder struct {
	tree *tree

	ids []page.ID // taken, and not used so far: the last comes first

	// The leaf that is being made: page id, for keys from low on.
	id    page.ID
	low   []byte
	rows  []builtRow
	arena []byte // their keys and payloads
	keys  int    // bytes of keys
	cells int    // bytes of payloads

	// Pages that are made, and not written.
	out    []byte
	outIDs []page.ID
	slots  []uint64
	chain  []page.ID // scratch

	pages  []place // that have slots
	leaves []builtLeaf
	seps   []byte // low fences of the leaves, one after another
	end    []byte // the high fence of the last; nil: there is none so short
}

// A builtRow is a row of the leaf that is being made, in the arena.
type builtRow struct {
	key, payload, end int // where these begin, and where the row ends
	flags             uint8
}

// A builtLeaf is a leaf that is made.
type builtLeaf struct {
	sep  int // where its low fence begins in seps
	page int // in pages
	rows int
}

const (
	// builtBytes are written at once.
	builtBytes = 1 << 20

	// idsAtOnce is how many page ids are taken at once.
	idsAtOnce = 256

	// rowBytes is about what a leaf has for each row, beside key and payload.
	rowBytes = 11
)

func (b *builder) key(i int) []byte     { return b.arena[b.rows[i].key:b.rows[i].payload] }
func (b *builder) payload(i int) []byte { return b.arena[b.rows[i].payload:b.rows[i].end] }

// add adds a row, whose key is above all before.
func (b *builder) add(key, value []byte) (err error) {
	if b.id == 0 {
		if b.id, err = b.take(); err != nil {
			return err
		}
		b.low = append(b.low[:0], key...)
	}
	flags, payload := uint8(0), value
	var ref [chainBytes]byte
	if len(key)+len(value) > page.MaxInline(b.tree.settings.PageBytes) {
		first, err := b.addChain(value)
		if err != nil {
			return err
		}
		flags, payload = page.FlagOverflow, appendReference(ref[:0], first, len(value))
	}
	for len(b.rows) > 0 && !b.fits(key, len(payload)) {
		if err := b.closeLeaf(key); err != nil {
			return err
		}
	}
	b.push(key, flags, payload)
	return nil
}

func (b *builder) push(key []byte, flags uint8, payload []byte) {
	r := builtRow{key: len(b.arena), flags: flags}
	b.arena = append(b.arena, key...)
	r.payload = len(b.arena)
	b.arena = append(b.arena, payload...)
	r.end = len(b.arena)
	b.rows = append(b.rows, r)
	b.keys += len(key)
	b.cells += len(payload)
}

// fits reports whether the leaf, with another row, is not fuller than it should
// be. All its keys begin with what low and key have in common.
func (b *builder) fits(key []byte, payload int) bool {
	n := len(b.rows) + 1
	strip := commonBytes(b.low, key)
	used := page.HeaderBytes + strip + n*rowBytes + b.keys + len(key) - n*strip + b.cells + payload +
		len(b.low) + commonBytes(b.key(n-2), key) + 1
	return used <= int(b.tree.settings.Fill*float64(b.tree.settings.PageBytes))
}

func commonBytes(a, b []byte) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

// separator appends the shortest key that is above low and not above high.
func separator(dst, low, high []byte) []byte {
	return append(dst, high[:commonBytes(low, high)+1]...)
}

// closeLeaf makes a page of the rows there are, before the key that comes next,
// or of as many as fit.
func (b *builder) closeLeaf(key []byte) error {
	next, err := b.take()
	if err != nil {
		return err
	}
	p, err := b.room()
	if err != nil {
		return err
	}
	high := separator(nil, b.key(len(b.rows)-1), key)
	n := len(b.rows)
	for !b.fill(p, n, high, next) {
		n--
		high = separator(high[:0], b.key(n-1), b.key(n))
	}
	b.closed(n)
	b.id, b.low = next, high
	b.rest(n)
	return nil
}

// fill makes p a leaf of the first n rows, and reports whether they fit.
func (b *builder) fill(p []byte, n int, high []byte, next page.ID) bool {
	page.InitLeaf(p, b.id, b.low, high, next)
	for i := range n {
		if !page.Insert(p, i, b.key(i), b.rows[i].flags, b.payload(i)) {
			return false
		}
	}
	return true
}

// closed notes that the page which is next in out is a leaf of n rows.
func (b *builder) closed(n int) {
	b.leaves = append(b.leaves, builtLeaf{sep: len(b.seps), page: len(b.pages) + len(b.outIDs), rows: n})
	b.seps = append(b.seps, b.low...)
	b.outIDs = append(b.outIDs, b.id)
}

// rest leaves the rows from n on.
func (b *builder) rest(n int) {
	rows, arena := b.rows[n:], b.arena
	b.rows, b.arena, b.keys, b.cells = b.rows[:0], b.arena[:0], 0, 0
	if len(rows) == 0 {
		return
	}
	rows, arena = append([]builtRow(nil), rows...), bytes.Clone(arena)
	for _, r := range rows {
		b.push(arena[r.key:r.payload], r.flags, arena[r.payload:r.end])
	}
}

// addChain makes the pages of a value, and returns the first.
func (b *builder) addChain(value []byte) (page.ID, error) {
	room := page.OverflowRoom(b.tree.settings.PageBytes)
	b.chain = b.chain[:0]
	for range max(1, (len(value)+room-1)/room) {
		id, err := b.take()
		if err != nil {
			b.ids = append(b.ids, b.chain...)
			return 0, err
		}
		b.chain = append(b.chain, id)
	}
	for i, id := range b.chain {
		p, err := b.room()
		if err != nil {
			b.ids = append(b.ids, b.chain[i:]...)
			return 0, err
		}
		next := page.ID(0)
		if i+1 < len(b.chain) {
			next = b.chain[i+1]
		}
		part := value[min(i*room, len(value)):]
		page.InitOverflow(p, id, next, part[:min(room, len(part))])
		b.outIDs = append(b.outIDs, id)
	}
	return b.chain[0], nil
}

// take returns a page id that is free.
func (b *builder) take() (page.ID, error) {
	if len(b.ids) == 0 {
		t := b.tree
		t.mu.Lock()
		defer t.mu.Unlock()
		for range idsAtOnce {
			id, err := t.takeID()
			if err != nil && len(b.ids) == 0 {
				return 0, err
			}
			if err != nil {
				break
			}
			b.ids = append(b.ids, id)
		}
		// The lowest one is used first.
		for i, j := 0, len(b.ids)-1; i < j; i, j = i+1, j-1 {
			b.ids[i], b.ids[j] = b.ids[j], b.ids[i]
		}
	}
	id := b.ids[len(b.ids)-1]
	b.ids = b.ids[:len(b.ids)-1]
	return id, nil
}

// room returns the page of out that is made next.
func (b *builder) room() ([]byte, error) {
	size := b.tree.settings.PageBytes
	if b.out == nil {
		b.out = vfs.AlignedBuffer(builtBytes)
	}
	if (len(b.outIDs)+1)*size > len(b.out) {
		if err := b.write(); err != nil {
			return nil, err
		}
	}
	p := b.out[len(b.outIDs)*size:][:size:size]
	clear(p) // what the gaps have is written, too
	return p, nil
}

// write writes the pages of out.
func (b *builder) write() error {
	t, size := b.tree, b.tree.settings.PageBytes
	n := len(b.outIDs)
	if n == 0 {
		return nil
	}
	t.mu.Lock()
	b.slots = takeSlots(t, b.slots[:0], n, false)
	t.mu.Unlock()
	// Whatever the ids were before, no version of that is as young.
	stamp := t.clock.Published()
	for i, id := range b.outIDs {
		p := b.out[i*size:][:size]
		page.SetStamp(p, stamp)
		b.pages = append(b.pages, place{id, store.Seal(p, b.slots[i])})
	}
	b.outIDs = b.outIDs[:0]
	for i := 0; i < n; {
		first := i
		for i++; i < n && b.slots[i] == b.slots[i-1]+1; i++ {
		}
		if err := t.file.WriteRun(b.slots[first], b.out[first*size:i*size]); err != nil {
			return t.fail("write pages of a load", err)
		}
	}
	return nil
}

// finish writes what is left; last is the last key.
func (b *builder) finish(last []byte) error {
	b.end = nil
	if len(last) < page.MaxKey(b.tree.settings.PageBytes) {
		b.end = append(bytes.Clone(last), 0)
	}
	for len(b.rows) > 0 {
		p, err := b.room()
		if err != nil {
			return err
		}
		n := len(b.rows)
		if b.fill(p, n, b.end, 0) {
			b.closed(n)
			b.id = 0
			b.rest(n)
			break
		}
		// What comes next is the last row.
		r := b.rows[n-1]
		key, payload := bytes.Clone(b.key(n-1)), bytes.Clone(b.payload(n-1))
		b.rows, b.arena = b.rows[:n-1], b.arena[:r.key]
		b.keys, b.cells = b.keys-len(key), b.cells-len(payload)
		if err := b.closeLeaf(key); err != nil {
			return err
		}
		b.push(key, r.flags, payload)
	}
	err := b.write()
	b.out = nil
	return err
}

// sep is the low fence of leaf i; that behind the last leaf is end.
func (b *builder) sep(i int) []byte {
	switch {
	case i == len(b.leaves):
		return b.end
	case i+1 == len(b.leaves):
		return b.seps[b.leaves[i].sep:]
	}
	return b.seps[b.leaves[i].sep:b.leaves[i+1].sep]
}

// giveBack gives ids back that were not used. mu is held.
func (b *builder) giveBack() {
	if b.id != 0 {
		b.ids = append(b.ids, b.id)
	}
	for _, id := range append(b.ids, b.outIDs...) {
		b.tree.pages.Give(id)
	}
	b.id, b.ids, b.outIDs = 0, nil, nil
}

// discard gives back all that was taken.
func (b *builder) discard() {
	t := b.tree
	t.mu.Lock()
	defer t.mu.Unlock()
	b.giveBack()
	for i, p := range b.pages {
		t.pages.Give(p.id)
		t.release(p.entry.Slot())
		if i%lookPages == lookPages-1 { // let writers in
			t.mu.Unlock()
			t.mu.Lock()
		}
	}
	*b = builder{tree: t}
}
