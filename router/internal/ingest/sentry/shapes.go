package sentry

import (
	"encoding/json"
	"math"
	"strconv"
	"time"
)

// The SDKs agree on names but not on shapes: the helpers here take a JSON value for what it can be used as, and take
// what cannot be used as absent.

// object is a JSON object's members; false for anything else.
func object(raw json.RawMessage) (map[string]json.RawMessage, bool) {
	var m map[string]json.RawMessage
	if len(raw) == 0 || json.Unmarshal(raw, &m) != nil {
		return nil, false
	}
	return m, m != nil
}

// text is a string, or a number or boolean as it is written; "" for anything else.
func text(raw json.RawMessage) string {
	if len(raw) == 0 {
		return ""
	}
	switch raw[0] {
	case '"':
		var s string
		if json.Unmarshal(raw, &s) != nil {
			return ""
		}
		return s
	case '{', '[', 'n':
		return ""
	}
	return string(raw)
}

// list is the elements of an array, of the array under "values", or the one object itself. Nulls are left out, and of
// more than limit elements the last ones are kept: the SDKs put what is nearest to the error last.
func list(raw json.RawMessage, limit int) []json.RawMessage {
	var elements []json.RawMessage
	if json.Unmarshal(raw, &elements) != nil {
		fields, ok := object(raw)
		if !ok {
			return nil
		}
		if values, wrapped := fields["values"]; wrapped {
			if json.Unmarshal(values, &elements) != nil {
				return nil
			}
		} else {
			elements = []json.RawMessage{raw}
		}
	}
	kept := elements[:0]
	for _, e := range elements {
		if string(e) != "null" {
			kept = append(kept, e)
		}
	}
	return kept[max(0, len(kept)-limit):]
}

// truth is true for a JSON true only.
func truth(raw json.RawMessage) bool { return string(raw) == "true" }

// tags are a map of texts, or a list of pairs.
func tags(raw json.RawMessage) map[string]string {
	out := map[string]string{}
	if fields, ok := object(raw); ok {
		for k, v := range fields {
			out[k] = text(v)
		}
		return out
	}
	for _, element := range list(raw, 200) {
		var pair []json.RawMessage
		if json.Unmarshal(element, &pair) == nil && len(pair) == 2 {
			out[text(pair[0])] = text(pair[1])
		}
	}
	return out
}

// instant is a time given as seconds since 1970 or in ISO 8601, which without a zone means UTC; zero for anything else.
func instant(raw json.RawMessage) time.Time {
	s := text(raw)
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
