package influx

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/influxdata/line-protocol/v2/lineprotocol"
)

// Encode appends the points to dst as line protocol, one line each with its
// newline, times in nanoseconds, tags sorted and those without a value left out.
//
// A point that has no line protocol (no field, a float that is not finite, a
// control character in a tag) is left out and named in the error; the others
// are encoded all the same.
func Encode(dst []byte, points []Point) ([]byte, error) {
	var enc lineprotocol.Encoder
	enc.SetBuffer(dst)
	var errs []error
	for i, p := range points {
		encodePoint(&enc, p)
		if err := enc.Err(); err != nil {
			errs = append(errs, fmt.Errorf("encode point %d of %q: %w", i, p.Measurement, err))
			enc.ClearErr()
		}
	}
	out := enc.Bytes()
	if len(out) > len(dst) && !bytes.HasSuffix(out, []byte("\n")) {
		out = append(out, '\n') // the encoder ends a line without a time only when the next begins
	}
	return out, errors.Join(errs...)
}

func encodePoint(enc *lineprotocol.Encoder, p Point) {
	enc.StartLine(p.Measurement)
	for _, t := range sortedTags(p.Tags) {
		if t.Value != "" {
			enc.AddTag(t.Key, t.Value)
		}
	}
	for _, f := range p.Fields {
		enc.AddField(f.Key, f.Value)
	}
	enc.EndLine(p.Time)
}

// sortedTags leaves the caller's slice alone.
func sortedTags(tags []Tag) []Tag {
	byKey := func(a, b Tag) int { return cmp.Compare(a.Key, b.Key) }
	if slices.IsSortedFunc(tags, byKey) {
		return tags
	}
	tags = slices.Clone(tags)
	slices.SortFunc(tags, byKey)
	return tags
}
