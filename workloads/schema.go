package workloads

import (
	"encoding/json"
	"reflect"
	"strings"
)

// object is a JSON object of a schema.
type object = map[string]any

// JSONSchema returns the JSON Schema (draft 2020-12) of a Spec as results
// record it, made from the fields of the type.
func JSONSchema() []byte {
	root := schemaOf(reflect.TypeFor[Spec]())
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "kvbench workload"
	data, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		return nil // maps of strings always marshal
	}
	return append(data, '\n')
}

// schemaOf returns the schema of a type that Spec is made of.
func schemaOf(t reflect.Type) object {
	switch t {
	case reflect.TypeFor[Mix]():
		return mixSchema()
	case reflect.TypeFor[UpdateMode]():
		return object{"type": "string"}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return schemaOf(t.Elem())
	case reflect.Struct:
		return structSchema(t)
	case reflect.Slice:
		return object{"type": "array", "items": schemaOf(t.Elem())}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": schemaOf(t.Elem())}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Float64:
		return object{"type": "number"}
	case reflect.Int, reflect.Int64:
		return object{"type": "integer"}
	case reflect.Uint64:
		return object{"type": "integer", "minimum": 0}
	}
	return object{"type": "string"}
}

func structSchema(t reflect.Type) object {
	fields, required := object{}, []string{}
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "-" {
			continue
		}
		s := schemaOf(f.Type)
		s["description"] = f.Tag.Get("desc")
		if words := f.Tag.Get("enum"); words != "" {
			s["enum"] = strings.Split(words, ",")
		}
		fields[name] = s
		if options == "" {
			required = append(required, name)
		}
	}
	return object{
		"type": "object", "properties": fields, "required": required,
		"additionalProperties": false,
	}
}

func mixSchema() object {
	kinds := object{}
	for k := range NumKinds {
		kinds[k.String()] = object{"type": "number", "minimum": 0, "maximum": 1}
	}
	return object{"type": "object", "properties": kinds, "additionalProperties": false}
}
