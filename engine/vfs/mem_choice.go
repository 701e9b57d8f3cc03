package vfs

import "math/rand/v2"

// An Image chooses the same everywhere.
var _ chooser = Image(0)

func (i Image) name() bool { return i == Written }
func (i Image) file()      {}

func (i Image) cuts(n int) int   { return int(i) * n }
func (i Image) length(n int) int { return int(i) * (n - 1) }
func (i Image) block(int) int    { return 0 }

func (i Image) sector(n int) (a, b, at int) {
	a = int(i) * (n - 1)
	return a, a, 0
}

// dice choose by chance.
type dice struct {
	rng                  *rand.Rand
	names                float64 // the chance of a name to survive
	data, lengths        float64 // of the file at hand
	allData, allLengths  float64 // of files in general
	apart                bool    // whether each file has chances of its own
	older, torn, between float64
}

func newDice(seed uint64) *dice {
	d := &dice{rng: rand.New(rand.NewPCG(seed, 0x6b7662656e6368))}
	d.names, d.allData, d.allLengths = d.chance(), d.chance(), d.chance()
	d.apart = d.rng.IntN(2) == 0
	d.older, d.torn = d.rare(), d.rare()
	d.between = d.rare()
	return d
}

// chance is nothing, all, or something between, mostly near an end.
func (d *dice) chance() float64 {
	switch d.rng.IntN(8) {
	case 0, 1:
		return 0
	case 2, 3:
		return 1
	case 4:
		return d.rng.Float64() / 16
	case 5:
		return 1 - d.rng.Float64()/16
	}
	return d.rng.Float64()
}

// rare is the chance of what is odd: often none.
func (d *dice) rare() float64 { return max(0, d.rng.Float64()*2-1) }

func (d *dice) hits(chance float64) bool { return d.rng.Float64() < chance }

func (d *dice) name() bool { return d.hits(d.names) }

func (d *dice) file() {
	d.data, d.lengths = d.allData, d.allLengths
	if d.apart {
		d.data, d.lengths = d.chance(), d.chance()
	}
}

func (d *dice) cuts(n int) int {
	survive := 0
	for survive < n && d.hits(d.lengths) {
		survive++
	}
	return survive
}

func (d *dice) length(n int) int {
	switch {
	case !d.hits(d.lengths):
		return 0
	case d.lengths < 1 && d.hits(d.between):
		return d.rng.IntN(n)
	}
	return n - 1
}

func (d *dice) block(n int) int {
	if d.lengths < 1 && n > 1 && d.hits(d.between) {
		return d.rng.IntN(n)
	}
	return 0
}

func (d *dice) sector(n int) (a, b, at int) {
	if d.data == 0 {
		return 0, 0, 0
	}
	if d.data == 1 {
		return n - 1, n - 1, 0
	}
	a = d.version(n)
	if b = a; d.hits(d.torn) {
		if b = d.rng.IntN(n - 1); b >= a {
			b++
		}
		at = 1 + d.rng.IntN(sectorSize-1)
	}
	return a, b, at
}

func (d *dice) version(n int) int {
	switch {
	case !d.hits(d.data):
		return 0
	case n > 2 && d.hits(d.older):
		return 1 + d.rng.IntN(n-2)
	}
	return n - 1
}
