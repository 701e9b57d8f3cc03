package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// span is a flag of a duration. A bare number is seconds.
type span time.Duration

func (s *span) Set(text string) error {
	d, err := time.ParseDuration(text)
	if seconds, floatErr := strconv.ParseFloat(text, 64); floatErr == nil {
		d, err = time.Duration(seconds*float64(time.Second)), nil
	}
	if err != nil {
		return fmt.Errorf("want a duration such as 500ms, 2s or 1m")
	}
	if d < 0 {
		return fmt.Errorf("a duration cannot be negative")
	}
	*s = span(d)
	return nil
}

func (s *span) String() string { return time.Duration(*s).String() }

// Type is what help shows.
func (s *span) Type() string { return "duration" }

// words splits lists at commas and spaces; a list may be given several times.
func words(lists []string) []string {
	var out []string
	for _, list := range lists {
		out = append(out, strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })...)
	}
	return out
}

// parseThreads reads "2" or "1,8,64".
func parseThreads(text string) ([]int, error) {
	var list []int
	for _, word := range words([]string{text}) {
		n, err := strconv.Atoi(word)
		if err != nil {
			return nil, usagef("--threads %q: %q is not a whole number; want 2, or a list such as 1,8,64", text, word)
		}
		if n < 1 {
			return nil, usagef("--threads %q: %d is not possible; at least 1", text, n)
		}
		for _, known := range list {
			if known == n {
				return nil, usagef("--threads %q: %d is given twice", text, n)
			}
		}
		list = append(list, n)
	}
	if len(list) == 0 {
		return nil, usagef("--threads %q: no number", text)
	}
	return list, nil
}

// humanCount writes 245300 as "245 k".
func humanCount(x float64) string { return scaled(x, 1000, "", " k", " M", " G") }

// humanBytes writes 1536 as "1.5 KiB".
func humanBytes(x uint64) string {
	return scaled(float64(x), 1024, " B", " KiB", " MiB", " GiB", " TiB")
}

// scaled writes x in the largest unit that leaves at least 1 of it, with
// three digits.
func scaled(x, step float64, units ...string) string {
	i := 0
	for i < len(units)-1 && x >= step-0.5 {
		x /= step
		i++
	}
	decimals := 0
	if i > 0 && x < 100 {
		decimals = 1
	}
	return strings.TrimSuffix(strconv.FormatFloat(x, 'f', decimals, 64), ".0") + units[i]
}

// humanTime rounds to what matters to a person who waits.
func humanTime(d time.Duration) string {
	switch {
	case d >= time.Minute:
		d = d.Round(time.Second)
	case d >= time.Second:
		d = d.Round(100 * time.Millisecond)
	default:
		d = d.Round(time.Millisecond)
	}
	return d.String()
}
