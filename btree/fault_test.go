package btree

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
)

// A misery is a history on a deep tree in which file operations fail.
type misery struct {
	*chronicle
	fault  *vfs.Fault
	lasted int   // the last turn that returned no error
	first  error // of a write
}

// newMisery makes the tree as it is before anything fails, and opens it again
// on a file system where things do.
func newMisery(t testing.TB, seed uint64, given map[string]string) *misery {
	m := &misery{chronicle: newChronicle(t, seed, given, 400)}
	m.turn()
	m.ok(m.loadRows(m.crowd()))
	m.states[1] = maps.Clone(m.want)
	m.lasted = 1
	m.ok(m.tree.Close())
	m.fault = vfs.NewFault(m.mem)
	e, err := open("/db", given, engine.Env{FS: m.fault, Now: m.env().Now})
	m.ok(err)
	m.tree = e.(*tree)
	t.Cleanup(func() { e.Close() })
	return m
}

// suffer makes turns until one fails, and some more.
func (m *misery) suffer(turns int) {
	m.Helper()
	for i := 0; i < turns; i++ {
		n := len(m.states)
		b, next := m.drawBatch(m.want)
		b.Put([]byte(turnKey), fmt.Append(nil, n))
		next[turnKey] = entry{value: fmt.Sprint(n)}
		err := m.tree.Apply(b, engine.Default)
		m.states = append(m.states, next)
		switch {
		case err == nil && m.first != nil:
			m.Fatalf("turn %d is written, though there was %v", n, m.first)
		case err == nil:
			m.want, m.lasted = next, n
		case !errors.Is(err, vfs.ErrInjected):
			m.Fatalf("turn %d: %v", n, err)
		case m.first == nil:
			m.first, turns = err, min(turns, i+3)
			m.look(m.states[m.lasted], next)
		default:
			m.states = m.states[:n]
			m.look(m.states[m.lasted], m.states[n-1])
		}
		if m.first == nil && m.r.IntN(12) == 0 {
			if err := m.tree.Settle(context.Background()); err != nil && !errors.Is(err, vfs.ErrInjected) {
				m.Fatal(err)
			}
		}
		if m.first == nil && m.r.IntN(6) == 0 {
			m.any(m.want)
		}
	}
}

// any reads a few keys, which may fail, but must not find anything else.
func (m *misery) any(states ...map[string]entry) {
	m.Helper()
	for range 30 {
		key := m.drawKey()
		got, err := m.tree.Get(nil, []byte(key))
		if !oneOf(states, key, got, err) {
			m.Fatalf("get %.20s: %.20q (%d) and %v, after %v", key, got, len(got), err, m.first)
		}
	}
}

// oneOf reports whether what was read is what one of the states has, or a
// failure.
func oneOf(states []map[string]entry, key string, got []byte, err error) bool {
	if err != nil && !errors.Is(err, engine.ErrNotFound) {
		return errors.Is(err, vfs.ErrInjected)
	}
	for _, s := range states {
		if e, there := s[key]; there == (err == nil) && (!there || e.value == string(got)) {
			return true
		}
	}
	return false
}

// look reads in all ways: what does not fail is what was written last, or had
// been before, in full.
func (m *misery) look(before, after map[string]entry) {
	m.Helper()
	m.any(before, after)
	m.whole(m.tree, before, after)
	s, err := m.tree.NewSnapshot()
	if err != nil {
		if !errors.Is(err, vfs.ErrInjected) {
			m.Fatal(err)
		}
	} else {
		m.whole(s.(engine.Scanner), before, after)
		m.ok(s.Close())
	}
	keys, out := make([][]byte, 20), make([]engine.Value, 20)
	for i := range keys {
		keys[i] = []byte(m.drawKey())
	}
	err = m.tree.MultiGet(keys, out)
	for i := range keys {
		if err != nil {
			break
		}
		var gone error
		if !out[i].Found {
			gone = engine.ErrNotFound
		}
		if !oneOf([]map[string]entry{before, after}, string(keys[i]), out[i].Data, gone) {
			m.Fatalf("multiget finds %.20s: %v, after %v", keys[i], out[i].Found, m.first)
		}
	}
}

