package manifest

import (
	"bytes"
	"errors"
	"io/fs"
	"math"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
)

const dir = "/db"

func newDir(t testing.TB) *vfs.Mem {
	t.Helper()
	m := vfs.NewMem()
	if err := errors.Join(m.MkdirAll(dir), m.SyncDir("/")); err != nil {
		t.Fatal(err)
	}
	return m
}

func seg(number uint16, log Log, id uint32) Segment {
	return Segment{
		Number: number, Log: log, ID: id,
		Bytes: 1 << 20, Frames: 1_000_000, Live: 1 << 19, Expiring: 0x0506, Expires: 1_800_000_000e9,
		Ops: 1000, Lowest: uint64(id) << 32, Highest: uint64(id)<<32 | 0xff00,
	}
}

// edits is a history that uses every field.
func edits() []Edit {
	sealed := seg(1, Hot, 1)
	sealed.Hinted, sealed.Live, sealed.Ops = true, 77, 0x0102
	unknown := seg(65535, Cold, 2)
	unknown.Ops, unknown.Lowest, unknown.Highest = 0, math.MaxUint64, 0
	unknown.Expiring, unknown.Expires = 0, math.MinInt64
	growing := seg(2, Cold, 9)
	growing.Bytes, growing.Frames, growing.Expires = 16, 1<<20, math.MaxInt64
	named := Snapshot{
		Name: "000001.snap", Covers: 1<<32 | 5000, ColdCovers: 1<<32 | 0x0304,
		Through: 1<<32 | 0x070809, ColdThrough: 1<<32 | 0x0304,
	}
	again := Snapshot{Name: "b", Covers: 2 << 32, ColdCovers: 3 << 32, Through: 2 << 32, ColdThrough: 3<<32 | 9}
	return []Edit{
		{Add: []Segment{seg(1, Hot, 1), seg(2, Cold, 1)}},
		{Change: []Segment{sealed}, From: 1<<32 | 4096},
		{Add: []Segment{seg(3, Hot, 2)}, ColdFrom: 1<<32 | 16, Snapshot: &named},
		{Drop: []uint16{2}, Add: []Segment{unknown}, From: 2 << 32, ColdFrom: 2 << 32},
		{Snapshot: &Snapshot{}, Through: 2<<32 | 0x0a0b, ColdThrough: 1},
		{Add: []Segment{growing}, Snapshot: &again, Through: 2 << 32, ColdThrough: 3<<32 | 0x0c0d},
	}
}

// model applies edits in a way of its own, without rules.
func model(seed uint64, all []Edit) State {
	s := State{Seed: seed}
	at := map[uint16]Segment{}
	for _, e := range all {
		for _, n := range e.Drop {
			delete(at, n)
		}
		for _, g := range append(e.Add, e.Change...) {
			at[g.Number] = g
		}
		s.From = max(s.From, e.From)
		s.ColdFrom = max(s.ColdFrom, e.ColdFrom)
		s.Through = max(s.Through, e.Through)
		s.ColdThrough = max(s.ColdThrough, e.ColdThrough)
		if e.Snapshot != nil {
			s.Snapshot = *e.Snapshot
		}
	}
	for n := range 1 << 16 {
		if g, ok := at[uint16(n)]; ok {
			s.Segments = append(s.Segments, g)
		}
	}
	return s
}

func same(got, want State) bool {
	got.Sequence, want.Sequence = 0, 0
	return reflect.DeepEqual(got, want)
}

// history runs edits, and returns how many were acknowledged.
func history(fsys vfs.FS, long int, done func(n int)) (n int, err error) {
	m, err := Create(fsys, dir, 42)
	if err != nil {
		return -1, err
	}
	m.long = long
	done(0)
	for i, e := range edits() {
		if err := m.Apply(e); err != nil {
			return i, errors.Join(err, m.Close())
		}
		done(i + 1)
	}
	return len(edits()), m.Close()
}

func content(t testing.TB, fsys vfs.FS) []byte {
	t.Helper()
	p, err := vfs.ReadFile(fsys, filepath.Join(dir, Name))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestWhatWasAppliedIsThereAfterOpen(t *testing.T) {
	for _, long := range []int{longBytes, 0} {
		m := newDir(t)
		if _, err := history(m, long, func(int) {}); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			x, err := Open(m, dir)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := x.State(), model(42, edits()); !same(got, want) {
				t.Fatalf("%+v, want %+v", got, want)
			}
			if err := errors.Join(x.Close(), x.Close()); err != nil {
				t.Fatal(err)
			}
			if err := x.Apply(Edit{Drop: []uint16{1}}); !errors.Is(err, ErrClosed) {
				t.Fatal(err)
			}
		}
		if names, _ := m.List(dir); len(names) != 1 {
			t.Fatal(names)
		}
	}
}

