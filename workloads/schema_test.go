package workloads

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
)

func TestTheSchemaIsAsPublished(t *testing.T) {
	checkGolden(t, "workload.schema.json", JSONSchema())
}

func TestEveryFieldOfASpecIsDescribed(t *testing.T) {
	var walk func(t *testing.T, path string, schema map[string]any)
	walk = func(t *testing.T, path string, schema map[string]any) {
		fields, _ := schema["properties"].(map[string]any)
		for name, f := range fields {
			field := f.(map[string]any)
			if path != "/mix" && path != "/writer_mix" && field["description"] == "" {
				t.Errorf("%s/%s has no description", path, name)
			}
			walk(t, path+"/"+name, field)
		}
	}
	var schema map[string]any
	if err := json.Unmarshal(JSONSchema(), &schema); err != nil {
		t.Fatal(err)
	}
	walk(t, "", schema)
	if n := len(schema["properties"].(map[string]any)); n != reflect.TypeFor[Spec]().NumField()-1 {
		t.Errorf("%d properties for the fields of Spec", n)
	}
}

func TestASpecSurvivesJSONAndFitsItsSchema(t *testing.T) {
	var schema map[string]any
	if err := json.Unmarshal(JSONSchema(), &schema); err != nil {
		t.Fatal(err)
	}
	for _, name := range presetNames() {
		s := mustParse(t, name)
		data, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		var back Spec
		d := json.NewDecoder(bytes.NewReader(data))
		d.DisallowUnknownFields()
		if err := d.Decode(&back); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !reflect.DeepEqual(*s, back) || s.Hash() != back.Hash() {
			t.Errorf("%s: %+v became %+v", name, *s, back)
		}
		var plain any
		if err := json.Unmarshal(data, &plain); err != nil {
			t.Fatal(err)
		}
		fits(t, name, schema, plain)
	}
	var m Mix
	if err := json.Unmarshal([]byte(`{"reed":1}`), &m); err == nil {
		t.Error("an unknown kind is accepted")
	}
	var u UpdateMode
	if err := json.Unmarshal([]byte(`"blend"`), &u); err == nil {
		t.Error("an unknown update mode is accepted")
	}
}

// fits checks the parts of a schema that JSONSchema uses.
func fits(t *testing.T, path string, schema map[string]any, value any) {
	t.Helper()
	kinds := map[string]bool{}
	switch v := value.(type) {
	case map[string]any:
		kinds["object"] = true
		fields, _ := schema["properties"].(map[string]any)
		for name, x := range v {
			if f, ok := fields[name].(map[string]any); ok {
				fits(t, path+"/"+name, f, x)
			} else if more, ok := schema["additionalProperties"].(map[string]any); ok {
				fits(t, path+"/"+name, more, x)
			} else {
				t.Errorf("%s/%s is not in the schema", path, name)
			}
		}
		required, _ := schema["required"].([]any)
		for _, name := range required {
			if _, ok := v[name.(string)]; !ok {
				t.Errorf("%s lacks %s", path, name)
			}
		}
	case []any:
		kinds["array"] = true
		for _, x := range v {
			fits(t, path+"[]", schema["items"].(map[string]any), x)
		}
	case string:
		kinds["string"] = true
	case bool:
		kinds["boolean"] = true
	case float64:
		kinds["number"], kinds["integer"] = true, v == float64(int64(v))
	}
	if !kinds[schema["type"].(string)] {
		t.Errorf("%s: %v is no %v", path, value, schema["type"])
	}
	words, ok := schema["enum"].([]any)
	for _, w := range words {
		ok = ok && w != value
	}
	if ok {
		t.Errorf("%s: %v is none of %v", path, value, words)
	}
}
