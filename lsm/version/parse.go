package version

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/kvbench/kvbench/lsm/ikey"
)

// Parse reads what Version.String writes, lines in any order. It checks what
// Apply does; errors say which line.
func Parse(text string) (*Version, error) {
	var e Edit
	for i, line := range strings.Split(text, "\n") {
		if err := e.parseLine(line); err != nil {
			return nil, fmt.Errorf("line %d: %w: %q", i+1, err, line)
		}
	}
	return Build(e.Added, e.AddedBlobs)
}

// parseLine adds what a line says.
func (e *Edit) parseLine(line string) error {
	words, err := split(line)
	if err != nil || len(words) == 0 {
		return err
	}
	if words[0] == "blob" {
		b, err := parseBlob(words[1:])
		e.AddedBlobs = append(e.AddedBlobs, b)
		return err
	}
	if len(words) < 6 || words[1] != "run" || !strings.HasPrefix(words[0], "L") || !strings.HasSuffix(words[2], ":") {
		return errors.New("want L<level> run <run>: <id> [<smallest>,<largest>] <size>")
	}
	level, err1 := strconv.Atoi(words[0][1:])
	run, err2 := strconv.ParseUint(strings.TrimSuffix(words[2], ":"), 10, 64)
	t, err3 := parseTable(words[3:])
	e.Added = append(e.Added, Placed{level, run, t})
	return errors.Join(err1, err2, err3)
}

// split returns the words of a line. Blanks in quotes are part of a word.
func split(line string) ([]string, error) {
	var words []string
	for {
		line = strings.TrimLeft(line, " \t\r")
		if line == "" || line[0] == '#' {
			return words, nil
		}
		n := 0
		for n < len(line) && strings.IndexByte(" \t\r", line[n]) < 0 {
			if line[n] != '"' {
				n++
				continue
			}
			q, err := strconv.QuotedPrefix(line[n:])
			if err != nil {
				return nil, errors.New("a quote is not closed")
			}
			n += len(q)
		}
		words, line = append(words, line[:n]), line[n:]
	}
}

func parseBlob(words []string) (*Blob, error) {
	if len(words) != 2 && (len(words) != 4 || words[2] != "values") {
		return nil, errors.New("want blob <id>: <size> values <size>")
	}
	id, err1 := strconv.ParseUint(strings.TrimSuffix(words[0], ":"), 10, 64)
	n, err2 := parseSize(words[1], math.MaxInt64)
	b := &Blob{ID: id, Bytes: int64(n)}
	var err3 error
	if len(words) == 4 {
		b.ValueBytes, err3 = parseSize(words[3], math.MaxUint64)
	}
	return b, errors.Join(err1, err2, err3)
}

// parseTable reads what Table.String writes.
func parseTable(words []string) (*Table, error) {
	t := new(Table)
	id, err1 := strconv.ParseUint(words[0], 10, 64)
	b, err2 := parseBounds(words[1])
	n, err3 := parseSize(words[2], math.MaxInt64)
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, err
	}
	t.ID, t.Bytes = id, int64(n)
	t.Smallest, t.Largest, t.LargestExclusive = b.Lower, b.Upper, b.Exclusive
	for words = words[3:]; len(words) > 0; words = words[2:] {
		if len(words) == 1 {
			return nil, fmt.Errorf("%s of what", words[0])
		}
		if err := t.parseField(words[0], words[1]); err != nil {
			return nil, fmt.Errorf("%s: %w", words[0], err)
		}
	}
	return t, nil
}

func (t *Table) parseField(name, value string) (err error) {
	switch name {
	case "seq":
		from, to, _ := strings.Cut(value, "-")
		a, err1 := strconv.ParseUint(from, 10, 64)
		b, err2 := strconv.ParseUint(to, 10, 64)
		t.MinSeq, t.MaxSeq = ikey.Seq(a), ikey.Seq(b)
		return errors.Join(err1, err2)
	case "blob":
		parts := strings.Split(value, ":")
		if len(parts) != 3 {
			return errors.New("want file:values:bytes")
		}
		file, err1 := strconv.ParseUint(parts[0], 10, 64)
		values, err2 := strconv.ParseUint(parts[1], 10, 64)
		n, err3 := parseSize(parts[2], math.MaxUint64)
		t.Blobs = append(t.Blobs, BlobUse{file, values, n})
		return errors.Join(err1, err2, err3)
	}
	for _, f := range t.fields() {
		if f.name != name {
			continue
		}
		switch at := f.at.(type) {
		case *uint64:
			*at, err = parseSize(value, math.MaxUint64)
		case *int64:
			*at, err = strconv.ParseInt(value, 10, 64)
		}
		return err
	}
	return errors.New("there is no such field")
}

func parseBounds(word string) (b Bounds, err error) {
	if len(word) < 3 || word[0] != '[' {
		return b, errors.New("bounds begin with [")
	}
	switch word[len(word)-1] {
	case ')':
		b.Exclusive = true
	case ']':
	default:
		return b, errors.New("bounds end with ] or )")
	}
	rest := word[1 : len(word)-1]
	if b.Lower, rest, err = parseKey(rest); err != nil {
		return b, err
	}
	if rest == "" || rest[0] != ',' {
		return b, errors.New("want a comma between bounds")
	}
	if b.Upper, rest, err = parseKey(rest[1:]); err != nil {
		return b, err
	}
	if rest != "" {
		return b, fmt.Errorf("what is %s", rest)
	}
	return b, nil
}

// parseKey reads a key in front of the rest.
func parseKey(s string) (key []byte, rest string, err error) {
	if strings.HasPrefix(s, `"`) {
		q, err := strconv.QuotedPrefix(s)
		if err != nil {
			return nil, "", err
		}
		text, err := strconv.Unquote(q)
		return []byte(text), s[len(q):], err
	}
	n := 0
	for n < len(s) && bare(s[n]) {
		n++
	}
	if n == 0 {
		return nil, s, nil
	}
	return []byte(s[:n]), s[n:], nil
}

func parseSize(word string, most uint64) (uint64, error) {
	digits, one := word, uint64(1)
	for i, u := range units {
		if d, ok := strings.CutSuffix(word, u); ok {
			digits, one = d, 1<<(10*(len(units)-i))
		}
	}
	n, err := strconv.ParseUint(digits, 10, 64)
	if err == nil && n > most/one {
		err = fmt.Errorf("%s is too much", word)
	}
	return n * one, err
}
