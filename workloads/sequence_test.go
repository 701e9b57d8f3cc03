package workloads

import (
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
)

func TestLastIsBelowTheOldestUnacknowledgedNumber(t *testing.T) {
	q := NewSequence(0)
	if _, ok := q.Last(); ok {
		t.Error("an empty sequence has a last number")
	}
	r := rand.New(rand.NewPCG(1, 2))
	pending, acked := map[uint64]bool{}, uint64(0)
	var open []uint64
	for range 200000 {
		if len(open) == 0 || r.IntN(2) == 0 && len(open) < 500 {
			n := q.Next()
			open = append(open, n)
			pending[n] = true
		} else {
			i := r.IntN(len(open))
			n := open[i]
			open[i] = open[len(open)-1]
			open = open[:len(open)-1]
			if err := q.Ack(n); err != nil {
				t.Fatal(err)
			}
			delete(pending, n)
		}
		for !pending[acked] && acked < q.next.Load() {
			acked++
		}
		if n, ok := q.Last(); ok != (acked > 0) || ok && n != acked-1 {
			t.Fatalf("Last is %d, %v; want %d", n, ok, int64(acked)-1)
		}
	}
}

func TestAckRefusesWhatIsOutsideTheWindow(t *testing.T) {
	q := NewSequence(10)
	if n, ok := q.Last(); n != 9 || !ok {
		t.Errorf("Last is %d, %v; want 9", n, ok)
	}
	for _, n := range []uint64{0, 9, 10 + windowBits, 1 << 60} {
		if err := q.Ack(n); !errors.Is(err, ErrWindow) {
			t.Errorf("Ack(%d) is %v", n, err)
		}
	}
	if err := q.Ack(10 + windowBits - 1); err != nil {
		t.Errorf("the last number of the window: %v", err)
	}
	if err := q.Ack(12); err != nil {
		t.Error(err)
	}
	if err := q.Ack(12); !errors.Is(err, ErrWindow) {
		t.Errorf("a second Ack is %v", err)
	}
	if n, _ := q.Last(); n != 9 {
		t.Errorf("Last is %d, want 9", n)
	}
}

func TestManyWorkersLeaveNoAcknowledgementBehind(t *testing.T) {
	const workers, each = 8, 40000
	q := NewSequence(5)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			last := uint64(0)
			for range each {
				n := q.Next()
				if err := q.Ack(n); err != nil {
					t.Error(err)
					return
				}
				now, _ := q.Last()
				if now < last {
					t.Errorf("Last fell from %d to %d", last, now)
					return
				}
				last = now
			}
		})
	}
	wg.Wait()
	if n, _ := q.Last(); n != 5+workers*each-1 {
		t.Errorf("Last is %d, want %d", n, 5+workers*each-1)
	}
}
