package vfs

import (
	"errors"
	"strings"
	"syscall"
	"testing"
)

// tinyLog appends lines to a file and acknowledges what it synced. Its flaws
// are those that the loops of doc.go must find.
type tinyLog struct {
	fsys          FS
	skipsDirSync  bool
	triesAgain    bool // after a sync that failed, and believes the answer
	ignoresErrors bool
	acknowledged  string
}

func (l *tinyLog) run() {
	f, err := l.fsys.Create("/log")
	if err != nil {
		return
	}
	defer f.Close()
	if !l.skipsDirSync && l.fsys.SyncDir("/") != nil {
		return
	}
	written := ""
	for _, line := range strings.SplitAfter("a\nbc\ndef\n", "\n") {
		_, err := f.Write([]byte(line))
		if err == nil {
			err = f.SyncData()
			if err != nil && l.triesAgain {
				err = f.SyncData()
			}
		}
		if err != nil && !l.ignoresErrors {
			return
		}
		written += line
		l.acknowledged = written
	}
}

// failures crashes l at every sync, and fails each of its calls, and returns
// in how many states an acknowledged line was not there.
func failures(t *testing.T, flaws tinyLog, rule Rule) (lost, states int) {
	t.Helper()
	check := func(l *tinyLog, m *Mem) {
		for what, crashed := range m.Crashes(1, 3) {
			data, err := ReadFile(crashed, "/log")
			if err != nil && l.acknowledged != "" || !strings.HasPrefix(string(data), l.acknowledged) {
				lost++
				t.Logf("%s: %q is acknowledged, %q is there, %v", what, l.acknowledged, data, err)
			}
			states++
		}
	}
	m := NewMem()
	l := flaws
	l.fsys = m
	m.Watch(func(p Point) {
		if p.Sync {
			check(&l, m)
		}
	})
	l.run()
	for n := uint64(1); ; n++ {
		m, l := NewMem(), flaws
		rule.Nth = n
		fault := NewFault(m, rule)
		l.fsys = fault
		l.run()
		check(&l, m)
		if fault.Fired() == 0 {
			return lost, states
		}
	}
}

func TestTheLoopsOfTheDocumentationFindWhatTheyAreFor(t *testing.T) {
	lostSync := Rule{Kind: KindAny, Err: syscall.EIO, Lost: true}
	for name, c := range map[string]struct {
		flaws tinyLog
		rule  Rule
		found bool
	}{
		"sound":                             {tinyLog{}, lostSync, false},
		"sound, done calls":                 {tinyLog{}, Rule{Kind: KindAny, Err: syscall.EIO, Done: true}, false},
		"forgets to sync the directory":     {tinyLog{skipsDirSync: true}, lostSync, true},
		"ignores errors":                    {tinyLog{ignoresErrors: true}, lostSync, true},
		"syncs again":                       {tinyLog{triesAgain: true}, lostSync, true},
		"syncs again, and the pages stayed": {tinyLog{triesAgain: true}, Rule{Kind: KindAny, Err: syscall.EIO}, false},
	} {
		t.Run(name, func(t *testing.T) {
			lost, states := failures(t, c.flaws, c.rule)
			if (lost > 0) != c.found || states < 40 {
				t.Errorf("%d of %d states lost what was acknowledged", lost, states)
			}
		})
	}
}

func TestTheErrorOfARuleIsFoundThroughWrapping(t *testing.T) {
	f := NewFault(NewMem(), Rule{Kind: KindCreate, Err: syscall.ENOSPC})
	_, err := f.Create("/f")
	if !errors.Is(err, syscall.ENOSPC) || !errors.Is(err, ErrInjected) ||
		err.Error() != "create /f: no space left on device (injected: create error=ENOSPC)" {
		t.Error(err)
	}
}
