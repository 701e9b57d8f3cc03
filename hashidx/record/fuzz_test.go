package record

import (
	"bytes"
	"testing"
)

// FuzzParse: what parses is encoded to the same bytes. With fix the checksum
// is made right first, so that the rest is reached.
func FuzzParse(f *testing.F) {
	for _, op := range examples() {
		f.Add(Append(nil, &op), false)
		f.Add(Append(nil, &op)[:5], true)
	}
	f.Fuzz(func(t *testing.T, p []byte, fix bool) {
		n, err := Length(p)
		if err == nil && n <= len(p) && fix {
			sign(p[:n])
		}
		op, m, perr := Parse(p)
		if perr != nil {
			if fix && err == nil && n <= len(p) {
				t.Fatalf("length %d, then %v", n, perr)
			}
			return
		}
		if err != nil || m != n {
			t.Fatalf("length %d, %v; parsed %d", n, err, m)
		}
		if again := Append(nil, &op); !bytes.Equal(again, p[:n]) {
			t.Fatalf("%x parses, but is encoded as %x", p[:n], again)
		}
	})
}
