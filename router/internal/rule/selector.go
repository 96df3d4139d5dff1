package rule

import (
	"time"

	"nezuban/agent/influx"
)

// selector says which points a rule is about, and which of their tags tell its alerts apart.
type selector struct {
	measurement string
	where       []influx.Tag // all must be there
	by          []string     // sorted
}

func (s *selector) selects(p influx.Point) bool {
	for _, want := range s.where {
		if p.Tag(want.Key) != want.Value {
			return false
		}
	}
	return true
}

// appendKey appends the values of the by tags, divided by a byte that no tag has.
func (s *selector) appendKey(dst []byte, p influx.Point) []byte {
	for i, tag := range s.by {
		if i > 0 {
			dst = append(dst, 0)
		}
		dst = append(dst, p.Tag(tag)...)
	}
	return dst
}

func (s *selector) values(p influx.Point) []string {
	values := make([]string, len(s.by))
	for i, tag := range s.by {
		values[i] = p.Tag(tag)
	}
	return values
}

// hashTags identifies a series within its measurement, in whatever order its tags come: a sum of FNV-1a, one a tag.
func hashTags(tags []influx.Tag) uint64 {
	var sum uint64
	for _, t := range tags {
		if t.Value != "" {
			sum += hashText(hashText(offset64, t.Key)^0xff, t.Value)
		}
	}
	return sum
}

// The constants of FNV-1a, 64 bit.
const (
	offset64 = 14695981039346656037
	prime64  = 1099511628211
)

func hashText(h uint64, text string) uint64 {
	for i := range len(text) {
		h = (h ^ uint64(text[i])) * prime64
	}
	return h
}

// maxAhead is how far ahead of the router's clock a sender's may be before its times mean nothing.
const maxAhead = 30 * time.Second

// clamp is the time of a sample as far as it can be believed: one that is missing or too far ahead is now.
func clamp(at, now time.Time) time.Time {
	if at.IsZero() || at.Sub(now) > maxAhead {
		return now
	}
	return at
}
