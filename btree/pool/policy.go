package pool

import "math"

// The policies by name.
const (
	Clock  = "clock"
	S3FIFO = "s3fifo"
)

// Policies lists the names that Options.Policy may have.
func Policies() []string { return []string{Clock, S3FIFO} }

// A policy decides which frame leaves next, by moving frames between the queues
// of an order. Pool.ordering is held for every call. Hits are not calls:
// readers raise Frame.ref and the policy finds that later.
type policy interface {
	// admit puts a frame that is in no queue into one. Its node's inner is
	// set.
	admit(f, page uint32)

	// step looks at one frame. If it should leave next, step takes it out of
	// its queue. With force, hits do not matter. none: the queues are empty.
	step(force bool) (f uint32, leaves bool)

	// left tells that a frame that step took out has left, with its page.
	left(f, page uint32)

	// returns is how often a page came back soon after it left.
	returns() int64
}

// none is no frame.
const none = math.MaxUint32

// A queueID names a queue of an order.
type queueID uint8

const (
	nowhere   queueID = iota
	probation         // new pages; s3fifo's alone
	settled           // the others
	held              // chosen to leave, but dirty: they wait to be cleaned

	queues = int(held) + 1
)

// A node is a frame's place in the queues.
type node struct {
	older, newer uint32
	queue        queueID
	from         queueID // where it was, while it is nowhere or held
	inner        bool
	credit       bool // passes once more, for being inner
}

// A queue is first in, first out: newest is the head, oldest the tail.
type queue struct {
	head, tail uint32
	n          int
}

// An order is the queues of a policy: each frame is in one of them at most.
type order struct {
	frames []Frame
	nodes  []node
	queues [queues]queue
}

func newOrder(frames []Frame) order {
	o := order{frames: frames, nodes: make([]node, len(frames))}
	for i := range o.queues {
		o.queues[i] = queue{none, none, 0}
	}
	return o
}

// push puts a frame that is in no queue at the head of one.
func (o *order) push(f uint32, id queueID) {
	q, d := &o.queues[id], &o.nodes[f]
	d.queue, d.newer, d.older = id, none, q.head
	if q.head != none {
		o.nodes[q.head].newer = f
	} else {
		q.tail = f
	}
	q.head = f
	q.n++
}

// pushOldest puts a frame that is in no queue at the tail of one.
func (o *order) pushOldest(f uint32, id queueID) {
	q, d := &o.queues[id], &o.nodes[f]
	d.queue, d.older, d.newer = id, none, q.tail
	if q.tail != none {
		o.nodes[q.tail].older = f
	} else {
		q.head = f
	}
	q.tail = f
	q.n++
}

// remove takes a frame out of its queue, if it is in one.
func (o *order) remove(f uint32) {
	d := &o.nodes[f]
	if d.queue == nowhere {
		return
	}
	q := &o.queues[d.queue]
	if d.newer != none {
		o.nodes[d.newer].older = d.older
	} else {
		q.head = d.older
	}
	if d.older != none {
		o.nodes[d.older].newer = d.newer
	} else {
		q.tail = d.newer
	}
	q.n--
	d.from, d.queue = d.queue, nowhere
}

// pop takes out the oldest frame of a queue, or none.
func (o *order) pop(id queueID) uint32 {
	f := o.queues[id].tail
	if f != none {
		o.remove(f)
	}
	return f
}

// spare says whether a frame gets another round: for one of its hits or, if it
// is inner and was hit before the round that ends now, for that.
func (o *order) spare(f uint32) bool {
	d, ref := &o.nodes[f], &o.frames[f].ref
	if n := ref.Load(); n > 0 {
		ref.Store(n - 1)
		d.credit = d.inner
		return true
	}
	spared := d.credit
	d.credit = false
	return spared
}

// isHot says whether a frame would be spared.
func (o *order) isHot(f uint32) bool { return o.nodes[f].credit || o.frames[f].ref.Load() > 0 }

// again returns a frame that step took out to its queue, as the newest.
func (o *order) again(f uint32) { o.push(f, o.nodes[f].from) }

// hold keeps a frame aside that step took out and that is dirty.
func (o *order) hold(f uint32) {
	from := o.nodes[f].from
	o.push(f, held)
	o.nodes[f].from = from
}

// cleaned returns a frame that was kept aside, to be the next to leave.
func (o *order) cleaned(f uint32) {
	if o.nodes[f].queue != held {
		return
	}
	from := o.nodes[f].from
	o.remove(f)
	o.pushOldest(f, from)
}

// replace puts f, which is in no queue, where old is, which is in one.
func (o *order) replace(old, f uint32) {
	d := o.nodes[old]
	o.nodes[f] = d
	o.frames[f].ref.Store(o.frames[old].ref.Load())
	o.nodes[old].queue = nowhere
	q := &o.queues[d.queue]
	if d.newer != none {
		o.nodes[d.newer].older = f
	} else {
		q.head = f
	}
	if d.older != none {
		o.nodes[d.older].newer = f
	} else {
		q.tail = f
	}
}
