package hashidx

// prefetch begins to bring the three cache lines from p on into the processor's
// cache, and waits for none of them: a load would hold up the loads of the keys
// behind it, and the second line of a record would wait for the first, which
// says how long it is. Any address will do, whatever is there.
//
//go:noescape
func prefetch(p *byte)
