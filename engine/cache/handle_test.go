package cache

import "testing"

func TestABlockHasNoRoomToAppendTo(t *testing.T) {
	c := newCache(t, Options{Bytes: 1 << 20})
	k := Key{1, 0}
	inserted, err := c.Insert(k, 65, Normal, func(b []byte) error {
		if cap(b) != 65 {
			t.Errorf("fill is given %d bytes of room", cap(b))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	defer inserted.Release()
	acquired, ok := c.Acquire(k)
	if !ok {
		t.Fatal("not found")
	}
	defer acquired.Release()
	if n := cap(inserted.Bytes()); n != 65 {
		t.Errorf("a block of 65 bytes just inserted has room for %d", n)
	}
	if n := cap(acquired.Bytes()); n != 65 {
		t.Errorf("a block of 65 bytes found has room for %d", n)
	}
}
