package pool

// clock is second chance: the oldest frame leaves that was not hit since it was
// last passed by. It comes near LRU with hits that write one word at most.
type clock struct{ *order }

// clockMost is how many hits count.
const clockMost = 1

func (c *clock) admit(f, _ uint32) { c.push(f, settled) }

func (c *clock) step(force bool) (f uint32, leaves bool) {
	f = c.pop(settled)
	if f != none && !force && c.spare(f) {
		c.push(f, settled)
		return f, false
	}
	return f, f != none
}

func (c *clock) left(_, _ uint32) {}

func (c *clock) returns() int64 { return 0 }
