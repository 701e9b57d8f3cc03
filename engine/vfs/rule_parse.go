package vfs

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kvbench/kvbench/engine/nearest"
)

// ParseRules reads rules in the language that Rule describes. It is strict:
// errors say where ("line 1, column 6") and name the nearest word that is
// known.
func ParseRules(text string) ([]Rule, error) {
	var rules []Rule
	for number, line := range strings.Split(text, "\n") {
		p := ruleParser{line: line}
		for {
			r, ok, err := p.rule()
			if err != nil {
				return nil, fmt.Errorf("line %d, column %d: %w", number+1, p.wordAt+1, err)
			}
			if !ok {
				break
			}
			rules = append(rules, r)
		}
	}
	return rules, nil
}

// ruleParser reads the rules of one line.
type ruleParser struct {
	line   string
	at     int // offset of the first byte not read yet
	wordAt int // offset of the word that an error is about
}

const ruleBlanks = " \t\r"

// rule reads one rule. ok is false at the end of the line.
func (p *ruleParser) rule() (r Rule, ok bool, err error) {
	word, err := p.word()
	for err == nil && word == ";" {
		word, err = p.word()
	}
	if err != nil || word == "" {
		return r, false, err
	}
	start := p.wordAt
	if r.Kind, err = parseKinds(word); err != nil {
		return r, false, err
	}
	seen := map[string]bool{}
	for {
		if word, err = p.word(); err != nil {
			return r, false, err
		}
		if word == "" || word == ";" {
			break
		}
		if err := r.option(word, seen); err != nil {
			return r, false, err
		}
	}
	p.wordAt = start
	return r, true, r.Check()
}

// word reads the next word: "" at the end of the line or at a comment, ";"
// between rules.
func (p *ruleParser) word() (string, error) {
	rest := strings.TrimLeft(p.line[p.at:], ruleBlanks)
	p.wordAt = len(p.line) - len(rest)
	p.at = p.wordAt
	if rest == "" || rest[0] == '#' {
		p.at = len(p.line)
		return "", nil
	}
	if rest[0] == ';' {
		p.at++
		return ";", nil
	}
	end := strings.IndexAny(rest, ruleBlanks+`;"`)
	switch {
	case end < 0:
		end = len(rest)
	case rest[end] == '"':
		quoted, err := strconv.QuotedPrefix(rest[end:])
		if err != nil {
			return "", errors.New("the quote is not closed, or not quoted as in Go")
		}
		end += len(quoted)
		if end < len(rest) && !strings.ContainsRune(ruleBlanks+";", rune(rest[end])) {
			return "", errors.New("a blank is missing after the closing quote")
		}
	}
	p.at += end
	return rest[:end], nil
}

func parseKinds(word string) (Kind, error) {
	names := kindNames()
	var k Kind
	for name := range strings.SplitSeq(word, "|") {
		i := slices.Index(names[:], name)
		switch {
		case name == anyName:
			k |= KindAny
		case i >= 0:
			k |= 1 << i
		default:
			return 0, fmt.Errorf("unknown kind of call %q%s", name, nearest.Hint(name, append(names[:], anyName)))
		}
	}
	return k, nil
}

// optionWords are the words that may stand behind the kinds.
func optionWords() []string {
	return []string{
		"path", "nth", "after", "every", "p", "seed", "budget", "times",
		"error", "short", "done", "lost", "lie", "delay",
	}
}

// option takes one word into the rule.
func (r *Rule) option(word string, seen map[string]bool) error {
	name, value, hasValue := strings.Cut(word, "=")
	known := slices.Contains(optionWords(), name)
	if !known && isPattern(word) {
		name, value, hasValue, known = "path", word, true, true
	}
	if !known {
		hint := nearest.Hint(name, optionWords())
		if !hasValue {
			hint += "; a pattern without . * ? [ or / is written path=" + word
		}
		return fmt.Errorf("unknown word %q%s", name, hint)
	}
	if seen[name] {
		return fmt.Errorf("%s is given twice", name)
	}
	seen[name] = true
	flag := name == "done" || name == "lost" || name == "lie"
	if flag && hasValue {
		return fmt.Errorf("%s takes no value", name)
	}
	if !flag && value == "" {
		return fmt.Errorf("%s needs a value: %s=VALUE", name, name)
	}
	return r.set(name, value)
}

