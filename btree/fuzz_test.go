package btree

import (
	"context"
	"encoding/binary"
	"errors"
	"maps"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/engine/wal"
)

// FuzzHistory has each two bytes do something to a deep tree: what, and to
// which key.
func FuzzHistory(f *testing.F) {
	f.Add(uint64(1), []byte{0, 1, 0, 2, 0, 3, 8, 1, 9, 2, 10, 3, 14, 0})
	f.Add(uint64(2), []byte{12, 0, 9, 10, 9, 200, 13, 0, 9, 0, 14, 0, 15, 0})
	r := rand.New(rand.NewPCG(1, 1))
	for n := range uint64(3) {
		long := make([]byte, 400)
		for i := range long {
			long[i] = byte(r.Uint32())
		}
		f.Add(n, long)
	}
	f.Fuzz(func(t *testing.T, seed uint64, ops []byte) {
		if len(ops) > 1000 {
			return
		}
		d := newDeep(t, seed, deepSettings(rand.New(rand.NewPCG(seed, 0))), 256)
		for ; len(ops) > 1; ops = ops[2:] {
			d.fuzzed(ops[0], int(ops[1]))
		}
		d.check()
		d.sound()
		d.check()
		d.ok(d.tree.Close())
	})
}

// fuzzed does a thing to key n or those around it.
func (d *deep) fuzzed(what byte, n int) {
	key := deepKey(n)
	switch what & 15 {
	case 8:
		d.ok(d.tree.Delete([]byte(key), engine.Default))
		delete(d.want, key)
	case 9:
		upper := deepKey(n + int(what>>4)*8 + 1)
		d.ok(d.tree.DeleteRange([]byte(key), []byte(upper), engine.Default))
		d.removeRange(key, upper)
	case 10:
		d.put(key, entry{value: string(make([]byte, n*64))})
	case 11:
		d.batch(n)
	case 12:
		rows := map[string]entry{}
		for i := range 100 {
			rows[deepKey(n+i)] = entry{value: d.drawValue()}
		}
		d.ok(d.loadRows(rows))
		maps.Copy(d.want, rows)
	case 13:
		d.keep()
	case 14:
		d.ok(d.tree.Settle(context.Background()))
		d.release()
	case 15:
		d.ok(d.tree.Compact(context.Background(), nil, nil))
	default:
		d.put(key, entry{value: string(make([]byte, int(what)/2))})
	}
}

func (d *deep) put(key string, e entry) {
	d.Helper()
	d.ok(d.tree.Put([]byte(key), []byte(e.value), engine.Default))
	d.want[key] = e
}

// FuzzLogRecord gives records to recovery: each is applied or refused, and the
// tree is whole afterwards.
func FuzzLogRecord(f *testing.F) {
	var b engine.Batch
	b.Put([]byte("key"), []byte("value"))
	b.Delete([]byte("other"))
	b.DeleteRange([]byte("a"), []byte("z"))
	f.Add(uint8(batchRecord), b.Bytes())
	f.Add(uint8(batchRecord), []byte{})
	put := binary.AppendUvarint(nil, 3)
	put = append(put, "key"...)
	put = binary.LittleEndian.AppendUint64(put, uint64(time.Hour))
	f.Add(uint8(putTTLRecord), append(put, "value"...))
	f.Add(uint8(putTTLRecord), []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 1})
	f.Add(uint8(putTTLRecord), append([]byte{0xff, 0x7f}, make([]byte, 1<<15)...))
	f.Add(uint8(checkpointRecord), make([]byte, generationBytes))
	f.Add(uint8(checkpointRecord), []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	f.Add(uint8(99), []byte("what"))
	f.Fuzz(func(t *testing.T, kind uint8, payload []byte) {
		e, err := open("/db", small(map[string]string{"cache_bytes": "1m"}), engine.Env{FS: vfs.NewMem()})
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close()
		d := e.(*tree)
		r := &replay{tree: d, generation: 1}
		err = r.record(wal.Record{LSN: 1, Kind: kind, Payload: payload})
		if err == nil {
			err = r.flush()
		}
		if err != nil && !errors.Is(err, engine.ErrCorrupt) {
			t.Fatalf("%v does not say that the log is damaged", err)
		}
		if err := anatomy(d); err != nil {
			t.Fatal(err)
		}
	})
}
