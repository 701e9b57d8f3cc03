package report

import "reflect"

// neverNull makes nil slices and maps empty ones, all through the model, so
// that null means unknown in JSON and nothing else.
func neverNull(m *Model) { emptyForNil(reflect.ValueOf(m).Elem()) }

func emptyForNil(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				emptyForNil(v.Field(i))
			}
		}
	case reflect.Slice:
		if v.IsNil() {
			v.Set(reflect.MakeSlice(v.Type(), 0, 0))
		}
		switch v.Type().Elem().Kind() {
		case reflect.Struct, reflect.Slice:
			for i := range v.Len() {
				emptyForNil(v.Index(i))
			}
		}
	case reflect.Map:
		if v.IsNil() {
			v.Set(reflect.MakeMap(v.Type()))
		}
	}
}
