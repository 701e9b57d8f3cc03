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
	}, "proc")
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
		a := Amplify(io, "vfs")
		got := known{a.Write != nil, a.WriteSettled != nil, a.Read != nil, a.Space != nil}
		if got != c.want {
			t.Errorf("without %s: known %+v, want %+v", name, got, c.want)
		}
	}
}

func TestReadingNothingFromTheDiskIsAKnownZero(t *testing.T) {
	a := Amplify(IO{UserRead: engine.Known(10), ReadBytes: engine.Known(0)}, "proc")
	if a.Read == nil || *a.Read != 0 {
		t.Errorf("read amplification %v, want a known 0", a.Read)
	}
}
