package ikey

import (
	"bytes"
	"cmp"
	"testing"

	"pgregory.net/rapid"
)

func TestHeadsHaveTheOrderOfKeys(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.SliceOfN(rapid.ByteRange(0, 2), 0, 10)
		a, b := key.Draw(t, "a"), key.Draw(t, "b")
		byHead := cmp.Compare(Head(a), Head(b))
		if byHead != 0 && byHead != bytes.Compare(a, b) {
			t.Fatalf("%x %x: heads %x %x", a, b, Head(a), Head(b))
		}
		if byHead == 0 && len(a) == len(b) && len(a) <= 8 && !bytes.Equal(a, b) {
			t.Fatalf("%x %x have one head", a, b)
		}
	})
}

func TestANewerEntryOfAKeyComesFirst(t *testing.T) {
	k := []byte("k")
	if Compare(k, Make(2, Delete), k, Make(1, Put)) != -1 {
		t.Error("the newer entry does not come first")
	}
	if Compare([]byte("a"), Make(1, Put), k, Make(2, Put)) != -1 {
		t.Error("the sequence number counts more than the key")
	}
}

func TestATrailerGivesBackWhatItWasMadeOf(t *testing.T) {
	for _, kind := range []Kind{Delete, Put, PutTTL, PutBlob, PutBlobTTL, RangeDelete} {
		if tr := Make(MaxSeq, kind); tr.Seq() != MaxSeq || tr.Kind() != kind {
			t.Errorf("%v", tr)
		}
	}
}

func TestCommonPrefixCountsEqualBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.SliceOfN(rapid.ByteRange(0, 1), 0, 20)
		a, b := key.Draw(t, "a"), key.Draw(t, "b")
		n := CommonPrefix(a, b)
		if !bytes.Equal(a[:n], b[:n]) || n < len(a) && n < len(b) && a[n] == b[n] {
			t.Fatalf("%x %x: %d", a, b, n)
		}
	})
}

func TestAnExpiryComesBack(t *testing.T) {
	at, rest, ok := Expiry(append(AppendExpiry(nil, -5), "value"...))
	if at != -5 || string(rest) != "value" || !ok {
		t.Errorf("%d %q %t", at, rest, ok)
	}
	if _, _, ok := Expiry(make([]byte, 7)); ok {
		t.Error("an expiry of 7 bytes")
	}
}
