package offheap

// Stats is what an allocator holds.
type Stats struct {
	Total   ClassStats   // Mapped includes Idle
	Idle    int64        // bytes of address space that belong to no class
	Classes []ClassStats // those in use, by size
	Large   ClassStats   // what is larger than the classes; Bytes is 0
}

// ClassStats is what a size class holds. Live <= Rounded <= Mapped.
type ClassStats struct {
	Bytes   int   // of an object
	Objects int   // handed out
	Live    int64 // bytes of them, as they were asked for
	Rounded int64 // bytes of them, rounded to the class: what the budget counts
	Mapped  int64 // bytes of address space: objects handed out and free
}

func (c *ClassStats) add(o ClassStats) {
	c.Objects += o.Objects
	c.Live += o.Live
	c.Rounded += o.Rounded
	c.Mapped += o.Mapped
}

// Stats returns what is held now. It takes each lock in turn, so under way its
// parts are from slightly different moments.
func (a *Allocator) Stats() Stats {
	var s Stats
	for class := range a.homes {
		c := ClassStats{Bytes: shapes[class].bytes}
		for shard := range shapes[class].shards {
			h := &a.homes[class][shard]
			h.mu.Lock()
			c.Objects += h.objects
			c.Live += h.live
			c.Mapped += int64(h.spans * shapes[class].units * unitBytes)
			h.mu.Unlock()
		}
		c.Rounded = int64(c.Objects * c.Bytes)
		if c.Mapped > 0 {
			s.Classes = append(s.Classes, c)
			s.Total.add(c)
		}
	}
	chunks := int64(len(a.pages.chunks()) * chunkBytes)
	s.Idle = max(0, chunks-s.Total.Mapped)
	s.Total.Mapped += s.Idle

	a.large.mu.Lock()
	defer a.large.mu.Unlock()
	s.Large = ClassStats{Objects: len(a.large.byAddr), Live: a.large.live, Rounded: a.large.mapped, Mapped: a.large.mapped}
	s.Total.add(s.Large)
	return s
}

// Live is how many bytes are handed out, as they were asked for.
func (a *Allocator) Live() int64 { return a.Stats().Total.Live }
