package report

import (
	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/results"
)

// ampParts are the kinds of bytes that engines count, in the order in which
// they are written.
func ampParts() []struct {
	name  string
	count func(*engine.Metrics) engine.Count
} {
	return []struct {
		name  string
		count func(*engine.Metrics) engine.Count
	}{
		{"log", func(m *engine.Metrics) engine.Count { return m.Log.BytesWritten }},
		{"flush", func(m *engine.Metrics) engine.Count { return m.Work.FlushBytes }},
		{"compaction", func(m *engine.Metrics) engine.Count { return m.Work.CompactWriteBytes }},
		{"page", func(m *engine.Metrics) engine.Count { return m.Work.PageWriteBytes }},
		{"checkpoint", func(m *engine.Metrics) engine.Count { return m.Work.CheckpointBytes }},
		{"gc", func(m *engine.Metrics) engine.Count { return m.Work.GCWriteBytes }},
		{"meta", func(m *engine.Metrics) engine.Count { return m.Work.MetaBytes }},
	}
}

// amplification accounts for the bytes of entries that wrote any.
func (b *builder) amplification() error {
	for _, g := range b.groups {
		for _, l := range g.ranked {
			a := Amplification{
				Table: g.ID, Entry: l.ID, Engine: l.Engine, Color: l.Color,
				Burst: l.WriteAmp.Median, Settled: l.WriteAmpSettled.Median,
				Read: l.ReadAmp.Median, Space: l.SpaceAmp.Median,
			}
			for _, c := range l.used {
				a.Source = c.Amp.Source
			}
			for _, p := range ampParts() {
				perByte := brief(l.used, func(c *results.Cell) *float64 {
					n, ok := p.count(&c.Metrics).Value()
					user, known := c.IO.UserWrite.Value()
					if !ok || !known || user == 0 {
						return nil
					}
					return results.Num(float64(n) / float64(user))
				})
				if x := perByte.Median; x != nil && *x > 0 {
					a.Parts = append(a.Parts, AmpPart{Name: p.name, PerByte: round4(*x)})
				}
			}
			if a.Burst != nil && len(a.Parts) > 0 {
				a.Parts = append([]AmpPart{{Name: "user", PerByte: 1}}, a.Parts...)
			}
			if a.Burst != nil || a.Settled != nil || a.Read != nil || a.Space != nil {
				b.m.Amplification = append(b.m.Amplification, a)
			}
		}
	}
	return nil
}
