package tomlfile

import (
	"reflect"
	"strings"
)

// field is a struct field that a key may name.
type field struct {
	name   string
	tagged bool
	index  []int
}

// matches reports whether key names the field.
func (f field) matches(key string) bool {
	return f.name == key || !f.tagged && strings.EqualFold(f.name, key)
}

// fields lists the exported fields of a struct in their order; those of an
// embedded struct without a tag count as the outer one's own.
func fields(t reflect.Type) []field {
	var out []field
	for i := range t.NumField() {
		f := t.Field(i)
		tag, _, _ := strings.Cut(f.Tag.Get("toml"), ",")
		inner := f.Type
		if inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		switch {
		case tag == "-":
		case f.Anonymous && tag == "" && inner.Kind() == reflect.Struct && (f.IsExported() || f.Type == inner):
			for _, sub := range fields(inner) {
				sub.index = append([]int{i}, sub.index...)
				out = append(out, sub)
			}
		case !f.IsExported():
		case tag != "":
			out = append(out, field{name: tag, tagged: true, index: []int{i}})
		default:
			out = append(out, field{name: strings.ToLower(f.Name), index: []int{i}})
		}
	}
	return out
}

// fieldByIndex is reflect's, but makes embedded structs behind nil pointers.
func fieldByIndex(v reflect.Value, index []int) reflect.Value {
	for i, x := range index {
		if i > 0 && v.Kind() == reflect.Pointer {
			if v.IsNil() {
				v.Set(reflect.New(v.Type().Elem()))
			}
			v = v.Elem()
		}
		v = v.Field(x)
	}
	return v
}
