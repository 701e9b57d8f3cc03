package moment

import "testing"

func BenchmarkEnterLeave(b *testing.B) {
	c := New(1)
	b.ReportAllocs()
	for b.Loop() {
		s, _ := c.Enter()
		s.Leave()
	}
}

func BenchmarkEnterLeaveParallel(b *testing.B) {
	c := New(1)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			s, _ := c.Enter()
			s.Leave()
		}
	})
}

// A group asks about ten pages.
func BenchmarkGroup(b *testing.B) {
	for name, live := range map[string]int{"no snapshots": 0, "a long snapshot": 1, "300 snapshots": 300} {
		b.Run(name, func(b *testing.B) {
			c := New(1)
			for range live {
				c.Enter()
			}
			for b.Loop() {
				w := c.Begin()
				for i := range uint64(10) {
					c.Needed(w - i - 1)
				}
				c.End()
			}
		})
	}
	b.Run("a snapshot before each", func(b *testing.B) {
		c := New(1)
		for b.Loop() {
			s, _ := c.Enter()
			w := c.Begin()
			for i := range uint64(10) {
				c.Needed(w - i - 1)
			}
			c.End()
			s.Leave()
		}
	})
}

func BenchmarkLive(b *testing.B) {
	c := New(1)
	for range 3 {
		c.Enter()
		group(c)
	}
	buf := make([]uint64, 0, 8)
	b.ReportAllocs()
	for b.Loop() {
		buf = c.Live(buf[:0])
	}
}