func (r *Rule) set(name, value string) (err error) {
	switch name {
	case "path":
		r.Path, err = unquote(value)
	case "nth":
		r.Nth, err = parseCount(name, value, 1)
	case "after":
		r.After, err = parseCount(name, value, 0)
	case "every":
		r.Every, err = parseCount(name, value, 1)
	case "times":
		r.Times, err = parseCount(name, value, 1)
	case "seed":
		r.Seed, err = parseCount(name, value, 0)
	case "short":
		var n uint64
		n, err = parseCount(name, value, 0)
		if n > math.MaxInt32 {
			return fmt.Errorf("short=%s is too large", value)
		}
		r.Short = int(n)
	case "p":
		r.P, err = strconv.ParseFloat(value, 64)
		if err != nil || !(r.P > 0 && r.P <= 1) {
			return fmt.Errorf("p=%s is no probability: above 0, at most 1", value)
		}
	case "budget":
		r.Budget, err = parseSize(value)
	case "delay":
		r.Delay, err = time.ParseDuration(value)
		if err != nil || r.Delay <= 0 {
			return fmt.Errorf("delay=%s is no duration above 0, such as 2ms", value)
		}
	case "error":
		r.Err, err = parseError(value)
	case "done":
		r.Done = true
	case "lost":
		r.Lost = true
	case "lie":
		r.Lie = true
	}
	return err
}

func parseCount(name, value string, least uint64) (uint64, error) {
	n, err := strconv.ParseUint(value, 10, 64)
	if err != nil || n < least {
		return 0, fmt.Errorf("%s=%s is no whole number of at least %d", name, value, least)
	}
	return n, nil
}

func parseError(value string) (error, error) {
	var names []string
	for _, e := range faultErrors() {
		if e.name == value {
			return e.err, nil
		}
		names = append(names, e.name)
	}
	return nil, fmt.Errorf("unknown error %q%s", value, nearest.Hint(value, names))
}

// sizeUnits are powers of 1024, the largest first.
func sizeUnits() []string { return []string{"TiB", "GiB", "MiB", "KiB"} }

// parseSize reads 4096, 64k, 64KiB, 1m or 1MiB.
func parseSize(value string) (int64, error) {
	digits := strings.TrimRight(value, "kmgtiKMGTB")
	suffix := value[len(digits):]
	n, err := strconv.ParseInt(digits, 10, 64)
	unit := int64(1) << (10 * len(sizeUnits()))
	found := suffix == ""
	for _, name := range sizeUnits() {
		if suffix == name || strings.ToUpper(suffix) == name[:1] {
			found = true
			break
		}
		unit >>= 10
	}
	if suffix == "" {
		unit = 1
	}
	if err != nil || n < 1 || !found || n > math.MaxInt64/unit {
		return 0, fmt.Errorf("budget=%s is no size above 0, such as 4096, 64k or 1MiB", value)
	}
	return n * unit, nil
}

func formatSize(n int64) string {
	unit := int64(1) << (10 * len(sizeUnits()))
	for _, name := range sizeUnits() {
		if n%unit == 0 {
			return strconv.FormatInt(n/unit, 10) + name
		}
		unit >>= 10
	}
	return strconv.FormatInt(n, 10)
}

// isPattern says whether a word can only be a glob.
func isPattern(word string) bool {
	return strings.ContainsAny(word, `.*?[/`) && !strings.ContainsAny(word, `="`)
}

// patternWord is how a pattern is written so that it reads back.
func patternWord(pattern string) string {
	quoted := strings.ContainsAny(pattern, ruleBlanks+";\"\n") || strconv.Quote(pattern) != `"`+pattern+`"`
	switch {
	case quoted:
		return "path=" + strconv.Quote(pattern)
	case isPattern(pattern) && pattern[0] != '#' && !slices.Contains(optionWords(), pattern):
		return pattern
	}
	return "path=" + pattern
}

func unquote(value string) (string, error) {
	if !strings.Contains(value, `"`) {
		return value, nil
	}
	s, err := strconv.Unquote(value)
	if err != nil || s == "" {
		return "", fmt.Errorf("path=%s is not quoted as in Go, or empty", value)
	}
	return s, nil
}
