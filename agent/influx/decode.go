package influx

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
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

// Bounds of one line. What is beyond them is no name of anything, and would
// travel into keys, messages and databases. InfluxDB's own bound for texts is
// the one here, that for all tags together 64 KiB.
const (
	maxNameBytes = 4 << 10
	maxTextBytes = 64 << 10
	maxTags      = 256
)

func tooLong(what string, found []byte, most int) error {
	return fmt.Errorf("%s: found %d bytes, expected at most %d", what, len(found), most)
}

// Decode reads line protocol. A bad line becomes a LineError and the next line
// is read all the same. A line without a time gets now; precision is the unit
// of the times that are there. The points hold no reference to body. A quoted
// text may span lines, if it is closed somewhere. Of a tag given twice the
// first counts.
func Decode(body []byte, precision lineprotocol.Precision, now time.Time) ([]Point, []LineError) {
	var points []Point
	var bad []LineError
	for number := 1; len(body) > 0; {
		end := lineEnd(body)
		line := body[:end]
		dec := lineprotocol.NewDecoderWithBytes(line)
		for dec.Next() {
			p, err := decodePoint(dec, precision, now)
			if err != nil {
				bad = append(bad, lineError(number, line, err))
				break
			}
			points = append(points, p)
		}
		number += bytes.Count(line, []byte("\n"))
		body = body[end:]
	}
	return points, bad
}

// lineEnd is where the first line of body ends, its newline included. The
// decoder splits lines too, but after a mistake it cannot say where it stands.
func lineEnd(body []byte) int {
	inFields, quoted := false, false
	firstNewline := -1
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case c == '\\':
			if i+1 < len(body) && body[i+1] != '\n' {
				i++
			}
		case c == '\n' && !quoted:
			return i + 1
		case c == '\n' && firstNewline < 0:
			firstNewline = i
		case c == ' ':
			inFields = true
		case c == '"' && quoted:
			quoted = false
		case c == '"' && inFields && body[i-1] == '=':
			quoted = true
		}
	}
	if quoted && firstNewline >= 0 {
		return firstNewline + 1 // never closed: only its own line is bad
	}
	return len(body)
}

func decodePoint(dec *lineprotocol.Decoder, precision lineprotocol.Precision, now time.Time) (Point, error) {
	name, err := dec.Measurement()
	if err != nil {
		return Point{}, err
	}
	if len(name) > maxNameBytes {
		return Point{}, tooLong("measurement", name, maxNameBytes)
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
		switch {
		case err != nil || key == nil:
			return tags, err
		case len(key) > maxNameBytes:
			return nil, tooLong("tag key", key, maxNameBytes)
		case len(value) > maxNameBytes:
			return nil, tooLong("value of tag "+string(key), value, maxNameBytes)
		case len(tags) == maxTags:
			return nil, fmt.Errorf("found more than %d tags", maxTags)
		}
		if !slices.ContainsFunc(tags, func(t Tag) bool { return t.Key == string(key) }) {
			tags = append(tags, Tag{string(key), string(value)})
		}
	}
}

func decodeFields(dec *lineprotocol.Decoder) ([]Field, error) {
	var fields []Field
	for {
		key, value, err := dec.NextField()
		if err != nil || key == nil {
			return fields, err
		}
		if len(key) > maxNameBytes {
			return nil, tooLong("field key", key, maxNameBytes)
		}
		name := string(key)
		if value.Kind() == lineprotocol.String && len(value.StringV()) > maxTextBytes {
			return nil, tooLong("text of field "+name, []byte(value.StringV()), maxTextBytes)
		}
		if value.Kind() == lineprotocol.String {
			value, _ = lineprotocol.StringValue(value.StringV()) // off the decoder's buffer
		}
		fields = append(fields, Field{name, value})
	}
}

func lineError(number int, line []byte, err error) LineError {
	if decode, ok := errors.AsType[*lineprotocol.DecodeError](err); ok {
		err = decode.Err // its own line number is not of the whole text
	}
	line = bytes.TrimRight(line, "\r\n")
	return LineError{Line: number, Text: string(line[:min(len(line), maxErrorText)]), Err: err}
}
