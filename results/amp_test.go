package results

import (
	"testing"

	"github.com/kvbench/kvbench/engine"
)

func TestAmplificationDividesBytesByUserBytes(t *testing.T) {
	a := Amplify(IO{
		UserWrite: engine.Known(100), WriteBytes: engine.Known(250), SettleWriteBytes: engine.Known(150),
		UserRead: engine.Known(50), ReadBytes: engine.Known(75),
		DiskBytes: engine.Known(30), LiveBytes: engine.Known(20),
	})
	want := map[string][2]*float64{
		"write": {a.Write, Num(2.5)}, "write_settled": {a.WriteSettled, Num(4)},
		"read": {a.Read, Num(1.5)}, "space": {a.Space, Num(1.5)},
	}
	for name, v := range want {
		if v[0] == nil || *v[0] != *v[1] {
			t.Errorf("%s is %v, want %v", name, v[0], *v[1])
		}
	}
	if a.Source != "proc" {
		t.Errorf("source %q", a.Source)
	}
}

func TestAmplificationIsNullWhenATermIsUnknown(t *testing.T) {
	all := IO{
		UserWrite: engine.Known(1), WriteBytes: engine.Known(1), SettleWriteBytes: engine.Known(1),
		UserRead: engine.Known(1), ReadBytes: engine.Known(1), DiskBytes: engine.Known(1), LiveBytes: engine.Known(1),
	}
	type known struct{ write, settled, read, space bool }
	for name, c := range map[string]struct {
		lose func(*IO)
		want known
	}{
		"nothing":            {func(*IO) {}, known{true, true, true, true}},
		"user_write":         {func(io *IO) { io.UserWrite = engine.Count{} }, known{false, false, true, true}},
		"write_bytes":        {func(io *IO) { io.WriteBytes = engine.Count{} }, known{false, false, true, true}},
		"settle_write_bytes": {func(io *IO) { io.SettleWriteBytes = engine.Count{} }, known{true, false, true, true}},
		"user_read":          {func(io *IO) { io.UserRead = engine.Count{} }, known{true, true, false, true}},
		"read_bytes":         {func(io *IO) { io.ReadBytes = engine.Count{} }, known{true, true, false, true}},
		"disk_bytes":         {func(io *IO) { io.DiskBytes = engine.Count{} }, known{true, true, true, false}},
		"live_bytes":         {func(io *IO) { io.LiveBytes = engine.Count{} }, known{true, true, true, false}},
		"all to zero users": {func(io *IO) {
			io.UserWrite, io.UserRead, io.LiveBytes = engine.Known(0), engine.Known(0), engine.Known(0)
		}, known{false, false, false, false}},
	} {
		io := all
		c.lose(&io)
		a := Amplify(io)
		got := known{a.Write != nil, a.WriteSettled != nil, a.Read != nil, a.Space != nil}
		if got != c.want {
			t.Errorf("without %s: known %+v, want %+v", name, got, c.want)
		}
	}
}

func TestReadingNothingFromTheDiskIsAKnownZero(t *testing.T) {
	a := Amplify(IO{UserRead: engine.Known(10), ReadBytes: engine.Known(0)})
	if a.Read == nil || *a.Read != 0 {
		t.Errorf("read amplification %v, want a known 0", a.Read)
	}
}

func TestAnEngineThatCountsItsFilesIsTakenAtItsCount(t *testing.T) {
	io := IO{
		UserWrite: engine.Known(100), WriteBytes: engine.Known(250), SettleWriteBytes: engine.Known(150),
		FileBytes: engine.Known(300), FileZeros: engine.Known(999), SettleFileBytes: engine.Known(200),
	}
	if a := Amplify(io); a.Source != SourceVFS || *a.Write != 3 || *a.WriteSettled != 5 {
		t.Errorf("source %q, write %v, settled %v", a.Source, *a.Write, *a.WriteSettled)
	}
	io.SettleFileBytes = engine.Count{}
	if a := Amplify(io); a.WriteSettled != nil {
		t.Errorf("bytes of settling that are not known come from another source: %v", *a.WriteSettled)
	}
}

func TestPeersAreCountedByTheirWriteCallsUnlessTheyWriteThroughMappings(t *testing.T) {
	const own, user = 50, 1000
	for _, c := range []struct {
		name                                             string
		chars, calls, dirty, settle, settleCalls, mapped uint64
		write, settled                                   float64
		source                                           string
	}{
		{"pages dirty already", 5000 + own, 2, 0, 1000, 1, 0, 5, 6, SourceCalls},
		{"small writes that are synced", 1000 + own, 10, 40960, 0, 0, 0, 1, 1, SourceCalls},
		{"a mapping", 1000 + own, 1, 20000, 500, 1, 7000, 20, 27, SourceProc},
		{"a mapping while settling", own, 1, 0, 0, 0, 30000, 0, 30, SourceProc},
	} {
		a := Amplify(IO{
			UserWrite: engine.Known(user), WriteChars: engine.Known(c.chars), OwnChars: engine.Known(own), WriteCalls: engine.Known(c.calls),
			WriteBytes: engine.Known(c.dirty), SettleChars: engine.Known(c.settle), SettleCalls: engine.Known(c.settleCalls),
			SettleWriteBytes: engine.Known(c.mapped),
		})
		if a.Source != c.source || *a.Write != c.write || *a.WriteSettled != c.settled {
			t.Errorf("%s: source %q, write %v, settled %v", c.name, a.Source, *a.Write, *a.WriteSettled)
		}
	}
	io := IO{UserWrite: engine.Known(10), WriteChars: engine.Known(20), OwnChars: engine.Known(30), WriteCalls: engine.Known(1), WriteBytes: engine.Known(0)}
	if a := Amplify(io); *a.Write != 0 || a.WriteSettled != nil {
		t.Errorf("less than the harness's own, and no settling: %v, %v", *a.Write, a.WriteSettled)
	}
}

func TestTheTwoCountsOfBytesAreHeldAgainstEachOther(t *testing.T) {
	const mb = 1 << 20
	for _, c := range []struct {
		name                               string
		bytes, zeros, calls, passed, dirty int // MiB, but for calls; negative: unknown
		agree                              bool
	}{
		{"equal", 100, 0, 1000, 100, 100, true},
		{"with zeros", 60, 40, 1000, 100, 100, true},
		{"a tenth off", 100, 0, 1000, 109, 100, true},
		{"more passed", 100, 0, 1000, 120, 100, false},
		{"less passed", 100, 0, 1000, 80, 100, false},
		{"little more passed", 1, 0, 1000, 2, 1, true},
		{"pages written again", 100, 0, 1000, 100, 5, true},
		{"small writes that are synced", 1, 0, 10000, 1, 75, true},
		{"dirty pages of a mapping", 100, 0, 1000, 100, 130, false},
		{"a kernel that does not tell", 100, 0, 1000, -1, -1, true},
		{"an engine that does not", -1, -1, -1, 100, 100, true},
	} {
		count := func(n, unit int) engine.Count {
			if n < 0 {
				return engine.Count{}
			}
			return engine.Known(uint64(n * unit))
		}
		reason := Audit(IO{
			FileBytes: count(c.bytes, mb), FileZeros: count(c.zeros, mb), FileCalls: count(c.calls, 1),
			WriteChars: count(c.passed, mb), WriteBytes: count(c.dirty, mb),
		})
		if (reason == "") != c.agree {
			t.Errorf("%s: %q", c.name, reason)
		}
	}
}
