package results

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/kvbench/kvbench/engine"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares got with testdata/name, or writes it with -update.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	goldenFile(t, filepath.Join("testdata", name), got)
}

func goldenFile(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; run go test ./results -update", err)
	}
	if string(got) != string(want) {
		t.Errorf("%s differs; if that is meant, run go test ./results -update\n--- got\n%s\n--- want\n%s", path, got, want)
	}
}

func indented(t *testing.T, v any) []byte {
	t.Helper()
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(text, '\n')
}

func sampleTime() time.Time { return time.Date(2026, 3, 14, 15, 9, 26, 535_897_000, time.UTC) }

// fillKnown makes every field of v known and different, so that a test over
// it sees each field: counts, numbers, strings, one element a slice and map.
func fillKnown(v reflect.Value, next *int) {
	*next++
	n := *next
	switch v.Type() {
	case reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(sampleTime().Add(time.Duration(n) * time.Second)))
		return
	case reflect.TypeFor[engine.Count]():
		v.Set(reflect.ValueOf(engine.Known(uint64(n))))
		return
	case reflect.TypeFor[engine.Durability]():
		v.Set(reflect.ValueOf(engine.OS))
		return
	case reflect.TypeFor[engine.DurabilitySet]():
		v.Set(reflect.ValueOf(engine.Durabilities(engine.OS, engine.Sync)))
		return
	case reflect.TypeFor[Status]():
		v.Set(reflect.ValueOf(StatusOK))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fillKnown(v.Field(i), next)
			}
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fillKnown(v.Elem(), next)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fillKnown(v.Index(0), next)
	case reflect.Map:
		value := reflect.New(v.Type().Elem()).Elem()
		fillKnown(value, next)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf("read").Convert(v.Type().Key()), value)
	case reflect.String:
		v.SetString("s" + string(rune('a'+n%26)))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Float64:
		v.SetFloat(float64(n) + 0.5)
	case reflect.Uint8, reflect.Uint64:
		v.SetUint(uint64(n % 256))
	default:
		v.SetInt(int64(n))
	}
}

// fullCell has every field set.
func fullCell() Cell {
	var c Cell
	n := 0
	fillKnown(reflect.ValueOf(&c).Elem(), &n)
	c.Schema = CellSchema
	c.ID = "async-A-pebble-t2-r1"
	c.Experiment = "sample"
	c.Regime, c.CacheRegime = RegimeAsync, "cached"
	c.Quality.Flags[0].Level = "red"
	return c
}

// fullManifest has every field set.
func fullManifest() Manifest {
	var m Manifest
	n := 0
	fillKnown(reflect.ValueOf(&m).Elem(), &n)
	m.Schema = ManifestSchema
	m.Experiment = "sample"
	m.Go.GOOS, m.Go.GOARCH, m.Go.GOMAXPROCS = "linux", "amd64", 2
	m.Host.CPUModel = "Sample CPU @ 2.00GHz"
	return m
}

// unsupportedCell is what a cell is that could not be run: nothing measured.
func unsupportedCell() Cell {
	c := Cell{
		Schema: CellSchema, ID: "async-E-pogreb-t2-r1", Experiment: "sample",
		Status: StatusUnsupported, Error: "pogreb has no ordered scan", Rep: 1, Seed: 1,
		Started: sampleTime(),
		Engine:  EngineInfo{Name: "pogreb", Version: "v0.10.2", Family: engine.FamilyHash},
		Workload: WorkloadInfo{
			Name: "E", Compat: "java", Records: 1000, Mix: map[string]float64{"scan": 0.95, "insert": 0.05},
			Dist: "zipfian", UpdateMode: "field", KeyFormat: "user", ValueBytes: 1000,
		},
		Load:   LoadInfo{Mode: "closed", Threads: 2, DurationS: 2, Driver: "kvbench"},
		Regime: RegimeAsync, Durability: engine.OS, SurvivesKill: true,
	}
	emptyForNil(reflect.ValueOf(&c).Elem())
	return c
}

func readFileT(t *testing.T, w *Writer, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(w.Dir(), name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}
