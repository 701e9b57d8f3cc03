package report

import (
	"bytes"
	"os"
	"testing"
)

// page writes a model as a page. The file is kept where KVBENCH_PAGE says,
// for people.
func page(t testing.TB, m *Model) string {
	t.Helper()
	var b bytes.Buffer
	if err := HTML(&b, m); err != nil {
		t.Fatal(err)
	}
	if name := os.Getenv("KVBENCH_PAGE"); name != "" {
		if err := os.WriteFile(name, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

func TestEqualModelsGiveEqualPages(t *testing.T) {
	once, again := page(t, richModel()), page(t, richModel())
	if once != again {
		t.Fatal("the same model gave two pages")
	}
}
