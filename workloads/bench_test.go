package workloads

import "testing"

func BenchmarkFill(b *testing.B) {
	for _, d := range []string{"uniform", "zipfian", "zipf:0.99", "latest", "keyrange"} {
		b.Run(d, func(b *testing.B) {
			s := mustParse(b, "D", "requestdistribution="+d, "operationcount=1m")
			g := mustGenerator(b, s, 1, 0, 1, s.NewSequence())
			tape := make([]Op, 1024)
			for b.Loop() {
				g.Fill(tape)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(tape)), "ns/draw")
		})
	}
}

func BenchmarkResolve(b *testing.B) {
	for _, d := range []string{"zipfian", "latest"} {
		b.Run(d, func(b *testing.B) {
			s := mustParse(b, "C", "requestdistribution="+d)
			g := mustGenerator(b, s, 1, 0, 1, s.NewSequence())
			tape, i := make([]Op, 1<<12), 0
			g.Fill(tape)
			for b.Loop() {
				g.Resolve(tape[i&(len(tape)-1)])
				i++
			}
		})
	}
}

func BenchmarkKeys(b *testing.B) {
	for name, o := range map[string][]string{
		"ycsb": nil, "binary:16": {"keyformat=binary:16"}, "ordered": {"insertorder=ordered", "zeropadding=10"},
	} {
		b.Run(name, func(b *testing.B) {
			k, dst, n := mustKeys(b, o...), make([]byte, 0, 64), uint64(0)
			for b.Loop() {
				dst = k.Append(dst[:0], n)
				n++
			}
		})
	}
}

func BenchmarkValues(b *testing.B) {
	for _, name := range []string{"whole", "fields", "pareto"} {
		b.Run(name+"/next", func(b *testing.B) {
			v, n := mustValues(b, 0, shapes[name]...), uint64(0)
			for b.Loop() {
				v.Next(n)
				n++
			}
		})
		v := mustValues(b, 0, shapes[name]...)
		value := append([]byte(nil), v.Next(1)...)
		for _, full := range []bool{false, true} {
			b.Run(name+map[bool]string{false: "/header", true: "/full"}[full], func(b *testing.B) {
				for b.Loop() {
					if v.Verify(1, value, full) != nil {
						b.Fatal("invalid")
					}
				}
			})
		}
		b.Run(name+"/setfield", func(b *testing.B) {
			for b.Loop() {
				if v.SetField(1, value, 0) != nil {
					b.Fatal("invalid")
				}
			}
		})
	}
}

func BenchmarkSequence(b *testing.B) {
	q := NewSequence(0)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := q.Ack(q.Next()); err != nil {
				b.Error(err)
			}
		}
	})
}
