package workloads

import (
	"errors"
	"fmt"
	"sync/atomic"
)

// windowBits is how far beyond the oldest unacknowledged insert another may be
// acknowledged. YCSB has 2^20; a store in this process does that many inserts
// while a worker waits its turn on a busy machine.
const windowBits = 1 << 24

// ErrWindow is the error of acknowledging a number too far ahead of the oldest
// unacknowledged one, or one acknowledged before.
var ErrWindow = errors.New("insert acknowledged outside the window")

// cacheLine keeps counters that different cores write apart; 128 bytes cover
// the adjacent-line prefetch.
const cacheLine = 128

// Sequence hands out numbers for inserts and knows which of them have been
// acknowledged, so that requests are made only for records that exist. All
// methods are safe for concurrent use; none allocates, and none waits for
// another goroutine.
type Sequence struct {
	_     [cacheLine]byte
	next  atomic.Uint64
	_     [cacheLine - 8]byte
	acked atomic.Uint64 // every number below is acknowledged
	_     [cacheLine - 8]byte
	busy  atomic.Bool // somebody is advancing acked
	_     [cacheLine - 1]byte
	// window has the bit n%windowBits for every n >= acked that has been
	// acknowledged out of order.
	window []atomic.Uint64
}

// NewSequence returns a sequence whose first number is start; the numbers
// below are taken as inserted.
func NewSequence(start uint64) *Sequence {
	q := &Sequence{window: make([]atomic.Uint64, windowBits/64)}
	q.next.Store(start)
	q.acked.Store(start)
	return q
}

// Next returns the next number to insert. Whoever took it must Ack it, also
// when the insert failed, or the window fills up.
func (q *Sequence) Next() uint64 { return q.next.Add(1) - 1 }

// Last returns the highest n such that all numbers up to n are acknowledged;
// ok is false if there is none.
func (q *Sequence) Last() (n uint64, ok bool) {
	acked := q.acked.Load()
	return acked - 1, acked > 0
}

// Ack records that the insert of n has ended.
func (q *Sequence) Ack(n uint64) error {
	acked := q.acked.Load()
	if n < acked || n-acked >= windowBits {
		return fmt.Errorf("%w: number %d, all below %d are acknowledged, window %d", ErrWindow, n, acked, windowBits)
	}
	word, bit := &q.window[n%windowBits/64], uint64(1)<<(n%64)
	if word.Or(bit)&bit != 0 {
		return fmt.Errorf("%w: number %d twice", ErrWindow, n)
	}
	q.advance()
	return nil
}

// advance moves acked over the acknowledged numbers that follow it. If another
// goroutine is at it, that one will see the caller's bit: it looks again after
// it has let go.
func (q *Sequence) advance() {
	for q.isAcked(q.acked.Load()) && q.busy.CompareAndSwap(false, true) {
		at := q.acked.Load()
		for q.isAcked(at) {
			q.window[at%windowBits/64].And(^(uint64(1) << (at % 64)))
			at++
			// Published after the bit is cleared, so that the slot of
			// at+windowBits is free before Ack admits that number.
			q.acked.Store(at)
		}
		q.busy.Store(false)
	}
}

func (q *Sequence) isAcked(n uint64) bool {
	return q.window[n%windowBits/64].Load()&(1<<(n%64)) != 0
}
