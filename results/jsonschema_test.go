package results

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kvbench/kvbench/engine"
)

// A schemaMaker derives JSON Schemas from types: what encoding/json writes for
// them, with the comments of this package's fields as descriptions.
type schemaMaker struct {
	docs map[string]string // by "pkg.Type" and "pkg.Type.Field"
	defs map[string]any
}

func newSchemaMaker(t *testing.T) *schemaMaker {
	t.Helper()
	m := &schemaMaker{docs: map[string]string{}, defs: map[string]any{}}
	files, err := filepath.Glob("*.go")
	must(t, err)
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		tree, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
		must(t, err)
		m.collectDocs(tree)
	}
	return m
}

func (m *schemaMaker) collectDocs(tree *ast.File) {
	text := func(groups ...*ast.CommentGroup) string {
		var parts []string
		for _, g := range groups {
			if s := strings.Join(strings.Fields(g.Text()), " "); s != "" {
				parts = append(parts, s)
			}
		}
		return strings.Join(parts, " ")
	}
	for _, d := range tree.Decls {
		decl, ok := d.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, s := range decl.Specs {
			spec, ok := s.(*ast.TypeSpec)
			if !ok {
				continue
			}
			name := tree.Name.Name + "." + spec.Name.Name
			m.docs[name] = text(decl.Doc, spec.Doc)
			body, ok := spec.Type.(*ast.StructType)
			if !ok {
				continue
			}
			for _, f := range body.Fields.List {
				for _, n := range f.Names {
					m.docs[name+"."+n.Name] = text(f.Doc, f.Comment)
				}
			}
		}
	}
}

// document returns the schema of v's type.
func (m *schemaMaker) document(t *testing.T, v any, schema, title string) []byte {
	t.Helper()
	m.defs = map[string]any{}
	root := m.object(reflect.TypeOf(v))
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = title
	properties := root["properties"].(map[string]any)
	// Versions that only add fields, 1.1 and up, are valid too.
	properties["schema"] = map[string]any{"type": "string", "pattern": `^` + schema + `(\.[0-9]+)?$`}
	root["$defs"] = m.defs
	return indented(t, root)
}

func (m *schemaMaker) object(t reflect.Type) map[string]any {
	properties, required := map[string]any{}, []string{}
	name := t.String()
	for i := range t.NumField() {
		f := t.Field(i)
		tag, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if tag == "" || !f.IsExported() {
			panic("field without a JSON name: " + name + "." + f.Name)
		}
		s := m.schemaOf(f.Type)
		if doc := m.docs[name+"."+f.Name]; doc != "" {
			s["description"] = doc
		}
		if values := enumOf(name + "." + f.Name); values != nil {
			s["enum"] = values
		}
		properties[tag] = s
		if !strings.Contains(options, "omitempty") {
			required = append(required, tag)
		}
	}
	s := map[string]any{"type": "object", "properties": properties, "required": required}
	if doc := m.docs[name]; doc != "" {
		s["description"] = doc
	}
	return s
}

// enumOf lists the values of fields that are closed sets without a type of
// their own.
func enumOf(field string) []any {
	switch field {
	case "results.Cell.Regime":
		return []any{RegimeSync, RegimeAsync, RegimeNone}
	case "results.Cell.CacheRegime":
		return []any{"", "cached", "oscached", "iobuf", "iodirect"}
	case "results.Flag.Level":
		return []any{"yellow", "red"}
	}
	return nil
}

func (m *schemaMaker) schemaOf(t reflect.Type) map[string]any {
	switch t {
	case reflect.TypeFor[time.Time]():
		return map[string]any{"type": "string", "format": "date-time"}
	case reflect.TypeFor[engine.Count]():
		return map[string]any{"type": []any{"integer", "null"}, "minimum": 0}
	case reflect.TypeFor[engine.Durability]():
		var names []any
		for d := engine.Default; d <= engine.Sync; d++ {
			names = append(names, d.String())
		}
		return map[string]any{"type": "string", "enum": names}
	case reflect.TypeFor[engine.DurabilitySet]():
		return map[string]any{"type": "string"} // names separated by commas
	case reflect.TypeFor[Status]():
		return map[string]any{"type": "string", "enum": []any{
			StatusOK, StatusFailed, StatusUnsupported, StatusPartial, StatusSkipped,
		}}
	}
	switch t.Kind() {
	case reflect.Pointer:
		s := m.schemaOf(t.Elem())
		if kind, simple := s["type"].(string); simple {
			s["type"] = []any{kind, "null"}
			return s
		}
		return map[string]any{"anyOf": []any{s, map[string]any{"type": "null"}}}
	case reflect.Struct:
		name := t.Name()
		if _, known := m.defs[name]; !known {
			m.defs[name] = nil // breaks a cycle
			m.defs[name] = m.object(t)
		}
		return map[string]any{"$ref": "#/$defs/" + name}
	case reflect.Slice:
		return map[string]any{"type": "array", "items": m.schemaOf(t.Elem())}
	case reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": m.schemaOf(t.Elem())}
	case reflect.String:
		return map[string]any{"type": "string"}
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Float64:
		return map[string]any{"type": "number"}
	case reflect.Uint8, reflect.Uint64:
		return map[string]any{"type": "integer", "minimum": 0}
	case reflect.Int, reflect.Int64:
		return map[string]any{"type": "integer"}
	}
	panic("no JSON Schema for " + t.String())
}

