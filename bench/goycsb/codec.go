package goycsb

import (
	"fmt"
	"slices"
	"strings"
)

// maxNames bounds the names that a codec remembers.
const maxNames = 4096

type field struct {
	name  string
	value []byte
}

// codec turns go-ycsb's maps into records and back for one worker, reusing
// its memory.
type codec struct {
	fields []field
	names  map[string]string // seen before, so that they are not copied again
}

// decode takes the fields of a record; their values alias it.
func (c *codec) decode(record []byte) error {
	c.fields = c.fields[:0]
	r, err := newRecordReader(record)
	if err != nil {
		return err
	}
	for {
		name, value, ok, err := r.next()
		if !ok {
			return err
		}
		c.fields = append(c.fields, field{c.name(name), value})
	}
}

// name returns b as a string: mostly that of the same field of the record
// before.
func (c *codec) name(b []byte) string {
	if i := len(c.fields); i < cap(c.fields) {
		if before := c.fields[:i+1][i].name; before == string(b) {
			return before
		}
	}
	if s, ok := c.names[string(b)]; ok {
		return s
	}
	s := string(b)
	if c.names == nil {
		c.names = make(map[string]string)
	}
	if len(c.names) < maxNames {
		c.names[s] = s
	}
	return s
}

// clear forgets all fields.
func (c *codec) clear() { c.fields = c.fields[:0] }

// set replaces fields and adds those that are new.
func (c *codec) set(values map[string][]byte) {
	old := len(c.fields)
	for name, value := range values {
		if i := indexOf(c.fields[:old], name); i >= 0 {
			c.fields[i].value = value
		} else {
			c.fields = append(c.fields, field{name, value})
		}
	}
	if len(c.fields) > old {
		slices.SortFunc(c.fields, func(a, b field) int { return strings.Compare(a.name, b.name) })
	}
}

// append encodes the fields.
func (c *codec) append(dst []byte) []byte {
	dst = appendHeader(dst, len(c.fields))
	for _, f := range c.fields {
		dst = appendField(dst, f.name, f.value)
	}
	return dst
}

// pick adds the fields that were asked for to row: all when asked is empty. It
// returns an error that names the first one the record lacks; row then has the
// others.
func (c *codec) pick(row map[string][]byte, asked []string) error {
	if len(asked) == 0 {
		for _, f := range c.fields {
			row[f.name] = f.value
		}
		return nil
	}
	var missing error
	for i, name := range asked {
		// Mostly all fields are asked for, in their order.
		if i >= len(c.fields) || c.fields[i].name != name {
			i = indexOf(c.fields, name)
		}
		switch {
		case i >= 0:
			row[name] = c.fields[i].value
		case missing == nil:
			missing = fmt.Errorf("%w: a record of %d fields lacks %s", errWrongAnswer, len(c.fields), name)
		}
	}
	return missing
}

// indexOf returns the index of the field with a name, or -1.
func indexOf(fields []field, name string) int {
	i, ok := slices.BinarySearchFunc(fields, name, func(f field, name string) int {
		return strings.Compare(f.name, name)
	})
	if !ok {
		return -1
	}
	return i
}
