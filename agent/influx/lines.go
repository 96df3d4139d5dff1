package influx

import (
	"bytes"
	"math"
	"strconv"
	"time"
)

// Series is how each line of one series begins: its measurement and its tags. It is made once and is immutable; the zero value is of
// no series.
type Series struct{ prefix []byte }

// NewSeries encodes a measurement and tags, with the errors of [Encode].
func NewSeries(measurement string, tags []Tag) (Series, error) {
	const field = " x=1i 0\n"
	line, err := Encode(nil, []Point{{Measurement: measurement, Tags: tags, Fields: []Field{Int("x", 1)}, Time: time.Unix(0, 0)}})
	return Series{bytes.TrimSuffix(line, []byte(field))}, err
}

// None says whether it is of no series.
func (s Series) None() bool { return len(s.prefix) == 0 }

// Fixed is fields that are the same in many lines. It is immutable.
type Fixed struct{ text []byte }

// NewFixed encodes fields, with the errors of [Encode].
func NewFixed(fields ...Field) (Fixed, error) {
	line, err := Encode(nil, []Point{{Measurement: "m", Fields: fields, Time: time.Unix(0, 0)}})
	return Fixed{bytes.TrimSuffix(bytes.TrimPrefix(line, []byte("m ")), []byte(" 0\n"))}, err
}

// Lines is line protocol in the making, without a [Point] for each line: it allocates nothing once its room has grown. Keys are those
// of this package: nothing in them is escaped. The zero value is ready. It is not safe for concurrent use.
type Lines struct {
	text   []byte
	begin  int // of the line under way
	fields int // that the line has, beside fixed ones
	open   bool
}

// Reset forgets all lines, but not their room.
func (l *Lines) Reset() { l.text, l.open = l.text[:0], false }

// Bytes is all lines, each with its newline. It is valid until the next call of another method.
func (l *Lines) Bytes() []byte { return l.text }

// Begin begins a line. One of no series is left out.
func (l *Lines) Begin(s Series) {
	l.begin, l.fields, l.open = len(l.text), 0, !s.None()
	l.text = append(l.text, s.prefix...)
}

// separate goes before each field.
func (l *Lines) separate() {
	separator := byte(',')
	if l.fields == 0 {
		separator = ' '
	}
	l.fields++
	l.text = append(l.text, separator)
}

// key begins a field.
func (l *Lines) key(key string) {
	l.separate()
	l.text = append(append(l.text, key...), '=')
}

// Fixed adds fixed fields.
func (l *Lines) Fixed(f Fixed) {
	l.separate()
	l.text = append(l.text, f.text...)
}

// Int adds an integer.
func (l *Lines) Int(key string, v int64) {
	l.key(key)
	l.text = append(strconv.AppendInt(l.text, v, 10), 'i')
}

// Uint adds an integer, as [Uint] does.
func (l *Lines) Uint(key string, v uint64) { l.Int(key, int64(min(v, math.MaxInt64))) }

// Float adds a finite number; another is left out.
func (l *Lines) Float(key string, v float64) {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return
	}
	l.key(key)
	l.text = strconv.AppendFloat(l.text, v, 'g', -1, 64)
}

// Bool adds a boolean.
func (l *Lines) Bool(key string, v bool) {
	l.key(key)
	l.text = strconv.AppendBool(l.text, v)
}

// End ends a line, behind fixed fields. One that has no other field is taken back.
func (l *Lines) End(fixed Fixed, at time.Time) {
	if !l.open || l.fields == 0 {
		l.text, l.open = l.text[:l.begin], false
		return
	}
	if len(fixed.text) > 0 {
		l.text = append(append(l.text, ','), fixed.text...)
	}
	l.text = append(strconv.AppendInt(append(l.text, ' '), at.UnixNano(), 10), '\n')
	l.open = false
}
