package influx

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/influxdata/line-protocol/v2/lineprotocol"
)

// Encode appends the points to dst as line protocol, one line each with its
// newline, times in nanoseconds, tags sorted and those without a value left
// out. A line holds no other newline: one in a text is escaped.
//
// A point that has no line protocol (no field, a float that is not finite, a
// control character in a tag) is left out and named in the error; the others
// are encoded all the same.
func Encode(dst []byte, points []Point) ([]byte, error) {
	var enc lineprotocol.Encoder
	var errs []error
	for i, p := range points {
		line, err := encodePoint(&enc, dst, p)
		if err != nil {
			errs = append(errs, fmt.Errorf("encode point %d of %q: %w", i, p.Measurement, err))
			continue
		}
		dst = line
	}
	return dst, errors.Join(errs...)
}

// encodePoint begins anew for each point, because after an error the encoder
// would blame the next one too.
func encodePoint(enc *lineprotocol.Encoder, dst []byte, p Point) ([]byte, error) {
	enc.SetBuffer(dst)
	enc.StartLine(p.Measurement)
	for _, t := range sortedTags(p.Tags) {
		if t.Value != "" {
			enc.AddTag(t.Key, t.Value)
		}
	}
	for _, f := range p.Fields {
		if empty(f.Value) {
			return nil, fmt.Errorf("field %q: found no value, expected a text, a boolean or a finite number", f.Key)
		}
		enc.AddField(f.Key, f.Value)
	}
	enc.EndLine(p.Time)
	return enc.Bytes(), enc.Err()
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
