package tomlfile

import (
	"encoding"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// decoder moves a parsed tree into Go values and goes on after a mistake; the
// parser's own decoder would stop at the first.
type decoder struct {
	file      *File
	top       []field // of the whole text
	problems  Problems
	suggested int // unknown keys for which a near one was looked for
}

// maxSuggestions bounds the work that unknown keys make.
const maxSuggestions = 20

func (d *decoder) refuse(found any, expected string, path []any) {
	d.problems = append(d.problems, d.file.Problem(found, expected, path...))
}

// value stores found into target, or notes why it cannot.
func (d *decoder) value(target reflect.Value, found any, path []any) {
	if target.Kind() == reflect.Pointer {
		if target.IsNil() {
			target.Set(reflect.New(target.Type().Elem()))
		}
		d.value(target.Elem(), found, path)
		return
	}
	if target.Type() == reflect.TypeFor[time.Time]() {
		d.timeValue(target, found, path)
		return
	}
	if text, ok := reflect.TypeAssert[encoding.TextUnmarshaler](target.Addr()); ok {
		d.text(text, found, path)
		return
	}
	switch target.Kind() {
	case reflect.Struct:
		d.structure(target, found, path)
	case reflect.Map:
		d.mapping(target, found, path)
	case reflect.Slice, reflect.Array:
		d.list(target, found, path)
	default:
		d.scalar(target, found, path)
	}
}

func (d *decoder) timeValue(target reflect.Value, found any, path []any) {
	v, ok := found.(time.Time)
	if !ok {
		d.refuse(found, "a time like 2026-11-30T09:00:00Z", path)
		return
	}
	target.Set(reflect.ValueOf(v))
}

// text gives a string to a type that reads itself. Its error is worded as what
// was expected (see Duration). Where something else stands, the type may say
// by a method Expected what a string for it looks like.
func (d *decoder) text(into encoding.TextUnmarshaler, found any, path []any) {
	s, ok := found.(string)
	if !ok {
		expected := "a string"
		if like, ok := into.(interface{ Expected() string }); ok {
			expected = like.Expected()
		}
		d.refuse(found, expected, path)
		return
	}
	if err := into.UnmarshalText([]byte(s)); err != nil {
		d.refuse(s, err.Error(), path)
	}
}

func (d *decoder) structure(target reflect.Value, found any, path []any) {
	table, ok := found.(map[string]any)
	if !ok {
		d.refuse(found, "a table", path)
		return
	}
	known := fields(target.Type())
	for _, key := range sortedKeys(table) {
		at := append(slices.Clip(path), key)
		i := slices.IndexFunc(known, func(f field) bool { return f.matches(key) })
		if i < 0 {
			d.unknown(key, known, at)
			continue
		}
		d.value(fieldByIndex(target, known[i].index), table[key], at)
	}
}

func (d *decoder) unknown(key string, known []field, path []any) {
	names := make([]string, 0, len(known))
	for _, f := range known {
		names = append(names, f.name)
	}
	expected := "no key here"
	if len(names) > 0 {
		expected = "one of " + strings.Join(names, ", ")
	}
	if header := d.strayed(key, path); header != "" {
		expected += "; keys of the top level, as this one, stand before the first " + header
	} else if d.suggested++; d.suggested <= maxSuggestions {
		expected += DidYouMean(key, names)
	}
	d.refuse(phrase("unknown key "+quote(key)), expected, path)
}

// strayed is the header that a key of the top level stands behind by mistake: there it belongs to that table. "" for any other key.
func (d *decoder) strayed(key string, path []any) string {
	place, _ := d.file.Place(path[:len(path)-1]...)
	if !place.Header || !slices.ContainsFunc(d.top, func(f field) bool { return f.matches(key) }) {
		return ""
	}
	for i, step := range path {
		if _, item := step.(int); item {
			return "[[" + keyText(path[:i]) + "]]"
		}
	}
	return "[" + keyText(path[:len(path)-1]) + "]"
}

func (d *decoder) mapping(target reflect.Value, found any, path []any) {
	table, ok := found.(map[string]any)
	if !ok {
		d.refuse(found, "a table", path)
		return
	}
	if target.IsNil() {
		target.Set(reflect.MakeMapWithSize(target.Type(), len(table)))
	}
	for _, key := range sortedKeys(table) {
		item := reflect.New(target.Type().Elem()).Elem()
		d.value(item, table[key], append(slices.Clip(path), key))
		target.SetMapIndex(reflect.ValueOf(key).Convert(target.Type().Key()), item)
	}
}

func (d *decoder) list(target reflect.Value, found any, path []any) {
	items := reflect.ValueOf(found)
	if found == nil || items.Kind() != reflect.Slice {
		d.refuse(found, "a list", path)
		return
	}
	if target.Kind() == reflect.Array {
		if items.Len() != target.Len() {
			d.refuse(phrase(fmt.Sprintf("a list of %d", items.Len())), fmt.Sprintf("a list of %d", target.Len()), path)
			return
		}
	} else {
		target.Set(reflect.MakeSlice(target.Type(), items.Len(), items.Len()))
	}
	for i := range items.Len() {
		d.value(target.Index(i), items.Index(i).Interface(), append(slices.Clip(path), i))
	}
}

// scalar stores strings, booleans, numbers, and anything into an interface.
func (d *decoder) scalar(target reflect.Value, found any, path []any) {
	v := reflect.ValueOf(found)
	switch kind := target.Kind(); {
	case kind == reflect.Interface && v.IsValid() && v.Type().AssignableTo(target.Type()):
		target.Set(v)
	case kind == reflect.String && v.Kind() == reflect.String:
		target.SetString(v.String())
	case kind == reflect.Bool && v.Kind() == reflect.Bool:
		target.SetBool(v.Bool())
	case target.CanInt() && v.Kind() == reflect.Int64 && !target.OverflowInt(v.Int()):
		target.SetInt(v.Int())
	case target.CanUint() && v.Kind() == reflect.Int64 && v.Int() >= 0 && !target.OverflowUint(uint64(v.Int())):
		target.SetUint(uint64(v.Int()))
	case target.CanFloat() && v.Kind() == reflect.Float64 && finite(v.Float()):
		target.SetFloat(v.Float())
	case target.CanFloat() && v.Kind() == reflect.Int64:
		target.SetFloat(float64(v.Int()))
	default:
		d.refuse(found, wanted(target.Type()), path)
	}
}

func finite(f float64) bool { return !math.IsNaN(f) && !math.IsInf(f, 0) }

// wanted names a Go type in the words of the file.
func wanted(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int64:
		return "a whole number"
	case reflect.Int8, reflect.Int16, reflect.Int32:
		return "a whole number of at most " + strconv.Itoa(t.Bits()) + " bits"
	case reflect.Uint, reflect.Uint64:
		return "a whole number of 0 or more"
	case reflect.Uint8, reflect.Uint16, reflect.Uint32:
		return fmt.Sprintf("a whole number from 0 to %d", uint64(1)<<t.Bits()-1)
	case reflect.Float32, reflect.Float64:
		return "a number"
	default:
		return "a value of type " + t.String()
	}
}

func sortedKeys(table map[string]any) []string {
	keys := make([]string, 0, len(table))
	for key := range table {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
