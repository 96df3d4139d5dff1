package influx

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/influxdata/line-protocol/v2/lineprotocol"
)

// maxErrorText bounds how much of a bad line a LineError repeats, in bytes.
const maxErrorText = 200

// LineError is a line that is not line protocol.
type LineError struct {
	Line int    // from 1
	Text string // the line, cut after 200 bytes
	Err  error
}

// Error is such as: line 3: "cpu usage=": empty value
func (e LineError) Error() string { return fmt.Sprintf("line %d: %q: %v", e.Line, e.Text, e.Err) }

// Unwrap gives what was wrong with the line.
func (e LineError) Unwrap() error { return e.Err }

// Decode reads line protocol. A bad line becomes a LineError and the next line
// is read all the same. A line without a time gets now; precision is the unit
// of the times that are there. The points hold no reference to body.
func Decode(body []byte, precision lineprotocol.Precision, now time.Time) ([]Point, []LineError) {
	dec := lineprotocol.NewDecoderWithBytes(body)
	var points []Point
	var bad []LineError
	for dec.Next() {
		p, err := decodePoint(dec, precision, now)
		if err != nil {
			bad = append(bad, lineError(body, err))
			continue
		}
		points = append(points, p)
	}
	return points, bad
}

func decodePoint(dec *lineprotocol.Decoder, precision lineprotocol.Precision, now time.Time) (Point, error) {
	name, err := dec.Measurement()
	if err != nil {
		return Point{}, err
	}
	p := Point{Measurement: string(name)}
	if p.Tags, err = decodeTags(dec); err != nil {
		return Point{}, err
	}
	if p.Fields, err = decodeFields(dec); err != nil {
		return Point{}, err
	}
	p.Time, err = dec.Time(precision, now)
	return p, err
}

func decodeTags(dec *lineprotocol.Decoder) ([]Tag, error) {
	var tags []Tag
	for {
		key, value, err := dec.NextTag()
		if err != nil || key == nil {
			return tags, err
		}
		tags = append(tags, Tag{string(key), string(value)})
	}
}

func decodeFields(dec *lineprotocol.Decoder) ([]Field, error) {
	var fields []Field
	for {
		key, value, err := dec.NextField()
		if err != nil || key == nil {
			return fields, err
		}
		name := string(key)
		if value.Kind() == lineprotocol.String {
			value, _ = lineprotocol.StringValue(value.StringV()) // off the decoder's buffer
		}
		fields = append(fields, Field{name, value})
	}
}

// lineError finds the text of the line that the decoder complains of.
func lineError(body []byte, err error) LineError {
	e := LineError{Err: err}
	var decode *lineprotocol.DecodeError
	if !errors.As(err, &decode) {
		return e
	}
	e.Line, e.Err = int(decode.Line), decode.Err
	text := body
	for range e.Line - 1 {
		_, text, _ = bytes.Cut(text, []byte("\n"))
	}
	text, _, _ = bytes.Cut(text, []byte("\n"))
	e.Text = string(text[:min(len(text), maxErrorText)])
	return e
}
