package offheap

import "testing"

func TestClassesRoundUpByAnEighthAtMost(t *testing.T) {
	before := 0
	for class := range classCount {
		size := classBytes(class)
		if size%classStep != 0 || size <= before {
			t.Fatalf("class %d of %d bytes, after %d", class, size, before)
		}
		// The smallest request of the class loses the most.
		if lost := size - (before + 1); lost >= classStep && lost*8 > size {
			t.Errorf("class %d: %d of %d bytes may be lost", class, lost, size)
		}
		for _, n := range []int{before + 1, (before + size) / 2, size} {
			if n > before && classOf(n) != class {
				t.Errorf("%d bytes: class %d, want %d", n, classOf(n), class)
			}
		}
		before = size
	}
	if before != maxClassBytes {
		t.Errorf("the largest class is %d", before)
	}
}

func TestSpansFitTheirTables(t *testing.T) {
	for class, s := range shapes {
		width := 4
		if class < fineClasses {
			width = 1
		}
		switch {
		case s.objects < 1 || s.units > chunkUnits || s.objects*s.bytes > s.units*unitBytes:
			t.Errorf("class %d: %+v", class, s)
		case s.objects > s.units*unitObjects:
			t.Errorf("class %d: %d bits", class, s.objects)
		case s.objects*width > s.units*unitObjects:
			t.Errorf("class %d: %d entries of %d bytes", class, s.objects, width)
		case (s.units*unitBytes-s.objects*s.bytes)*16 > s.units*unitBytes:
			t.Errorf("class %d: more than a sixteenth is unused: %+v", class, s)
		}
	}
}

func TestRunsOfUnitsAreFound(t *testing.T) {
	for _, c := range []struct {
		set  uint64
		n    int
		want int
	}{
		{0, 1, -1},
		{^uint64(0), 64, 0},
		{^uint64(1), 64, -1},
		{^uint64(1), 63, 1},
		{1 << 63, 1, 63},
		{0b0110_1110_1101, 3, 5},
		{0b0110_1110_1101, 2, 2},
		{0b0110_1110_1101, 4, -1},
		{0xF0F0_F0FF_0000_0000, 8, 32},
		{0xF0F0_F0FF_0000_0000, 9, -1},
	} {
		if got := findRun(c.set, c.n); got != c.want {
			t.Errorf("%d bits of %b: %d, want %d", c.n, c.set, got, c.want)
		}
	}
}

func TestHeadsKeepTheirParts(t *testing.T) {
	for unit := range chunkUnits {
		for class := range classCount {
			for shard := range maxShards {
				h := head(unit, class, shard)
				if h == 0 || headUnit(h) != unit || headClass(h) != class || headShard(h) != shard {
					t.Fatalf("%d %d %d: %#x", unit, class, shard, h)
				}
			}
		}
	}
}
