package vfs

import (
	"errors"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestRulesAreReadAsTheDocumentationSays(t *testing.T) {
	for text, want := range map[string]Rule{
		"any nth=17 error=EIO":            {Kind: KindAny, Nth: 17, Err: syscall.EIO},
		"sync *.wal nth=3 error=EIO":      {Kind: KindSync, Path: "*.wal", Nth: 3, Err: syscall.EIO},
		"sync *.wal nth=3 error=EIO lost": {Kind: KindSync, Path: "*.wal", Nth: 3, Err: syscall.EIO, Lost: true},
		"sync lie":                        {Kind: KindSync, Lie: true},
		"sync|syncdir lie":                {Kind: KindSync | KindSyncDir, Lie: true},
		"write budget=1MiB error=ENOSPC":  {Kind: KindWrite, Budget: 1 << 20, Err: syscall.ENOSPC},
		"write budget=64k error=ENOSPC":   {Kind: KindWrite, Budget: 64 << 10, Err: syscall.ENOSPC},
		"write budget=700 error=ENOSPC":   {Kind: KindWrite, Budget: 700, Err: syscall.ENOSPC},
		"write sst/* after=9 short=3 error=EIO": {
			Kind: KindWrite, Path: "sst/*", After: 9, Short: 3, Err: syscall.EIO,
		},
		"read every=5 delay=2ms":            {Kind: KindRead, Every: 5, Delay: 2 * time.Millisecond},
		"read|list p=0.01 seed=7 error=EIO": {Kind: KindRead | KindList, P: 0.01, Seed: 7, Err: syscall.EIO},
		"  rename\tpath=LOCK times=2 error=EIO done  # why": {
			Kind: KindRename, Path: "LOCK", Times: 2, Err: syscall.EIO, Done: true,
		},
		`open path="a b;c" error=EMFILE`: {Kind: KindOpen, Path: "a b;c", Err: syscall.EMFILE},
		"open path=a=b#c error=EMFILE":   {Kind: KindOpen, Path: "a=b#c", Err: syscall.EMFILE},
		"mmap error=unsupported":         {Kind: KindMmap, Err: errors.ErrUnsupported},
		"lock path=lie error=locked":     {Kind: KindLock, Path: "lie", Err: ErrLocked},
	} {
		rules, err := ParseRules(text)
		if err != nil || !slices.Equal(rules, []Rule{want}) {
			t.Errorf("%s: %+v, %v", text, rules, err)
		}
	}
}

func TestRulesAreSeparatedBySemicolonsAndLines(t *testing.T) {
	text := "# a full disk\nsync lie; read delay=1s # slow ; sync lie\n\n;; write error=EIO;\n"
	rules, err := ParseRules(text)
	want := []Rule{
		{Kind: KindSync, Lie: true},
		{Kind: KindRead, Delay: time.Second},
		{Kind: KindWrite, Err: syscall.EIO},
	}
	if err != nil || !slices.Equal(rules, want) {
		t.Errorf("%+v, %v", rules, err)
	}
	if rules, err := ParseRules(" \n# nothing\n"); len(rules) != 0 || err != nil {
		t.Errorf("%+v, %v", rules, err)
	}
}

func TestAnErrorInARuleSaysWhereAndNamesTheNearestWord(t *testing.T) {
	for text, want := range map[string]string{
		"sink error=EIO":                       `line 1, column 1: unknown kind of call "sink"; did you mean link?`,
		"sync|wrte error=EIO":                  `column 1: unknown kind of call "wrte"; did you mean write?`,
		"x9y8z7w6v5 error=EIO":                 `known are open, create`,
		"sync error=EIO\n  read eror=EIO":      `line 2, column 8: unknown word "eror"; did you mean error?`,
		"sync lei":                             `column 6: unknown word "lei"; did you mean lie?; a pattern without . * ? [ or / is written path=lei`,
		"sync error=EOI":                       `column 6: unknown error "EOI"; did you mean EIO?`,
		"sync error=EIO error=EIO":             `column 16: error is given twice`,
		"sync *.a *.b lie":                     `column 10: path is given twice`,
		"sync lie=1":                           `lie takes no value`,
		"sync error":                           `error needs a value: error=VALUE`,
		"sync path= lie":                       `path needs a value`,
		`sync path="" lie`:                     `is not quoted as in Go, or empty`,
		`sync path="a lie`:                     `column 6: the quote is not closed`,
		`sync path="a"lie`:                     `a blank is missing`,
		"sync nth=0 lie":                       `nth=0 is no whole number of at least 1`,
		"sync nth=-1 lie":                      `nth=-1 is no whole number of at least 1`,
		"sync p=2 lie":                         `p=2 is no probability`,
		"sync p=NaN lie":                       `p=NaN is no probability`,
		"sync delay=2":                         `delay=2 is no duration`,
		"sync delay=-2s":                       `delay=-2s is no duration`,
		"write budget=1XB error=EIO":           `budget=1XB is no size`,
		"write budget=9000000TiB error=ENOSPC": `is no size`,
		"write short=99999999999 error=EIO":    `is too large`,
		"sync lie; sync nth=2":                 `line 1, column 11: a rule needs an effect`,
		"sync delay=1s done":                   `need error=`,
		"sync error=EIO lie":                   `exclude each other`,
		"sync error=EIO lost done":             `done excludes`,
		"sync lie seed=1":                      `seed= needs p=`,
		"sync nth=1 times=2 lie":               `nth= fires once`,
		"write budget=1 after=1 error=EIO":     `budget= excludes`,
		"write budget=1 short=1 error=EIO":     `excludes short=`,
		"write budget=1 delay=1s":              `budget= needs error=`,
		"sync budget=1 error=EIO":              `budget= is for write and preallocate`,
		"write lie":                            `lie is for sync and syncdir`,
		"write error=EIO lost":                 `lost is for sync and syncdir`,
		"sync short=1 error=EIO":               `short= is for read and write`,
		"sync path=a[ lie":                     `syntax error in pattern`,
	} {
		rules, err := ParseRules(text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s:\n\t%+v, %v\n\twant %s", text, rules, err, want)
		}
	}
}

// drawRule returns any rule that Check accepts.
func drawRule(t *rapid.T) Rule {
	var named []error
	for _, e := range faultErrors() {
		named = append(named, e.err)
	}
	count := func(label string) uint64 { return rapid.SampledFrom([]uint64{0, 1, 7, 1 << 63}).Draw(t, label) }
	flag := func(label string) bool { return rapid.Bool().Draw(t, label) }
	r := Rule{
		Kind: Kind(rapid.Uint32Range(1, uint32(KindAny)).Draw(t, "kind")),
		Path: rapid.SampledFrom([]string{
			"", "*.wal", "LOCK", "a b", "/x/*", "nth=3", "#", "#.x", "q\"", "lie", "ü*", "\xff", "\n", "a\\*;.b",
		}).Draw(t, "path"),
		Delay: time.Duration(rapid.SampledFrom([]int64{0, 1, 1e6, 9e12}).Draw(t, "delay")),
	}
	switch rapid.IntRange(0, 2).Draw(t, "trigger") {
	case 0:
		r.Nth = count("nth")
	case 1:
		r.After, r.Every, r.Times = count("after"), count("every"), count("times")
		if r.P = rapid.SampledFrom([]float64{0, 1, 1e-9, 0.25}).Draw(t, "p"); r.P != 0 {
			r.Seed = count("seed")
		}
	case 2:
		r.Kind, r.Times = kindSizes, count("times")
		r.Budget = rapid.SampledFrom([]int64{1, 1023, 1024, 3 << 20, 5 << 40}).Draw(t, "budget")
	}
	effect := rapid.IntRange(0, 2).Draw(t, "effect")
	switch {
	case r.Budget != 0 || effect == 0:
		r.Err = rapid.SampledFrom(named).Draw(t, "error")
		if r.Budget != 0 {
			break
		}
		if r.Done = flag("done"); !r.Done {
			r.Kind |= KindSync | KindRead
			r.Lost, r.Short = flag("lost"), rapid.SampledFrom([]int{0, 1, 4096}).Draw(t, "short")
		}
	case effect == 1:
		r.Kind, r.Lie = kindSyncs, true
	default:
		r.Delay++
	}
	if err := r.Check(); err != nil {
		t.Fatalf("%+v: %v", r, err)
	}
	return r
}

func TestAnyRuleReadsBackFromItsText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := []Rule{drawRule(t), drawRule(t)}
		text := want[0].String() + ";" + want[1].String()
		if got, err := ParseRules(text); err != nil || !slices.Equal(got, want) {
			t.Fatalf("%s: %+v, %v\nwant %+v", text, got, err, want)
		}
	})
}

func FuzzParseRules(f *testing.F) {
	f.Add("sync *.wal nth=3 error=EIO lost; read every=5 delay=2ms\nwrite budget=1MiB error=ENOSPC")
	f.Add(`any path="a b" p=0.5 seed=9 times=2 error=unsupported done # text`)
	f.Fuzz(func(t *testing.T, text string) {
		rules, err := ParseRules(text)
		if err != nil {
			if len(rules) != 0 || !strings.HasPrefix(err.Error(), "line ") {
				t.Errorf("%v, %v", rules, err)
			}
			return
		}
		var lines []string
		for _, r := range rules {
			if err := r.Check(); err != nil {
				t.Errorf("%s: %v", r, err)
			}
			lines = append(lines, r.String())
		}
		again, err := ParseRules(strings.Join(lines, "\n"))
		if err != nil || !slices.Equal(again, rules) {
			t.Errorf("%q reads back as %+v, %v, want %+v", lines, again, err, rules)
		}
	})
}
