package enginetest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"time"
	"unsafe"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
)

// toy is a small engine with every role: a map, and a log file that is read
// when it opens. With broken empty it keeps the contract. Otherwise broken is
// one of the sentences in mutants_test.go, and the toy does what that says.
type toy struct {
	broken string
	dir    string
	home   *engine.Home
	now    func() time.Time
	caps   engine.Caps
	level  engine.Durability

	mu       sync.RWMutex
	closed   bool
	readOnly bool
	data     map[string]entry
	log      *os.File // nil: nothing is kept
	pending  []byte   // Buffered records that are not in the file yet
	lsn      engine.LSN
	syncs    uint64
	counts   struct{ gets, puts, deletes, scans, batches, bytesIn, bytesOut uint64 }

	// For some ways to be broken.
	late    func() // a write that is made visible later
	deleted map[string]bool
	stale   []pair
	buffer  [2][]byte
	shared  *oracleIter
}

type entry struct {
	value  []byte
	expire time.Time // zero: never
}

func (e *toy) is(broken string) bool { return e.broken == broken }

// toySettings are those of the toy, and some that only have to decode.
type toySettings struct {
	Durability engine.Durability `setting:"durability"`
	ReadOnly   bool              `setting:"read_only"`
	Slots      int               `setting:"slots"`
	Eager      bool              `setting:"eager"`
}

func toyDriver(broken string) engine.Driver {
	levels := engine.Durabilities(engine.Buffered, engine.OS, engine.Sync)
	d := engine.Driver{
		Name: "toy", Family: engine.FamilyMemory, Title: "a map and a log",
		Asterisks: []string{"It is a toy."},
		Settings: []engine.Setting{
			engine.DurabilityOption(engine.OS, levels),
			engine.NoCacheBytes("it has no cache"),
			engine.ReadOnlyOption(),
			{Name: "slots", Kind: engine.IntSetting, Default: "4", Min: 2, Max: 64, Effect: "none"},
			{Name: "eager", Kind: engine.BoolSetting, Default: "true", Effect: "none"},
		},
	}
	switch broken {
	case "has no title":
		d.Title = ""
	case "knows no cache_bytes":
		d.Settings = slices.Delete(d.Settings, 1, 2)
	case "has a default out of bounds":
		d.Settings[3].Default = "1"
	}
	d.Open = func(dir string, given map[string]string, env engine.Env) (engine.Engine, error) {
		return openToy(broken, d.Settings, dir, given, env)
	}
	d.Verify, d.Inspect = verifyToy(broken), inspectToy(broken)
	return d
}

func openToy(broken string, settings []engine.Setting, dir string, given map[string]string, env engine.Env) (engine.Engine, error) {
	s := toySettings{Durability: engine.OS}
	_, err := engine.Decode(settings, given, &s)
	if err != nil && broken != "ignores bad settings" && broken != "knows no cache_bytes" && broken != "has a default out of bounds" {
		return nil, fmt.Errorf("open toy: %w", err)
	}
	if broken == "has a choice that does not open" && !s.Eager {
		return nil, errors.New("not eager")
	}
	if _, ok := env.WithDefaults().FS.(vfs.OS); !ok && broken != "ignores Env.FS" {
		return nil, fmt.Errorf("open toy: %w: a file system other than the machine's", engine.ErrUnsupported)
	}
	e := &toy{
		broken: broken, dir: dir, now: env.WithDefaults().Now, level: s.Durability, readOnly: s.ReadOnly,
		data: map[string]entry{}, caps: toyCaps(broken), deleted: map[string]bool{},
	}
	if e.is("has fewer levels than its setting") {
		e.caps.Durabilities = engine.Durabilities(engine.OS)
	}
	if err := e.openDir(); err != nil {
		return nil, err
	}
	if e.is("has other Caps when it is reopened") && len(e.data) > 0 {
		e.caps.MaxKey++
	}
	if e.is("hides its roles") {
		return struct{ engine.Engine }{e}, nil
	}
	return e, nil
}

func toyCaps(broken string) engine.Caps {
	c := engine.Caps{
		Family:  engine.FamilyMemory,
		Ordered: true, Reverse: true, Snapshots: true, IterSnapshot: true,
		AtomicBatch: true, RangeDelete: true, BulkLoad: true, TTL: true,
		Checkpoint: true, UnorderedScan: true, Persistent: true, PowerLossPrefix: true,
		Durabilities: engine.Durabilities(engine.Buffered, engine.OS, engine.Sync),
		MaxKey:       600, MaxValue: 2 << 20, MaxBatch: 4 << 20,
	}
	switch broken {
	case "ignores range deletes without the role":
		c.RangeDelete = false
	case "goes backwards unasked":
		c.Reverse = false
	case "keeps what it should not":
		c.Persistent, c.PowerLossPrefix, c.Checkpoint = false, false, false
		c.Durabilities = engine.Durabilities(engine.None)
	}
	return c
}

func (e *toy) openDir() error {
	if e.is("keeps what it should not") {
		os.WriteFile(filepath.Join(e.dir, "kept"), nil, 0o600)
		return nil
	}
	if e.is("does not look at its directory") {
		os.MkdirAll(e.dir, 0o700)
	} else {
		want := engine.Marker{Engine: "toy", Format: 1}
		if e.is("takes any format") {
			want.Format = math.MaxInt
		}
		home, err := engine.OpenHome(vfs.OS{}, e.dir, want, e.readOnly)
		if err != nil && !(e.is("takes a damaged marker") && errors.Is(err, engine.ErrCorrupt)) {
			return err
		}
		e.home = home
	}
	if err := e.replay(); err != nil {
		e.closeHome()
		return err
	}
	return nil
}

