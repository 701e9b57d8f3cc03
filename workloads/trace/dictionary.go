package trace

// dictionary maps keys to slots and back. Writer and reader do the same to
// theirs.
type dictionary struct {
	keys [][]byte
	at   map[string]uint64 // of a writer; nil for a reader
	next uint64            // keys ever added
	last []byte            // last new key
}

func newDictionary(lookup bool) *dictionary {
	d := &dictionary{}
	if lookup {
		d.at = make(map[string]uint64)
	}
	return d
}

// add notes a new key, of which it keeps a copy.
func (d *dictionary) add(key []byte) {
	d.last = append(d.last[:0], key...)
	if len(key) > maxKept {
		return
	}
	slot := d.next % slots
	d.next++
	if slot == uint64(len(d.keys)) {
		d.keys = append(d.keys, append([]byte(nil), key...))
	} else {
		if d.at != nil {
			delete(d.at, string(d.keys[slot]))
		}
		d.keys[slot] = append(d.keys[slot][:0], key...)
	}
	if d.at != nil {
		d.at[string(key)] = slot
	}
}

// shared returns how many bytes a and b begin alike with.
func shared(a, b []byte) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}
