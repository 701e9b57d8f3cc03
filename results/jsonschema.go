package results

import (
	"bytes"
	_ "embed" // the schemas
)

// The schemas are made from the types and their comments by a test, which also
// checks that they have not fallen behind: go test ./results -update.
var (
	//go:embed schema/cell.schema.json
	cellJSONSchema []byte
	//go:embed schema/manifest.schema.json
	manifestJSONSchema []byte
)

// CellJSONSchema returns the JSON Schema (2020-12) of a line of cells.jsonl.
func CellJSONSchema() []byte { return bytes.Clone(cellJSONSchema) }

// ManifestJSONSchema returns the JSON Schema (2020-12) of manifest.json.
func ManifestJSONSchema() []byte { return bytes.Clone(manifestJSONSchema) }