func TestThePublishedSchemasAreThoseOfTheTypes(t *testing.T) {
	m := newSchemaMaker(t)
	cell := m.document(t, Cell{}, CellSchema, "kvbench cell")
	manifest := m.document(t, Manifest{}, ManifestSchema, "kvbench manifest")
	goldenFile(t, "schema/cell.schema.json", cell)
	goldenFile(t, "schema/manifest.schema.json", manifest)
	if !*update && (!bytes.Equal(CellJSONSchema(), cell) || !bytes.Equal(ManifestJSONSchema(), manifest)) {
		t.Error("the embedded schemas are not those of the files")
	}
}

// A validator checks JSON against the part of JSON Schema that schemaMaker
// uses. Keywords that it does not know are an error.
type validator struct {
	defs   map[string]any
	faults []string
}

// validate returns where text breaks schema.
func validate(t *testing.T, schema, text []byte) []string {
	t.Helper()
	var s map[string]any
	must(t, json.Unmarshal(schema, &s))
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	must(t, d.Decode(&v))
	defs, _ := s["$defs"].(map[string]any)
	check := &validator{defs: defs}
	check.value("", s, v)
	slices.Sort(check.faults)
	return check.faults
}

func (c *validator) fault(path, format string, args ...any) {
	c.faults = append(c.faults, path+": "+fmt.Sprintf(format, args...))
}

func (c *validator) value(path string, schema map[string]any, v any) {
	for keyword, arg := range schema {
		switch keyword {
		case "$schema", "$defs", "title", "description", "format", "properties", "additionalProperties", "pattern":
			// Annotations, and what another keyword's case handles.
		case "$ref":
			c.value(path, c.defs[strings.TrimPrefix(arg.(string), "#/$defs/")].(map[string]any), v)
		case "anyOf":
			c.anyOf(path, arg.([]any), v)
		case "type":
			if !hasType(arg, v) {
				c.fault(path, "is %T, want %v", v, arg)
			}
		case "enum":
			if !slices.Contains(arg.([]any), v) {
				c.fault(path, "is %v, want one of %v", v, arg)
			}
		case "minimum":
			if n, ok := v.(json.Number); ok && strings.HasPrefix(string(n), "-") {
				c.fault(path, "is %v, below the minimum", n)
			}
		case "items":
			list, _ := v.([]any)
			for i, x := range list {
				c.value(fmt.Sprintf("%s[%d]", path, i), arg.(map[string]any), x)
			}
		case "required":
			object, isObject := v.(map[string]any)
			for _, name := range arg.([]any) {
				if _, ok := object[name.(string)]; isObject && !ok {
					c.fault(path+"."+name.(string), "is missing")
				}
			}
		default:
			c.fault(path, "unknown keyword %s", keyword)
		}
	}
	c.fields(path, schema, v)
}

func (c *validator) fields(path string, schema map[string]any, v any) {
	object, _ := v.(map[string]any)
	properties, _ := schema["properties"].(map[string]any)
	for name, x := range object {
		if s, ok := properties[name].(map[string]any); ok {
			c.value(path+"."+name, s, x)
		} else if s, ok := schema["additionalProperties"].(map[string]any); ok {
			c.value(path+"."+name, s, x)
		}
	}
}

func (c *validator) anyOf(path string, schemas []any, v any) {
	var faults []string
	for _, s := range schemas {
		try := &validator{defs: c.defs}
		try.value(path, s.(map[string]any), v)
		if len(try.faults) == 0 {
			return
		}
		faults = append(faults, try.faults...)
	}
	c.faults = append(c.faults, faults...)
}

