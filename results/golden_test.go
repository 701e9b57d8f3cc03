package results

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// The golden files fix what is on disk: a version of kvbench that cannot read
// them, or writes them otherwise, needs a new schema version.
func TestTheSchemaIsStable(t *testing.T) {
	for name, v := range map[string]any{
		"cell.json":             fullCell(),
		"cell-unsupported.json": unsupportedCell(),
		"manifest.json":         fullManifest(),
	} {
		t.Run(name, func(t *testing.T) {
			golden(t, name, indented(t, v))
			text, err := os.ReadFile(filepath.Join("testdata", name))
			must(t, err)
			back := reflect.New(reflect.TypeOf(v))
			must(t, json.Unmarshal(text, back.Interface()))
			if got := back.Elem().Interface(); !reflect.DeepEqual(got, v) {
				t.Errorf("read back\n got %+v\nwant %+v", got, v)
			}
		})
	}
}

func TestTheFullSamplesLeaveNothingOut(t *testing.T) {
	for name, v := range map[string]any{"cell": fullCell(), "manifest": fullManifest()} {
		text := string(indented(t, v))
		for _, empty := range []string{"null", "[]", "{}", `""`} {
			if strings.Contains(text, ": "+empty) {
				t.Errorf("the full %s has %s in it: a field is not covered", name, empty)
			}
		}
	}
}

func TestWhatWasNotMeasuredIsNullAndNotZero(t *testing.T) {
	text := string(indented(t, unsupportedCell()))
	for _, field := range []string{
		"ops_per_s", "rows_per_s", "caps", "user_write", "fsync", "disk_bytes", "write", "space", "settle_s",
		"rss_max", "allocs_per_op", "harness_ns", "harness_share", "user_s", "debt_bytes",
	} {
		if !strings.Contains(text, `"`+field+`": null`) {
			t.Errorf("%s of a cell that did not run is not null", field)
		}
	}
}
