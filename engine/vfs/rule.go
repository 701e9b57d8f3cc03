package vfs

import (
	"errors"
	"fmt"
	"math/bits"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A Kind is a set of kinds of calls that Fault tells apart. Kinds are joined
// with |.
type Kind uint32

const (
	KindOpen        Kind = 1 << iota // Open, OpenReadWrite, OpenDirect
	KindCreate                       // Create
	KindRead                         // ReadAt
	KindWrite                        // Write, WriteAt
	KindSync                         // Sync, SyncData
	KindSyncDir                      // SyncDir
	KindRename                       // Rename
	KindRemove                       // Remove, RemoveAll
	KindLink                         // Link
	KindTruncate                     // Truncate
	KindPreallocate                  // Preallocate
	KindPunch                        // PunchHole
	KindList                         // List
	KindStat                         // Stat of the file system, Size of a file
	KindLock                         // Lock
	KindMkdir                        // MkdirAll
	KindMmap                         // Mmap
	KindClose                        // Close of a file

	KindAny Kind = 1<<iota - 1 // every kind
)

const (
	kindCount = 18
	kindSyncs = KindSync | KindSyncDir
	kindSizes = KindWrite | KindPreallocate
)

func kindNames() [kindCount]string {
	return [kindCount]string{
		"open", "create", "read", "write", "sync", "syncdir", "rename", "remove", "link", "truncate",
		"preallocate", "punch", "list", "stat", "lock", "mkdir", "mmap", "close",
	}
}

// anyName is KindAny in the rule language.
const anyName = "any"

// String returns the kinds as the rule language writes them: sync|syncdir.
func (k Kind) String() string {
	if k == KindAny {
		return anyName
	}
	var names []string
	for i, name := range kindNames() {
		if k&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, "|")
}

// index is the place of a single kind in tables.
func (k Kind) index() int { return bits.TrailingZeros32(uint32(k)) }

// A Rule says which calls of a file system go wrong, and how. In text it is
//
//	kinds [pattern] trigger... effect...
//
// and several rules are separated by semicolons or line ends. A word that
// begins with # starts a comment, which ends with the line.
//
//	any nth=17 error=EIO                   the 17th call of any kind fails
//	sync *.wal nth=3 error=EIO             the third sync of a log fails
//	sync *.wal nth=3 error=EIO lost        and what it had to write is gone
//	sync lie                               syncs do nothing, and say nothing
//	write budget=1MiB error=ENOSPC         the disk is full after 1 MiB
//	write sst/* after=9 short=5 error=EIO  from the tenth on, 5 bytes of each
//	read every=5 delay=2ms                 each fifth read is late
//	read|list p=0.01 seed=7 error=EIO      one call in a hundred fails
//
// Kinds are those of Kind in lower case without the prefix, joined with |, or
// any.
//
// The pattern is a glob (filepath.Match). It has as many elements as are
// compared: *.wal looks at the last element of a path, sst/* at the last two,
// and one that begins with a separator at the whole path. A rename or a link
// matches by either path; an open file by the path under which it was opened.
// A pattern without any of . * ? [ / needs path= before it, and one with
// blanks, quotes or semicolons is written path="...", quoted as in Go.
//
//	trigger    fires
//	(none)     at each call that matches kinds and pattern
//	nth=N      at the Nth matching call only
//	after=N    at all but the first N
//	every=N    at each Nth, counted behind after
//	p=F        with this probability, 0 < F <= 1, drawn from seed=N and the
//	           number of the call, so that it repeats
//	budget=S   when this and all earlier matching writes and preallocations
//	           together ask for more than S bytes (64k, 1MiB; powers of 1024);
//	           a write puts down what still fits
//	times=N    limits the others: at most N times
//
//	effect     does
//	error=E    the call is not done and fails with E
//	short=N    a read or write does its first N bytes before that
//	done       the call is done, and fails all the same
//	lost       a sync that failed has lost its data: all later syncs of that
//	           file succeed and do nothing (see Fault)
//	lie        a sync succeeds and does nothing
//	delay=D    the call waits first (2ms, 1.5s); goes with any other effect
//
// E is the name of an errno, such as EIO, or unsupported for
// errors.ErrUnsupported, or locked for ErrLocked. A rule has an effect.
type Rule struct {
	Kind Kind
	Path string // empty: every path

	Nth, After, Every, Times uint64 // 0: not given

	P    float64 // 0: not given
	Seed uint64

	Budget int64 // bytes; 0: not given

	Err   error
	Short int
	Done  bool
	Lost  bool
	Lie   bool
	Delay time.Duration
}

// Check says what is wrong with a rule: what ParseRules would refuse.
func (r Rule) Check() error {
	if r.Kind == 0 || r.Kind&^KindAny != 0 {
		return errors.New("a rule needs kinds of calls")
	}
	if _, err := filepath.Match(r.Path, ""); err != nil {
		return fmt.Errorf("pattern %q: %w", r.Path, err)
	}
	for _, c := range []struct {
		bad  bool
		what string
	}{
		{r.Err == nil && !r.Lie && r.Delay == 0, "a rule needs an effect: error=, lie or delay="},
		{r.Err == nil && (r.Short != 0 || r.Done || r.Lost), "short=, done and lost need error="},
		{r.Err != nil && r.Lie, "error= and lie exclude each other"},
		{r.Done && (r.Short != 0 || r.Lost || r.Budget != 0), "done excludes short=, lost and budget="},
		{r.Short < 0 || r.Delay < 0 || r.Budget < 0, "short=, delay= and budget= are not negative"},
		{!(r.P >= 0 && r.P <= 1), "p= is a probability: above 0, at most 1"},
		{r.P == 0 && r.Seed != 0, "seed= needs p="},
		{r.Nth != 0 && (r.After != 0 || r.Every != 0 || r.Times != 0 || r.P != 0), "nth= fires once and stands alone; for more use after= and times="},
		{r.Budget != 0 && (r.Nth != 0 || r.After != 0 || r.Every != 0 || r.P != 0), "budget= excludes nth=, after=, every= and p="},
		{r.Budget != 0 && r.Short != 0, "budget= says itself how much of a write is done: it excludes short="},
		{r.Budget != 0 && r.Err == nil, "budget= needs error="},
		{r.Budget != 0 && r.Kind&^kindSizes != 0, "budget= is for write and preallocate"},
		{r.Lie && r.Kind&^kindSyncs != 0, "lie is for sync and syncdir"},
		{r.Lost && r.Kind&kindSyncs == 0, "lost is for sync and syncdir"},
		{r.Short != 0 && r.Kind&(KindRead|KindWrite) == 0, "short= is for read and write"},
	} {
		if c.bad {
			return errors.New(c.what)
		}
	}
	return nil
}

// String returns the rule in its language. ParseRules reads it back, unless
// Err is an error without a name there.
func (r Rule) String() string {
	words := []string{r.Kind.String()}
	if r.Path != "" {
		words = append(words, patternWord(r.Path))
	}
	number := func(name string, n uint64) {
		if n != 0 {
			words = append(words, name+"="+strconv.FormatUint(n, 10))
		}
	}
	number("nth", r.Nth)
	number("after", r.After)
	number("every", r.Every)
	if r.P != 0 {
		words = append(words, "p="+strconv.FormatFloat(r.P, 'g', -1, 64))
	}
	number("seed", r.Seed)
	if r.Budget != 0 {
		words = append(words, "budget="+formatSize(r.Budget))
	}
	number("times", r.Times)
	if r.Delay != 0 {
		words = append(words, "delay="+r.Delay.String())
	}
	if r.Short != 0 {
		number("short", uint64(r.Short))
	}
	if r.Err != nil {
		words = append(words, "error="+errorName(r.Err))
	}
	for _, flag := range []struct {
		name string
		on   bool
	}{{"done", r.Done}, {"lost", r.Lost}, {"lie", r.Lie}} {
		if flag.on {
			words = append(words, flag.name)
		}
	}
	return strings.Join(words, " ")
}

// faultError is an error with its name in the rule language.
type faultError struct {
	name string
	err  error
}

func faultErrors() []faultError {
	return []faultError{
		{"EIO", syscall.EIO},
		{"ENOSPC", syscall.ENOSPC},
		{"EACCES", syscall.EACCES},
		{"EAGAIN", syscall.EAGAIN},
		{"EBADF", syscall.EBADF},
		{"EBUSY", syscall.EBUSY},
		{"EEXIST", syscall.EEXIST},
		{"EFBIG", syscall.EFBIG},
		{"EINTR", syscall.EINTR},
		{"EINVAL", syscall.EINVAL},
		{"EMFILE", syscall.EMFILE},
		{"ENFILE", syscall.ENFILE},
		{"ENODEV", syscall.ENODEV},
		{"ENOENT", syscall.ENOENT},
		{"ENOMEM", syscall.ENOMEM},
		{"EPERM", syscall.EPERM},
		{"EROFS", syscall.EROFS},
		{"ETIMEDOUT", syscall.ETIMEDOUT},
		{"unsupported", errors.ErrUnsupported},
		{"locked", ErrLocked},
	}
}

func errorName(err error) string {
	for _, e := range faultErrors() {
		if e.err == err {
			return e.name
		}
	}
	return strconv.Quote(err.Error())
}
