package report

import (
	"strings"
	"testing"

	"github.com/kvbench/kvbench/results"
)

func TestSentencesSayWhatWasToldApartAndWhatWasNot(t *testing.T) {
	out := func(kind outcomeKind, table string, ratio float64, names ...string) outcome {
		return outcome{kind: kind, table: table, ratio: ratio, names: names, text: "33 k"}
	}
	for _, c := range []struct {
		outcomes []outcome
		want     string
	}{
		{nil, ""},
		{
			[]outcome{out(won, "A", 1.7, "btree"), out(won, "B", 4.2, "btree"), out(tied, "load", 1.02, "lsm", "hash"), out(won, "C", 2, "btree")},
			"btree is fastest in A, B and C, 1.70x to 4.2x the next; in load lsm and hash are not told apart.",
		},
		{
			[]outcome{out(undecided, "A", 3, "lsm"), out(undecided, "B", 2, "hash")},
			"in A and B the repetitions are too few to tell (the highest medians: lsm in A, 3.0x the next; hash in B, 2.0x the next).",
		},
		{[]outcome{out(undecided, "A", 3, "lsm")}, "in A the repetitions are too few to tell: lsm has the highest median, 3.0x the next."},
		{[]outcome{out(alone, "A", 0, "lsm")}, "lsm was measured alone in A, 33 k ops/s."},
		{[]outcome{{kind: alone, table: "A", names: []string{"lsm"}, text: "1 k", others: true}}, "only lsm can be ranked in A, 1 k ops/s."},
		{
			[]outcome{{kind: won, table: "fill", at: 1, ratio: 2, names: []string{"lsm"}}, {kind: won, table: "fill", at: 8, ratio: 2, names: []string{"lsm"}}},
			"lsm is fastest in fill with 1 and 8 threads, 2.0x the next.",
		},
	} {
		tally := tally{c.outcomes}
		if got := tally.sentence(); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

// Whoever is called faster must have been told apart: with two repetitions
// nobody can be, however large the ratio.
func TestTooFewRepetitionsNameNoWinner(t *testing.T) {
	var cells []sampleCell
	for rep := 1; rep <= 2; rep++ {
		cells = append(cells, newSampleCell("async", "A", "hash", rep, 1e6), newSampleCell("async", "A", "lsm", rep, 1e3))
	}
	m := memoryModelOf(t, cells)
	if h := m.Verdict.Headline; strings.Contains(h, "fastest") || !strings.Contains(h, "too few") {
		t.Errorf("headline %q", h)
	}
	if n := m.Needs[len(m.Needs)-1]; len(n.Picks) != 1 || !strings.Contains(n.Text, "too few") {
		t.Errorf("%s: %s", n.Name, n.Text)
	}
}

func TestEachNeedIsAnsweredFromAWorkloadThatTells(t *testing.T) {
	m := memoryModel(t)
	want := map[string]string{"point reads": "hash lsm", "ingest": "", "scans": "btree", "durable writes": "hash", "space": "hash lsm btree", "tail": "hash"}
	for _, n := range m.Needs {
		var picks []string
		for _, p := range n.Picks {
			picks = append(picks, p.Engine)
			if p.Value == nil || p.Text == "" {
				t.Errorf("%s: %s is picked without a figure", n.Name, p.Engine)
			}
		}
		if got := strings.Join(picks, " "); got != want[n.Name] {
			t.Errorf("%s: %q, want %q (%s)", n.Name, got, want[n.Name], n.Text)
		}
		if (len(picks) == 0) != (n.Text == nothingTells) {
			t.Errorf("%s has %d picks and says %s", n.Name, len(picks), n.Text)
		}
		delete(want, n.Name)
	}
	if len(want) > 0 {
		t.Errorf("needs without an answer: %v", want)
	}
}

func TestMarkupInResultsIsTextInMarkdown(t *testing.T) {
	cells := []sampleCell{newSampleCell("async", "A", "hash", 1, 1000)}
	cells[0].Status, cells[0].Error = "failed", "<img src=x> | *bold* `code` [a](b)\nnext"
	m := memoryModelOf(t, cells)
	text := string(written(t, Markdown, m))
	for _, bad := range []string{"<img", " | *bold*", "[a](b)"} {
		if strings.Contains(text, bad) {
			t.Errorf("the document has %q in it", bad)
		}
	}
}

func TestASearchForARateIsToldByWhatItFound(t *testing.T) {
	manifest := sampleManifest()
	manifest.Study = nil
	m, err := Build([]*results.Run{memoryRun(manifest, sampleCells())}, Options{})
	must(t, err)
	for _, words := range []string{"hash", "p99<2ms", "50.0 k", "60.0 k"} {
		if !strings.Contains(m.Verdict.Headline, words) {
			t.Errorf("the headline lacks %q: %s", words, m.Verdict.Headline)
		}
	}
}
