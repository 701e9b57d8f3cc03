package catalog

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/kvbench/kvbench/engine"
)

// tags are the build tags that bring an engine of the same name.
func tags() []string { return []string{"rocksdb", "lmdb"} }

func TestAnEngineBehindATagIsListedOrItsErrorNamesTheTag(t *testing.T) {
	for _, tag := range tags() {
		d, err := Lookup(strings.ToUpper(tag))
		if slices.Contains(Names(), tag) {
			if err != nil || d.Name != tag {
				t.Errorf("%s is listed, but its lookup gives %q, %v", tag, d.Name, err)
			}
			continue
		}
		if !errors.Is(err, engine.ErrUnsupported) || !strings.Contains(err.Error(), "-tags "+tag) {
			t.Errorf("%s is not in this build, and the error does not say how to get it: %v", tag, err)
		}
	}
}