func (m *misery) whole(e engine.Scanner, before, after map[string]entry) {
	m.Helper()
	it, err := e.NewIter(engine.IterOptions{})
	if err == nil {
		defer it.Close()
		got := map[string]entry{}
		for ok := it.First(); ok && err == nil; ok = it.Next() {
			var v []byte
			v, err = it.Value()
			got[string(it.Key())] = entry{value: string(bytes.Clone(v))}
		}
		err = errors.Join(err, it.Err())
		if err == nil && !maps.Equal(got, before) && !maps.Equal(got, after) {
			m.Fatalf("a scan finds %d rows: neither the %d before nor the %d after %v", len(got), len(before), len(after), m.first)
		}
	}
	if err != nil && !errors.Is(err, vfs.ErrInjected) {
		m.Fatalf("scan: %v, after %v", err, m.first)
	}
}

// reopened looks what there is when nothing fails any more.
func (m *misery) reopened() {
	m.Helper()
	closing := m.tree.Close()
	m.fault.Set()
	e, err := open("/db", m.given, m.env())
	m.ok(err)
	defer e.Close()
	d := e.(*tree)
	n, least := m.turnOf(d), m.lasted
	if !d.logging && m.given[engine.DurabilityName] == "none" && (closing != nil || m.first != nil) {
		least = 1 // nothing else was promised
	}
	if n < least || n >= len(m.states) {
		m.Fatalf("%d turns are there, want %d to %d; close: %v", n, least, len(m.states)-1, closing)
	}
	m.same(d, m.visible(m.states[n]))
	m.ok(anatomy(d))
	d.endWork()
	m.ok(d.checkSpace())
	m.ok(d.Close())
}

func TestWhatAFailureLeavesOfADeepTreeIsRight(t *testing.T) {
	const changes = vfs.KindWrite | vfs.KindSync | vfs.KindSyncDir | vfs.KindTruncate | vfs.KindCreate | vfs.KindRename | vfs.KindRemove | vfs.KindPreallocate
	seed := seedOf(t)
	fired, torn := 0, 0
	for until, i := time.Now().Add(budget(4*time.Second)), seed; i < seed+4 || fired == 0 && i < seed+100 || time.Now().Before(until); i++ {
		r := rand.New(rand.NewPCG(i, 3))
		given := deepSettings(r)
		given["cache_bytes"] = "256k" // so that the writer itself makes room
		if given["durability"] == "buffered" {
			given["durability"] = "os" // what is lost is nobody's fault
		}
		rule := vfs.Rule{Kind: changes, Err: syscall.EIO}
		switch r.IntN(4) {
		case 0:
			rule.Kind = vfs.KindRead
		case 1:
			rule.Path = "data"
		case 2:
			rule.Kind, rule.Err = vfs.KindWrite, syscall.ENOSPC
			if given["io"] != ioDirect { // there, only whole blocks
				rule.Short = 1 + r.IntN(5000)
			}
		}
		if r.IntN(2) == 0 {
			rule.After = uint64(r.IntN(120)) // and for ever
		} else {
			rule.Nth = 1 + uint64(r.IntN(200))
		}
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Cleanup(func() {
				if t.Failed() {
					t.Logf("rule %v", rule)
				}
			})
			m := newMisery(t, i, given)
			m.fault.Set(rule)
			m.suffer(40)
			if m.fault.Fired() > 0 {
				fired++
			}
			if m.tree.torn.Load() {
				torn++
			}
			m.reopened()
		})
	}
	if t.Logf("%d histories with a failure, %d of which stopped reads", fired, torn); fired == 0 {
		t.Error("nothing failed")
	}
}
