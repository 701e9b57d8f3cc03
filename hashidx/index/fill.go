package index

import (
	"fmt"
	"unsafe"
)

// A Filler enters entries into a range of buckets of a new index, without
// locks: fast if they come in the order of a Walk that began with as many
// buckets, right in any order.
//
// Concurrency: until all Fillers are closed, an index that has one is used by
// Fillers only, whose ranges do not overlap. Each is for one goroutine.
type Filler struct {
	x        *Index
	from, to uint64
	count    uint64 // of buckets; nothing is split meanwhile

	block  uint64     // of lines, that was written to last
	bucket uint64     // that is being filled; beyond all others at first
	home   *plainLine // its home line
	line   *plainLine // the line of its chain that has room: used slots are full
	used   int

	lines, linesEnd uint32 // overflow lines in hand
	keys            [stripeCount]int64
}

// A plainLine is a line that nobody else can see. Stores to it cost a tenth.
type plainLine struct {
	slots [lineSlots]uint64
	lows  [2]uint64 // lows and tail
}

var _ = [1]struct{}{}[unsafe.Sizeof(plainLine{})-unsafe.Sizeof(line{})]

func plain(l *line) *plainLine { return (*plainLine)(unsafe.Pointer(l)) }

// blockLines is how many lines there are in a page of the system, at least.
const blockLines = 4096 / uint64(lineBytes)

// fillLines is how many overflow lines a Filler takes at once.
const fillLines = 64

// Buckets is the number of buckets now.
func (x *Index) Buckets() uint64 { return x.count.Load() }

// Bucket is the bucket of a hash now.
func (x *Index) Bucket(hash uint64) uint64 { return bucketOf(codeOf(hash), x.count.Load()) }

// Filler returns a Filler of the buckets from one up to, and without, another.
// No entry was ever deleted or replaced in x.
func (x *Index) Filler(from, to uint64) *Filler {
	n := x.count.Load()
	return &Filler{x: x, from: from, to: min(to, n), count: n, bucket: n, block: n}
}

// Fill enters entries. Those of other buckets than the Filler's it returns
// instead, in the first part of entries. Errors are those of Lock.Insert; some
// of the entries are there then.
func (f *Filler) Fill(entries []Entry) (rest []Entry, err error) {
	rest = entries[:0]
	for _, e := range entries {
		c := codeOf(e.Hash)
		b := bucketOf(c, f.count)
		switch {
		case e.Place == 0 || e.Place > MaxPlace:
			return nil, fmt.Errorf("hash index: fill in place %#x: %w", e.Place, ErrPlace)
		case b < f.from || b >= f.to:
			rest = append(rest, e)
			continue
		case b != f.bucket:
			f.turn(b)
		}
		if f.used == lineSlots {
			if err := f.lengthen(); err != nil {
				return nil, fmt.Errorf("hash index: fill: %w", err)
			}
		}
		f.line.slots[f.used] = c.word(e.Place)
		f.line.lows[f.used/lowLanes] |= uint64(c.low()) << (f.used % lowLanes * lowBits)
		f.used++
		f.keys[c%stripeCount]++
	}
	return rest, nil
}

// turn goes to another bucket, and to the line of its chain that has room, or
// to one that has none: which is the home line, or the first behind it.
func (f *Filler) turn(bucket uint64) {
	home := f.x.home.at(bucket)
	if f.block != bucket/blockLines {
		// Fresh memory is written before it is read: a fault, and not two, of
		// which the second interrupts all processors.
		home.tail.Add(0)
		f.block = bucket / blockLines
	}
	f.bucket, f.home = bucket, plain(home)
	f.line = f.home
	if n := nextOf(f.home.lows[1]); n != 0 {
		f.line = plain(f.x.over.at(uint64(n)))
	}
	for f.used = 0; f.used < lineSlots && f.line.slots[f.used] != 0; {
		f.used++
	}
}

// lengthen puts an empty line before all overflow lines of the bucket.
func (f *Filler) lengthen() error {
	if f.lines == f.linesEnd {
		first, n, err := f.x.over.takeRun(fillLines)
		if err != nil {
			return err
		}
		f.lines, f.linesEnd = first, first+n
	}
	f.line = plain(f.x.over.at(uint64(f.lines)))
	const lows = 1<<tailBits - 1
	f.line.lows[1] = f.home.lows[1] &^ lows // the next line; its own lows are 0
	f.home.lows[1] = f.home.lows[1]&lows | uint64(f.lines)<<tailBits
	f.lines++
	f.used = 0
	return nil
}

// Close ends the Filler; it must not be used any more.
func (f *Filler) Close() {
	for ; f.lines < f.linesEnd; f.lines++ {
		f.x.over.giveBack(f.lines)
	}
	var all int64
	for i, n := range f.keys {
		s := &f.x.stripes[i]
		s.mu.Lock()
		s.keys.Add(n)
		s.reported += n
		s.mu.Unlock()
		all += n
	}
	f.x.keys.Add(all)
}
