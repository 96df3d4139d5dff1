// Package influx is what the daemons of Nezuban share about samples: the
// names and units of everything that is measured, line protocol to and from
// bytes, a writer that outlives a database's absence, a write that waits for its
// answer, and queries.
//
// The agent and the checks build points and hand them to a [Writer]; the router
// decodes what they send. The package measures nothing and decides nothing,
// and leaves the disk to package spool.
package influx

import (
	"math"
	"slices"
	"strings"
	"time"

	"github.com/influxdata/line-protocol/v2/lineprotocol"
)

// Point is one line of line protocol: the fields of one series at one time.
// The tags need no order. A zero Time leaves the time to the receiver.
type Point struct {
	Measurement string
	Tags        []Tag
	Fields      []Field
	Time        time.Time
}

// Tag is an indexed property of a series. A tag with an empty value is as none.
type Tag struct{ Key, Value string }

// Field is one figure or text of a point.
type Field struct {
	Key   string
	Value Value
}

// Value is a field's integer, unsigned integer, float, boolean or string.
type Value = lineprotocol.Value

// Int makes an integer field.
func Int(key string, v int64) Field { return Field{key, lineprotocol.IntValue(v)} }

// Uint makes an integer field; InfluxDB 1.x has no unsigned type, so what
// exceeds the largest int64 is stored as that.
func Uint(key string, v uint64) Field { return Int(key, int64(min(v, math.MaxInt64))) }

// Float makes a float field. NaN and infinities have no line protocol: such a
// field has no value, and Encode refuses its point, because no data must not
// look like data.
func Float(key string, v float64) Field {
	value, _ := lineprotocol.FloatValue(v) // not finite: the zero Value
	return Field{key, value}
}

// empty reports whether a value is the zero Value, which is none, unlike the
// value of an empty text: that has no bytes, but is not nil.
func empty(v Value) bool { return v.Kind() == lineprotocol.String && v.BytesV() == nil }

// Bool makes a boolean field.
func Bool(key string, v bool) Field { return Field{key, lineprotocol.BoolValue(v)} }

// String makes a text field; bytes that are not UTF-8 become U+FFFD.
func String(key, v string) Field {
	value, _ := lineprotocol.StringValue(strings.ToValidUTF8(v, "\uFFFD"))
	return Field{key, value}
}

// Tag is the value of a tag, "" when the point does not have it.
func (p Point) Tag(key string) string {
	for _, t := range p.Tags {
		if t.Key == key {
			return t.Value
		}
	}
	return ""
}

// Field is the value of a field; of two with one key the later, as in InfluxDB.
func (p Point) Field(key string) (Value, bool) {
	for _, f := range slices.Backward(p.Fields) {
		if f.Key == key {
			return f.Value, !empty(f.Value)
		}
	}
	return Value{}, false
}

// Float is a field of any numeric kind as a float64.
func (p Point) Float(key string) (float64, bool) {
	v, _ := p.Field(key)
	switch v.Kind() {
	case lineprotocol.Float:
		return v.FloatV(), true
	case lineprotocol.Int:
		return float64(v.IntV()), true
	case lineprotocol.Uint:
		return float64(v.UintV()), true
	case lineprotocol.Unknown, lineprotocol.String, lineprotocol.Bool:
	}
	return 0, false
}

// Int is a field of a whole-number kind; a float is not one.
func (p Point) Int(key string) (int64, bool) {
	v, _ := p.Field(key)
	switch v.Kind() {
	case lineprotocol.Int:
		return v.IntV(), true
	case lineprotocol.Uint:
		if u := v.UintV(); u <= math.MaxInt64 {
			return int64(u), true
		}
	case lineprotocol.Unknown, lineprotocol.String, lineprotocol.Float, lineprotocol.Bool:
	}
	return 0, false
}

// Text is a string field.
func (p Point) Text(key string) (string, bool) {
	if v, ok := p.Field(key); ok && v.Kind() == lineprotocol.String {
		return v.StringV(), true
	}
	return "", false
}

// Bool is a boolean field.
func (p Point) Bool(key string) (value, ok bool) {
	if v, _ := p.Field(key); v.Kind() == lineprotocol.Bool {
		return v.BoolV(), true
	}
	return false, false
}