func hasType(want, v any) bool {
	if list, ok := want.([]any); ok {
		return slices.ContainsFunc(list, func(one any) bool { return hasType(one, v) })
	}
	switch v := v.(type) {
	case nil:
		return want == "null"
	case bool:
		return want == "boolean"
	case string:
		return want == "string"
	case json.Number:
		return want == "number" || want == "integer" && !strings.ContainsAny(v.String(), ".eE")
	case []any:
		return want == "array"
	case map[string]any:
		return want == "object"
	}
	return false
}

func TestCellsAndManifestsKeepTheirSchemas(t *testing.T) {
	w := create(t)
	must(t, w.AddCell(fullCell()))
	must(t, w.AddCell(Cell{ID: "empty", Status: StatusSkipped, Regime: RegimeNone}))
	must(t, w.AddCell(unsupportedCell()))
	for _, c := range sampleRun().Cells {
		must(t, w.AddCell(c))
	}
	for i, line := range bytes.Split(bytes.TrimSpace(readFileT(t, w, CellsFile)), []byte("\n")) {
		for _, f := range validate(t, CellJSONSchema(), line) {
			t.Errorf("cell %d: %s", i, f)
		}
	}
	for _, f := range validate(t, ManifestJSONSchema(), readFileT(t, w, ManifestFile)) {
		t.Errorf("manifest: %s", f)
	}
	empty, err := Create(t.TempDir(), Manifest{})
	must(t, err)
	defer empty.Close()
	for _, f := range validate(t, ManifestJSONSchema(), readFileT(t, empty, ManifestFile)) {
		t.Errorf("empty manifest: %s", f)
	}
}

func TestTheSchemaRefusesWhatIsNoCell(t *testing.T) {
	for name, change := range map[string]func(map[string]any){
		".status":                      func(c map[string]any) { c["status"] = "fine" },
		".regime":                      func(c map[string]any) { c["regime"] = "fast" },
		".durability":                  func(c map[string]any) { c["durability"] = "fsync" },
		".ops_per_s":                   func(c map[string]any) { c["ops_per_s"] = "12" },
		".rep":                         func(c map[string]any) { delete(c, "rep") },
		".phases":                      func(c map[string]any) { c["phases"] = nil },
		".io.fsync":                    func(c map[string]any) { c["io"].(map[string]any)["fsync"] = -1 },
		".engine.name":                 func(c map[string]any) { c["engine"] = map[string]any{"name": nil} },
		".ops.read.service_ns.p99":     func(c map[string]any) { latency(c)["p99"] = 1.5 },
		".metrics.cache.hits":          func(c map[string]any) { c["metrics"] = map[string]any{"cache": map[string]any{"hits": "1"}} },
		".quality.flags[0].level":      func(c map[string]any) { flags(c)[0].(map[string]any)["level"] = "green" },
		".workload.mix.read":           func(c map[string]any) { c["workload"].(map[string]any)["mix"] = map[string]any{"read": "x"} },
		".engine.caps.durabilities":    func(c map[string]any) { caps(c)["durabilities"] = []any{} },
		".engine.settings.cache_bytes": func(c map[string]any) { settings(c)["cache_bytes"] = 1 },
		".ops.read.service_ns.max":     func(c map[string]any) { delete(latency(c), "max") },
		".phases[0].ops_per_s":         func(c map[string]any) { phases(c)[0].(map[string]any)["ops_per_s"] = true },
	} {
		var c map[string]any
		cell := fullCell()
		must(t, json.Unmarshal(indented(t, cell), &c))
		if faults := validate(t, CellJSONSchema(), indented(t, c)); len(faults) != 0 {
			t.Fatalf("a good cell has faults: %q", faults)
		}
		change(c)
		faults := validate(t, CellJSONSchema(), indented(t, c))
		if !slices.ContainsFunc(faults, func(f string) bool { return strings.HasPrefix(f, name+":") }) {
			t.Errorf("%s is wrong and the faults are %q", name, faults)
		}
	}
}

func field(c map[string]any, path ...string) any {
	var v any = c
	for _, p := range path {
		v = v.(map[string]any)[p]
	}
	return v
}

func latency(c map[string]any) map[string]any {
	return field(c, "ops", "read", "service_ns").(map[string]any)
}
func flags(c map[string]any) []any         { return field(c, "quality", "flags").([]any) }
func phases(c map[string]any) []any        { return field(c, "phases").([]any) }
func caps(c map[string]any) map[string]any { return field(c, "engine", "caps").(map[string]any) }
func settings(c map[string]any) map[string]any {
	return field(c, "engine", "settings").(map[string]any)
}
