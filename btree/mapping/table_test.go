package mapping

import (
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/kvbench/kvbench/engine/offheap"
)

func newTable(t interface {
	Helper()
	Cleanup(func())
	Error(...any)
},
) *Table {
	t.Helper()
	budget := offheap.NewBudget(0)
	table := New(offheap.Options{Budget: budget})
	t.Cleanup(func() {
		if err := table.Close(); err != nil {
			t.Error(err)
		}
		if budget.Used() != 0 || table.Bytes() != 0 || table.Load(1) != 0 {
			t.Error("a table that was closed has", budget.Used(), table.Bytes(), table.Load(1))
		}
	})
	return table
}

func take(t testing.TB, table *Table) uint32 {
	t.Helper()
	id, err := table.Take()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestAnEntryIsWhatWentIn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		frame := rapid.Uint32().Draw(t, "frame")
		if e := Resident(frame); !e.Resident() || e.Frame() != frame || e == 0 {
			t.Errorf("frame %d: %v", frame, e)
		}
		slot := rapid.Uint64Range(1, MaxSlot).Draw(t, "slot")
		check := rapid.Uint32().Draw(t, "check")
		if e := OnDisk(slot, check); e.Resident() || e.Slot() != slot || e.Check() != check&MaxCheck || e == 0 {
			t.Errorf("slot %d, check %#x: %v", slot, check, e)
		}
	})
}

// The bits are in files: they do not change.
func TestTheBitsOfEntriesStay(t *testing.T) {
	for _, c := range []struct {
		e    Entry
		want uint64
		text string
	}{
		{0, 0, "none"},
		{Resident(0), 1 << 63, "frame 0"},
		{Resident(0xFEDCBA98), 1<<63 | 0xFEDCBA98, "frame 4275878552"},
		{OnDisk(1, 0), 1, "slot 1 (check 0x0)"},
		{OnDisk(MaxSlot, 0), 1<<36 - 1, "slot 68719476735 (check 0x0)"},
		{OnDisk(2, 1), 1<<36 | 2, "slot 2 (check 0x1)"},
		{OnDisk(3, 0xFFFFFFFF), 1<<63 - 1<<36 | 3, "slot 3 (check 0x7ffffff)"},
	} {
		if uint64(c.e) != c.want || c.e.String() != c.text {
			t.Errorf("%s is %#x, want %s, %#x", c.e, uint64(c.e), c.text, c.want)
		}
	}
}

func TestATableDoesWhatItsModelDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		table := newTable(t)
		entries, durable := map[uint32]Entry{}, map[uint32]Entry{}
		free := map[uint32]bool{}
		last := uint32(0)
		if rapid.Bool().Draw(t, "restore") {
			last = rapid.Uint32Range(0, 3*chunkIDs).Draw(t, "n")
			if err := table.Restore(last); err != nil {
				t.Fatal(err)
			}
			for range rapid.IntRange(0, 100).Draw(t, "entries") {
				id := rapid.Uint32Range(0, last).Draw(t, "id")
				table.Store(id, OnDisk(5, id))
				if id > 0 {
					entries[id] = OnDisk(5, id)
				}
			}
		}
		taken := func(id uint32) bool { return id > 0 && id <= last && !free[id] }
		ids := rapid.Custom(func(t *rapid.T) uint32 {
			if rapid.Bool().Draw(t, "near") {
				return rapid.Uint32Range(0, last+2).Draw(t, "id")
			}
			return rapid.Uint32().Draw(t, "id")
		})
		words := rapid.Custom(func(t *rapid.T) Entry { return Entry(rapid.Uint64Range(0, 3).Draw(t, "entry")) })
		t.Repeat(map[string]func(*rapid.T){
			"": func(t *rapid.T) {
				if table.Len() != last || table.Free() != uint32(len(free)) {
					t.Fatalf("%d ids, %d free, want %d, %d", table.Len(), table.Free(), last, len(free))
				}
				id := ids.Draw(t, "look")
				if table.Load(id) != entries[id] || table.Durable(id) != durable[id] {
					t.Fatalf("%d is %v, %v, want %v, %v", id, table.Load(id), table.Durable(id), entries[id], durable[id])
				}
			},
			"take": func(t *rapid.T) {
				for range rapid.SampledFrom([]int{1, 3, 100}).Draw(t, "n") {
					want := last + 1
					for id := range free {
						want = min(want, id)
					}
					id, err := table.Take()
					if err != nil || id != want || table.Load(id) != 0 {
						t.Fatalf("took %d, which is %v: %v; want %d", id, table.Load(id), err, want)
					}
					delete(free, id)
					last = max(last, id)
				}
			},
			"give": func(t *rapid.T) {
				id := ids.Draw(t, "id")
				ok := taken(id) && entries[id] == 0
				if table.Give(id) != ok {
					t.Fatalf("%d was given back: %v", id, !ok)
				}
				if ok {
					free[id] = true
				}
			},
			"give many": func(t *rapid.T) {
				from, n := ids.Draw(t, "from"), rapid.Uint32Range(1, 300).Draw(t, "n")
				for id := from; id >= from && id-from < n; id++ {
					if taken(id) {
						table.Store(id, 0)
						delete(entries, id)
					}
					if table.Give(id) {
						free[id] = true
					}
				}
			},
			"store": func(t *rapid.T) {
				id, e := ids.Draw(t, "id"), words.Draw(t, "entry")
				if taken(id) {
					table.Store(id, e)
					entries[id] = e
				}
			},
			"compare and swap": func(t *rapid.T) {
				id, old, e := ids.Draw(t, "id"), words.Draw(t, "old"), words.Draw(t, "entry")
				if !taken(id) {
					return
				}
				if ok := table.CompareAndSwap(id, old, e); ok != (entries[id] == old) {
					t.Fatalf("%d from %v to %v: %v", id, old, e, ok)
				} else if ok {
					entries[id] = e
				}
			},
			"set durable": func(t *rapid.T) {
				id, e := ids.Draw(t, "id"), words.Draw(t, "entry")
				if taken(id) {
					table.SetDurable(id, e)
					durable[id] = e
				}
			},
			"trim": func(t *rapid.T) {
				for free[last] {
					delete(free, last)
					last--
				}
				if got := table.Trim(); got != last {
					t.Fatalf("trimmed to %d, want %d", got, last)
				}
			},
			"free zero": func(t *rapid.T) {
				table.FreeZero()
				for id := uint32(1); id <= last; id++ {
					if entries[id] == 0 {
						free[id] = true
					}
				}
			},
		})
	})
}

