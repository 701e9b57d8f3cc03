package epoch

// A retired object waits for its readers to leave.
type retired struct {
	epoch uint64 // at Retire
	bytes int64
	free  func()
}

// A queue is a ring of retired objects, oldest first.
type queue struct {
	ring []retired // its length is a power of two, or 0
	head int
	n    int
}

const (
	queueFloor = 64      // entries of the smallest ring
	queueKeep  = 1 << 12 // entries of the largest ring kept when empty
)

func (q *queue) push(r retired) {
	if q.n == len(q.ring) {
		grown := make([]retired, max(queueFloor, 2*q.n))
		k := copy(grown, q.ring[q.head:])
		copy(grown[k:], q.ring[:q.head])
		q.ring, q.head = grown, 0
	}
	q.ring[(q.head+q.n)&(len(q.ring)-1)] = r
	q.n++
}

// oldest returns the head of a queue that is not empty.
func (q *queue) oldest() *retired { return &q.ring[q.head] }

// take moves ripe objects, those of an epoch that passed ripeAfter advances
// ago, to batch and returns how many.
func (q *queue) take(epoch uint64, batch []retired) int {
	n := 0
	for n < len(batch) && q.n > 0 && q.oldest().epoch+ripeAfter <= epoch {
		batch[n] = *q.oldest()
		*q.oldest() = retired{}
		q.head = (q.head + 1) & (len(q.ring) - 1)
		q.n--
		n++
	}
	if q.n == 0 && len(q.ring) > queueKeep {
		q.ring, q.head = nil, 0
	}
	return n
}
