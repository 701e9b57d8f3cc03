package manifest

import (
	"sync"
	"testing"
)

func TestEditsOfManyGoroutinesAreAllThere(t *testing.T) {
	const writers, each = 4, 50
	m := newDir(t)
	x, err := Create(m, dir, 42)
	if err != nil {
		t.Fatal(err)
	}
	x.long = 3000
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for i := range each {
				n := 1 + w*each + i
				if err := x.Apply(Edit{Add: []Segment{seg(uint16(n), Hot, uint32(n))}}); err != nil {
					t.Error(err)
				}
				if got := len(x.State().Segments); got <= i {
					t.Errorf("%d segments after %d edits", got, i+1)
				}
			}
		})
	}
	all.Wait()
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err := Read(m, dir); err != nil || len(s.Segments) != writers*each || s.Segments[0].Number != 1 {
		t.Fatal(len(s.Segments), err)
	}
}