func TestIDsThatNeverWereHaveNoEntry(t *testing.T) {
	table := newTable(t)
	check := func(id uint32) {
		t.Helper()
		table.Store(id, 9)
		table.SetDurable(id, 9)
		if table.Load(id) != 0 || table.Durable(id) != 0 || table.CompareAndSwap(id, 9, 8) || table.Give(id) {
			t.Errorf("%d is %v, %v", id, table.Load(id), table.Durable(id))
		}
	}
	if table.CompareAndSwap(7, 0, 9) {
		t.Error("an empty table has an entry 7")
	}
	for _, id := range []uint32{0, 1, chunkIDs, 1<<32 - 1} {
		check(id)
	}
	take(t, table)
	for _, id := range []uint32{0, chunkIDs, maxID, maxID + 1, 1<<32 - 1} {
		check(id)
	}
}

func TestARefusedTakeTakesNothing(t *testing.T) {
	budget := offheap.NewBudget(3 * pairBytes / 2)
	table := New(offheap.Options{Budget: budget})
	for want := uint32(1); want < chunkIDs; want++ {
		if id := take(t, table); id != want {
			t.Fatalf("took %d, want %d", id, want)
		}
	}
	for range 2 {
		if id, err := table.Take(); !errors.Is(err, offheap.ErrBudget) || id != 0 || table.Len() != chunkIDs-1 {
			t.Fatalf("beyond the budget: %d, %v; %d ids", id, err, table.Len())
		}
	}
	if !table.Give(77) || take(t, table) != 77 {
		t.Error("an id that was given back is not there")
	}
	budget.SetLimit(0)
	if id := take(t, table); id != chunkIDs {
		t.Errorf("with more budget: %d", id)
	}
	if err := table.Close(); err != nil || budget.Used() != 0 {
		t.Errorf("closed: %v, %d bytes stay", err, budget.Used())
	}
}

func TestRestoreWantsANewTableAndAPossibleLength(t *testing.T) {
	table := newTable(t)
	for _, n := range []uint32{maxID + 1, 1<<32 - 1} {
		if err := table.Restore(n); !errors.Is(err, ErrFull) {
			t.Errorf("restore %d: %v", n, err)
		}
	}
	take(t, table)
	if err := table.Restore(10); !errors.Is(err, ErrInUse) || table.Len() != 1 {
		t.Errorf("restore a table in use: %v, %d ids", err, table.Len())
	}
}

func TestALittleTableIsLittle(t *testing.T) {
	table := newTable(t)
	if n := table.Bytes(); n != 0 {
		t.Errorf("an empty table takes %d bytes", n)
	}
	table.Give(take(t, table))
	if n := table.Bytes(); n > 66<<10 {
		t.Errorf("a table of one page takes %d bytes", n)
	}
}

func TestATableTakesLittleMoreThanItsEntries(t *testing.T) {
	table := newTable(t)
	const n = 2_000_000
	for range n {
		take(t, table)
	}
	if perID := float64(table.Bytes()) / n; perID > 2*wordBytes*(1+1./regionShare) {
		t.Errorf("%.1f bytes for an id", perID)
	}
	regions := len(table.regions)
	if regions > 60 {
		t.Errorf("%d regions", regions)
	}
}