// replay opens the log and performs its records; a torn last one is cut off.
func (e *toy) replay() (err error) {
	flags := os.O_RDWR | os.O_CREATE
	if e.readOnly && !e.is("writes though read_only") {
		flags = os.O_RDONLY
	}
	if e.log, err = os.OpenFile(filepath.Join(e.dir, "log"), flags, 0o600); err != nil {
		return err
	}
	data, err := io.ReadAll(e.log)
	if err != nil {
		return err
	}
	whole := 0
	for {
		r, rest, ok := cutRecord(data[whole:])
		if !ok {
			break
		}
		e.perform(r)
		whole = len(data) - len(rest)
	}
	if whole < len(data) {
		if err := e.log.Truncate(int64(whole)); err != nil {
			return err
		}
	}
	_, err = e.log.Seek(int64(whole), io.SeekStart)
	return err
}

func (e *toy) Caps() engine.Caps {
	if e.is("has no Caps after Close") {
		e.mu.RLock()
		defer e.mu.RUnlock()
		if e.closed {
			return engine.Caps{}
		}
	}
	return e.caps
}

func (e *toy) alive() error {
	switch {
	case !e.closed, e.is("answers after Close"):
		return nil
	case e.is("closes under running calls"):
		return os.ErrClosed
	}
	return engine.ErrClosed
}

var leak = make(chan int) // nobody sends

func (e *toy) Close() error {
	if e.is("leaves a goroutine") {
		go func() { <-leak }()
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		if e.is("fails to close twice") {
			return engine.ErrClosed
		}
		return nil
	}
	e.closed = true
	if e.log == nil {
		return nil
	}
	if e.is("loses the last write") && len(e.data) > 0 {
		e.log.Truncate(0)
		e.log.Seek(0, io.SeekStart)
		keys := e.sorted()
		for i, p := range keys {
			if i < len(keys)-1 {
				e.log.Write(putRecord(p.key, []byte(p.value), time.Time{}))
			}
		}
	}
	e.flush()
	return errors.Join(e.log.Close(), e.closeHome())
}

func (e *toy) closeHome() error {
	if e.home == nil { // the directory was not looked at
		return nil
	}
	return e.home.Close()
}

func (e *toy) flush() error {
	_, err := e.log.Write(e.pending)
	e.pending = nil
	return err
}

func (e *toy) Sync() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.alive(); err != nil {
		return err
	}
	if e.is("fails to sync") {
		return engine.ErrUnsupported
	}
	if e.readOnly || e.log == nil {
		return nil
	}
	return errors.Join(e.flush(), e.log.Sync())
}

func (e *toy) Get(dst, key []byte) ([]byte, error) {
	e.mu.Lock() // for the counters
	defer e.mu.Unlock()
	if err := e.alive(); err != nil {
		return dst, err
	}
	if err := e.caps.CheckKey(key); err != nil && !e.is("takes empty keys") {
		return dst, err
	}
	e.counts.gets++
	if e.is("mixes up keys now and then") && e.counts.gets%100 == 0 {
		key = []byte("key01")
	}
	x, ok := e.data[e.cut(key)]
	if ok && e.expired(x) {
		ok = false
	}
	if ok {
		e.counts.bytesOut += uint64(len(x.value))
	}
	return e.answer(dst, x, ok)
}

func (e *toy) answer(dst []byte, x entry, ok bool) ([]byte, error) {
	if !ok || e.is("takes an empty value for absence") && len(x.value) == 0 {
		if e.is("wraps ErrNotFound") {
			return dst, fmt.Errorf("get: %w", engine.ErrNotFound)
		}
		if e.is("finds absent keys") {
			return dst, nil
		}
		return dst, engine.ErrNotFound
	}
	switch {
	case e.is("drops dst"):
		return append(dst[:0], x.value...), nil
	case e.is("returns its own memory") && len(dst) == 0:
		return x.value, nil
	case e.is("allocates to get"):
		return append(dst, bytes.Clone(x.value)...), nil
	}
	return append(dst, x.value...), nil
}

func (e *toy) expired(x entry) bool {
	now := e.now()
	if e.is("expires a second late") {
		now = now.Add(-time.Second)
	}
	return !x.expire.IsZero() && !x.expire.After(now)
}

// cut is what the toy takes for the key.
func (e *toy) cut(key []byte) string {
	if e.is("looks at 8 bytes of a key") {
		key = key[:min(len(key), 8)]
	}
	return string(key)
}

// own is the copy that the toy keeps of an argument.
func (e *toy) own(p []byte, what string) []byte {
	if e.is("aliases the " + what) {
		return p
	}
	return bytes.Clone(p)
}

func (e *toy) ownKey(key []byte) string {
	if e.is("aliases the key") && len(key) > 0 {
		return unsafe.String(&key[0], len(key))
	}
	return e.cut(key)
}

func (e *toy) Metrics(m *engine.Metrics) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	c := e.counts
	if e.is("allocates for Metrics") {
		runtime.KeepAlive(fmt.Sprint(c))
	}
	m.User = engine.UserMetrics{
		Gets: engine.Known(c.gets), Puts: engine.Known(c.puts), Deletes: engine.Known(c.deletes),
		Scans: engine.Known(c.scans), Batches: engine.Known(c.batches),
		BytesIn: engine.Known(c.bytesIn), BytesOut: engine.Known(c.bytesOut),
	}
	m.Log.Syncs = engine.Known(e.syncs)
	m.Space.LiveKeys = engine.Known(uint64(len(e.data)))
	if e.is("counts puts for live keys") {
		m.Space.LiveKeys = engine.Known(c.puts)
	}
}
