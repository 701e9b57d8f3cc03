package machine

import (
	"io/fs"
	"strings"
)

// A root is a tree that stands for /. Names in it begin without a slash.
type root struct{ fs.FS }

// text returns a file without surrounding space, or "" when it cannot be read.
func (r root) text(name string) string {
	data, err := fs.ReadFile(r.FS, name)
	if err != nil {
		return ""
	}
	// Device-tree strings end in a zero byte.
	return strings.TrimSpace(strings.TrimRight(string(data), "\x00"))
}

func (r root) has(name string) bool {
	_, err := fs.Stat(r.FS, name)
	return err == nil
}

// texts returns the distinct contents of the files that match, in the order
// of their names, without empty ones.
func (r root) texts(pattern string) []string {
	names, err := fs.Glob(r.FS, pattern)
	if err != nil {
		return nil
	}
	var all distinct
	for _, name := range names {
		all.add(r.text(name))
	}
	return all
}

// distinct keeps each word once, in the order of first sight.
type distinct []string

func (d *distinct) add(word string) {
	if word == "" {
		return
	}
	for _, have := range *d {
		if have == word {
			return
		}
	}
	*d = append(*d, word)
}
