package compaction

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/kvbench/kvbench/lsm/ikey"
	"github.com/kvbench/kvbench/lsm/version"
)

var update = flag.Bool("update", false, "write what scripts come to into testdata")

// A script is cases, each a tree and what is chosen of it:
//
//	case what it shows
//	set {"layout":"leveled"}     Settings
//	L1 run 3: 17 [a,c] 10        tables, as version.Parse reads them
//	now 100                      the rest of the state: also idle, snapshot N,
//	                             busy ID..., victims ID..., cursor LEVEL KEY
//	pick                         what is chosen; start: and runs from now on
//	> merge size deep ...        what comes of it
//	range a c                    PickRange; targets, scores, debt
type script struct {
	t      *testing.T
	picker *Picker
	tables []string
	state  State
}

func TestScriptsChooseWhatTheySay(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d scripts: %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := run(t, string(text))
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			have, want := strings.Split(got, "\n"), strings.Split(string(text), "\n")
			title := ""
			for i := range want {
				if strings.HasPrefix(want[i], "case ") {
					title = want[i]
				}
				if i >= len(have) || have[i] != want[i] {
					t.Fatalf("line %d, %s:\nwant %s\ngot  %s", i+1, title, want[i], have[min(i, len(have)-1)])
				}
			}
		})
	}
}

// run returns a script with what comes of it.
func run(t *testing.T, text string) string {
	var out strings.Builder
	s := script{t: t}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, ">") {
			continue
		}
		out.WriteString(line)
		line = strings.TrimSpace(line)
		if result := s.line(line); result != "" {
			for r := range strings.Lines(strings.TrimSpace(result)) {
				fmt.Fprintf(&out, "> %s\n", strings.TrimRight(r, "\n"))
			}
		}
	}
	return out.String()
}

func (s *script) number(word string) uint64 {
	n, err := strconv.ParseUint(word, 10, 64)
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

func (s *script) line(line string) string {
	words := strings.Fields(line)
	if len(words) == 0 || strings.HasPrefix(line, "#") {
		return ""
	}
	switch {
	case words[0] == "case":
		*s = script{t: s.t}
	case words[0] == "set":
		var settings Settings
		d := json.NewDecoder(strings.NewReader(line[len("set"):]))
		d.DisallowUnknownFields()
		if err := d.Decode(&settings); err != nil {
			s.t.Fatalf("%s: %v", line, err)
		}
		p, err := New(settings)
		if err != nil {
			s.t.Fatal(err)
		}
		s.picker = p
	case line[0] == 'L' && line[1] >= '0' && line[1] <= '6':
		s.tables = append(s.tables, line)
	case s.given(words):
	default:
		return s.command(words)
	}
	return ""
}

// given takes a part of the state.
func (s *script) given(words []string) bool {
	switch words[0] {
	case "now":
		s.state.Now = int64(s.number(words[1]))
	case "snapshot":
		s.state.Snapshot = ikey.Seq(s.number(words[1]))
	case "idle":
		s.state.Idle = true
	case "busy":
		s.state.Busy = make(map[uint64]bool)
		for _, w := range words[1:] {
			s.state.Busy[s.number(w)] = true
		}
	case "victims":
		for _, w := range words[1:] {
			s.state.BlobVictims = append(s.state.BlobVictims, s.number(w))
		}
	case "cursor":
		s.state.Cursors[s.number(words[1])] = []byte(words[2])
	default:
		return false
	}
	return true
}

func (s *script) command(words []string) string {
	v, err := version.Parse(strings.Join(s.tables, "\n"))
	if err != nil {
		s.t.Fatal(err)
	}
	s.state.Version = v
	switch words[0] {
	case "pick":
		c := s.picker.Pick(s.state)
		return c.String()
	case "start":
		c := s.picker.Pick(s.state)
		if c.Kind != None {
			s.state.Running = append(s.state.Running, &c)
		}
		return c.String()
	case "range":
		c := s.picker.PickRange(s.state, []byte(words[1]), []byte(words[2]))
		return c.String()
	case "targets":
		g := s.picker.Targets(v)
		return fmt.Sprintf("base %d last %d bytes %v", g.Base, g.Last, g.Bytes)
	case "scores":
		return fmt.Sprintf("%.2f", s.picker.Scores(v))
	case "debt":
		return strconv.FormatInt(s.picker.Debt(v), 10)
	}
	s.t.Fatalf("no command %v", words)
	return ""
}