func TestALongManifestIsRewritten(t *testing.T) {
	m := newDir(t)
	x, err := Create(m, dir, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := x.Apply(Edit{Add: []Segment{seg(1, Hot, 1)}}); err != nil {
		t.Fatal(err)
	}
	x.long = 2000
	for i := range 200 {
		g := seg(1, Hot, 1)
		g.Live = int64(i)
		if err := x.Apply(Edit{Change: []Segment{g}}); err != nil {
			t.Fatal(err)
		}
		if n := len(content(t, m)); n > 2200 {
			t.Fatalf("%d bytes after %d edits", n, i)
		}
		if s, err := Read(m, dir); err != nil || !same(s, x.State()) || s.Segments[0].Live != int64(i) {
			t.Fatal(s, err)
		}
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestAnEditThatBreaksARuleChangesNothing(t *testing.T) {
	m := newDir(t)
	x, err := Create(m, dir, 42)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range edits() {
		if err := x.Apply(e); err != nil {
			t.Fatal(err)
		}
	}
	bad := seg(9, Hot, 9)
	bad.Live = bad.Frames + 1
	negative := seg(9, Hot, 9)
	negative.Live, negative.Frames = -1, -1
	headless := seg(9, Hot, 9)
	headless.Bytes = -1
	eternal := seg(9, Hot, 9)
	eternal.Expiring = -1
	crowded := seg(9, Hot, 9)
	crowded.Ops = 1_000_001
	reversed := seg(9, Hot, 9)
	reversed.Highest = reversed.Lowest - 1
	before := content(t, m)
	for want, e := range map[string]Edit{
		"seed is set":                      {Seed: 43},
		"0 is no number":                   {Add: []Segment{seg(0, Hot, 7)}},
		"the number is taken":              {Add: []Segment{seg(1, Hot, 7)}},
		"add segment 8: the number":        {Add: []Segment{seg(8, Hot, 7), seg(8, Hot, 8)}},
		"hot/1 is segment 1 already":       {Add: []Segment{seg(8, Hot, 1)}},
		"the same edit drops it":           {Drop: []uint16{3}, Add: []Segment{seg(3, Hot, 8)}},
		"drop segment 8: there is none":    {Drop: []uint16{8}},
		"drop segment 3: there is none":    {Drop: []uint16{3, 3}},
		"change segment 8":                 {Change: []Segment{seg(8, Hot, 8)}},
		"it is hot/1, not hot/2":           {Change: []Segment{seg(1, Hot, 2)}},
		"change segment 1: it is":          {Change: []Segment{seg(1, Cold, 1)}},
		"0 is no id":                       {Add: []Segment{seg(8, Hot, 0)}},
		"there is no log 3":                {Add: []Segment{seg(8, 3, 1)}},
		"1000001 of 1000000":               {Add: []Segment{bad}},
		"-1 of -1":                         {Add: []Segment{negative}},
		"records end at -1":                {Add: []Segment{headless}},
		"-1 bytes expire":                  {Add: []Segment{eternal}},
		"hot to 9:0, but hot is durable":   {Snapshot: &Snapshot{Name: "c", Covers: 9 << 32, ColdCovers: 9 << 32, Through: 9<<32 - 1, ColdThrough: 9 << 32}},
		"cold to 9:0, but cold is durable": {Snapshot: &Snapshot{Name: "c", Covers: 9 << 32, ColdCovers: 9 << 32, Through: 9 << 32, ColdThrough: 9<<32 - 1}},
		"1000001 ops in 1000000 bytes":     {Add: []Segment{crowded}},
		"from 38654705664 to 38654705663":  {Change: []Segment{reversed}},
		"recovery of hot goes back":        {From: 2<<32 - 1},
		"recovery of cold goes back":       {ColdFrom: 2<<32 - 1},
		"snapshot of hot goes back":        {Snapshot: &Snapshot{Name: "c", Covers: 2<<32 - 1, ColdCovers: 9 << 32}},
		"snapshot of cold goes back":       {Snapshot: &Snapshot{Name: "c", Covers: 9 << 32, ColdCovers: 3<<32 - 1}},
		`"" is no name of`:                 {Snapshot: &Snapshot{ColdCovers: 9 << 32}},
		`"" is no name of a snapshot`:      {Snapshot: &Snapshot{Through: 9 << 32}},
		`"" is no name of a s`:             {Snapshot: &Snapshot{ColdThrough: 9 << 32}},
		`"a/b" is no name`:                 {Snapshot: &Snapshot{Name: "a/b", Covers: 9 << 32}},
		`"" is no name`:                    {Snapshot: &Snapshot{Covers: 9 << 32}},
		`".." is no name`:                  {Snapshot: &Snapshot{Name: "..", Covers: 9 << 32}},
		strings.Repeat("n", 256) + `" is`:  {Snapshot: &Snapshot{Name: strings.Repeat("n", 256), Covers: 9 << 32}},
	} {
		if err := x.Apply(e); !errors.Is(err, ErrEdit) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
		if !same(x.State(), model(42, edits())) {
			t.Fatalf("%q changed the state", want)
		}
	}
	if !bytes.Equal(before, content(t, m)) {
		t.Error("a refused edit was written")
	}
	if err := x.Apply(Edit{Drop: []uint16{3}}); err != nil {
		t.Error(err)
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestCreateLeavesAManifestAlone(t *testing.T) {
	m := newDir(t)
	if _, err := Open(m, dir); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if _, err := Create(m, dir, 0); !errors.Is(err, ErrEdit) {
		t.Error(err)
	}
	if _, err := history(m, longBytes, func(int) {}); err != nil {
		t.Fatal(err)
	}
	if _, err := Create(m, dir, 5); !errors.Is(err, fs.ErrExist) {
		t.Error(err)
	}
	if s, err := Read(m, dir); err != nil || !same(s, model(42, edits())) {
		t.Error(s, err)
	}
}

// check opens what a crash left after n acknowledged edits (-1: not created).
func check(t *testing.T, what string, m *vfs.Mem, n int) {
	t.Helper()
	x, err := Open(m, dir)
	if err != nil {
		if n < 0 && errors.Is(err, fs.ErrNotExist) {
			return
		}
		t.Fatalf("%s: %d acknowledged: %v", what, n, err)
	}
	all := edits()
	got := x.State()
	if !(n >= 0 && same(got, model(42, all[:n]))) && !(n < len(all) && same(got, model(42, all[:n+1]))) {
		t.Fatalf("%s: %d acknowledged: %+v", what, n, got)
	}
	// It goes on from there, whatever was left behind.
	if err := x.Apply(Edit{Add: []Segment{seg(500, Cold, 500)}}); err != nil {
		t.Fatal(err)
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err := Read(m.Image(vfs.Synced), dir); err != nil || len(s.Segments) != len(got.Segments)+1 {
		t.Fatalf("%s: %+v, %v", what, s, err)
	}
}

func TestACrashLeavesWhatWasAcknowledgedAndMaybeOneMore(t *testing.T) {
	for _, long := range []int{longBytes, 0} {
		m := newDir(t)
		n, seed := -1, uint64(1)
		m.Watch(func(p vfs.Point) {
			for what, crashed := range m.Crashes(seed, 6) {
				check(t, p.Op+" "+what, crashed, n)
			}
			seed += 6
		})
		if _, err := history(m, long, func(k int) { n = k }); err != nil {
			t.Fatal(err)
		}
		m.Watch(nil)
	}
}

func TestACrashWhileOpeningLosesNothing(t *testing.T) {
	m := newDir(t)
	if _, err := history(m, longBytes, func(int) {}); err != nil {
		t.Fatal(err)
	}
	full := content(t, m)
	m = put(t, append(full[:len(full)-frameBytes:len(full)-frameBytes], "torn tail"...))
	seed := uint64(1)
	m.Watch(func(p vfs.Point) {
		for what, crashed := range m.Crashes(seed, 6) {
			check(t, p.Op+" "+what, crashed, len(edits()))
		}
		seed += 6
	})
	x, err := Open(m, dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestAFailureStopsTheManifestAndLosesNothing(t *testing.T) {
	for _, long := range []int{longBytes, 0} {
		for _, lost := range []bool{false, true} {
			for nth := uint64(1); ; nth++ {
				m := newDir(t)
				f := vfs.NewFault(m, vfs.Rule{Kind: vfs.KindAny, Nth: nth, Err: syscall.EIO, Lost: lost})
				n := -1
				_, err := history(f, long, func(k int) { n = k })
				if f.Fired() == 0 {
					if err != nil || nth < 20 {
						t.Fatal(nth, err)
					}
					break
				}
				for what, crashed := range m.Crashes(nth, 4) {
					check(t, what, crashed, n)
				}
			}
		}
	}
}

func TestAfterAFailureNothingIsWritten(t *testing.T) {
	m := newDir(t)
	f := vfs.NewFault(m)
	x, err := Create(f, dir, 42)
	if err != nil {
		t.Fatal(err)
	}
	f.Set(vfs.Rule{Kind: vfs.KindSync, Nth: 1, Err: syscall.EIO})
	if err := x.Apply(edits()[0]); !errors.Is(err, syscall.EIO) {
		t.Fatal(err)
	}
	before := content(t, m)
	if err := x.Apply(edits()[0]); !errors.Is(err, engine.ErrReadOnly) || !errors.Is(err, syscall.EIO) {
		t.Fatal(err)
	}
	if s := x.State(); len(s.Segments) != 0 {
		t.Fatal(s)
	}
	if err := x.Close(); !errors.Is(err, syscall.EIO) {
		t.Fatal(err)
	}
	if !bytes.Equal(before, content(t, m)) {
		t.Fatal("something was written after a failed sync")
	}
}

// put makes a directory with a manifest of these bytes.
func put(t testing.TB, p []byte) *vfs.Mem {
	t.Helper()
	m := newDir(t)
	f, err := m.Create(filepath.Join(dir, Name))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(p); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return m.Image(vfs.Written)
}

func closed(t testing.TB) []byte {
	t.Helper()
	m := newDir(t)
	if _, err := history(m, longBytes, func(int) {}); err != nil {
		t.Fatal(err)
	}
	return content(t, m)
}
