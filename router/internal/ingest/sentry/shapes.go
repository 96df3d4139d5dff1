package sentry

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"strconv"
	"time"
)

// The SDKs agree on names but not on shapes: the helpers here take a JSON value for what it can be used as, and take
// what cannot be used as absent.

// fields are the members of a JSON object: strings, json.Numbers, booleans, lists, maps and nils.
type fields = map[string]any

// parseObject reads a JSON object; false for anything else. A number keeps its digits: an id may have more of them than
// a float64.
func parseObject(raw []byte) (fields, bool) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var f fields
	if dec.Decode(&f) != nil || f == nil {
		return nil, false
	}
	_, err := dec.Token()
	return f, errors.Is(err, io.EOF)
}

// object is a JSON object's members; empty for anything else.
func object(v any) fields {
	f, _ := v.(fields)
	return f
}

// text is a string, or a number or boolean as it is written; "" for anything else.
func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}

// list is the elements of an array, of the array under "values", or the one object itself. Nulls are left out, and of
// more than limit elements the last ones are kept: the SDKs put what is nearest to the error last.
func list(v any, limit int) []any {
	elements, isList := v.([]any)
	if f := object(v); f != nil {
		if values, wrapped := f["values"]; wrapped {
			elements, _ = values.([]any)
		} else {
			elements = []any{v}
		}
	} else if !isList {
		return nil
	}
	kept := make([]any, 0, len(elements))
	for _, e := range elements {
		if e != nil {
			kept = append(kept, e)
		}
	}
	return kept[max(0, len(kept)-limit):]
}

// truth is true for a JSON true only.
func truth(v any) bool { return v == true }

// tags are a map of texts, or a list of pairs.
func tags(v any) map[string]string {
	out := map[string]string{}
	if f := object(v); f != nil {
		for k, v := range f {
			out[k] = text(v)
		}
		return out
	}
	for _, element := range list(v, 200) {
		if pair, ok := element.([]any); ok && len(pair) == 2 {
			out[text(pair[0])] = text(pair[1])
		}
	}
	return out
}

// instant is a time given as seconds since 1970 or in ISO 8601, which without a zone means UTC; zero for anything else.
func instant(v any) time.Time {
	s := text(v)
	if seconds, err := strconv.ParseFloat(s, 64); err == nil {
		if math.IsNaN(seconds) || seconds <= 0 || seconds > 1e11 {
			return time.Time{}
		}
		return time.UnixMicro(int64(seconds * 1e6)).UTC()
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC()
		}
	}
	return time.Time{}
}
