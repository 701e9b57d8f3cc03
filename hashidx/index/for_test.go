package index

import (
	"testing"

	"github.com/kvbench/kvbench/engine/epoch"
)

func TestALockHoldsAllHashesOfItsOrder(t *testing.T) {
	d := epoch.NewDomain()
	x, err := New(Options{Domain: d})
	if err != nil {
		t.Fatal(err)
	}
	a, b := uint64(7), uint64(7)|1<<50
	if LockOrder(a) != LockOrder(b) {
		t.Fatal("the hashes have locks of their own")
	}
	l := x.Lock(a)
	if err := l.Insert(1); err != nil {
		t.Fatal(err)
	}
	if err := l.For(b).Insert(2); err != nil {
		t.Fatal(err)
	}
	if c := l.For(b).Find(); true {
		if place, ok := c.Next(); !ok || place != 2 {
			t.Errorf("place %d, %v, want 2", place, ok)
		}
	}
	if !l.For(b).Delete(2) || l.For(b).Delete(1) || !l.Replace(1, 3) {
		t.Error("the hashes are taken for each other")
	}
	l.Unlock()
	if x.Len() != 1 {
		t.Errorf("%d keys, want 1", x.Len())
	}
	d.Close()
	if err := x.Close(); err != nil {
		t.Error(err)
	}
}
