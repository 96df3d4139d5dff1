package check

import (
	"fmt"
	"strconv"
	"strings"
)

// StatusRange is a range of HTTP status codes, both ends included.
type StatusRange struct{ Low, High int }

// Statuses are the status codes that a check takes for up. The zero value contains none.
type Statuses []StatusRange

// Contains reports whether code is one of s.
func (s Statuses) Contains(code int) bool {
	for _, r := range s {
		if r.Low <= code && code <= r.High {
			return true
		}
	}
	return false
}

// String lists s as the check file writes it: `2xx, 404`.
func (s Statuses) String() string {
	parts := make([]string, 0, len(s))
	for _, r := range s {
		switch {
		case r.Low == r.High:
			parts = append(parts, strconv.Itoa(r.Low))
		case r.Low%100 == 0 && r.High == r.Low+99:
			parts = append(parts, strconv.Itoa(r.Low/100)+"xx")
		default:
			parts = append(parts, fmt.Sprintf("%d-%d", r.Low, r.High))
		}
	}
	return strings.Join(parts, ", ")
}

// parseStatus reads one entry of a status list: a code such as 200, or a class such as "2xx". ok is false for
// anything else.
func parseStatus(entry any) (r StatusRange, ok bool) {
	switch e := entry.(type) {
	case int64:
		// 1xx never is the answer to a request: the transport reads on to the final status.
		if 200 <= e && e <= 599 {
			return StatusRange{Low: int(e), High: int(e)}, true
		}
	case string:
		if len(e) == 3 && e[1:] == "xx" && '2' <= e[0] && e[0] <= '5' {
			low := int(e[0]-'0') * 100
			return StatusRange{Low: low, High: low + 99}, true
		}
	}
	return StatusRange{}, false
}
