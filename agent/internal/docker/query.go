package docker

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// EventsQuery says which events of containers and images are asked for.
type EventsQuery struct {
	Since   time.Time // zero: what comes from now on
	Until   time.Time // zero: without end
	Actions []string  // Action constants, at least one
}

// eventsFilter is the parameter filters of /events.
type eventsFilter struct {
	Type  []string `json:"type"`
	Event []string `json:"event"`
}

// values writes the query's parameters.
func (q EventsQuery) values() (url.Values, error) {
	filters, err := json.Marshal(eventsFilter{Type: types[:], Event: q.Actions})
	if err != nil {
		return nil, err
	}
	values := url.Values{"filters": {string(filters)}}
	if !q.Since.IsZero() {
		values.Set("since", unixNano(q.Since))
	}
	if !q.Until.IsZero() {
		values.Set("until", unixNano(q.Until))
	}
	return values, nil
}

// ParseEventsQuery reads the parameters of /events and takes nothing that
// [Client.Ask] would not send: since and until in seconds, and the filter of
// events of containers, and images, by actions that the agent follows; an agent of before asks for containers alone. An error says what else it found.
func ParseEventsQuery(values url.Values) (EventsQuery, error) {
	for key, found := range values {
		if !slices.Contains([]string{"filters", "since", "until"}, key) {
			return EventsQuery{}, fmt.Errorf("parameter %q: expected filters, since or until", shorten([]byte(key)))
		}
		if len(found) != 1 {
			return EventsQuery{}, fmt.Errorf("parameter %q: found it %d times, expected once", key, len(found))
		}
	}
	var q EventsQuery
	var err error
	if q.Since, err = parseUnixNano(values, "since"); err != nil {
		return EventsQuery{}, err
	}
	if q.Until, err = parseUnixNano(values, "until"); err != nil {
		return EventsQuery{}, err
	}
	var filter eventsFilter
	text := values.Get("filters")
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&filter); err != nil || int(decoder.InputOffset()) != len(text) ||
		!slices.Equal(filter.Type, types[:]) && !slices.Equal(filter.Type, types[:1]) || len(filter.Event) == 0 {
		return EventsQuery{}, fmt.Errorf(`parameter "filters": found %q, expected {"type":["container","image"],"event":[…]}`, shorten([]byte(text)))
	}
	for _, action := range filter.Event {
		if !slices.Contains(actions[:], action) {
			return EventsQuery{}, fmt.Errorf(`parameter "filters": event %q: expected one of %s`, shorten([]byte(action)), strings.Join(actions[:], ", "))
		}
	}
	q.Actions = filter.Event
	return q, nil
}

// unixNano writes a time as the engine wants it: seconds.nanoseconds.
func unixNano(t time.Time) string { return fmt.Sprintf("%d.%09d", t.Unix(), t.Nanosecond()) }

// parseUnixNano reads what unixNano writes, of a time from 1970 on; zero without the parameter.
func parseUnixNano(values url.Values, key string) (time.Time, error) {
	if !values.Has(key) {
		return time.Time{}, nil
	}
	text := values.Get(key)
	seconds, nanos, _ := strings.Cut(text, ".")
	s, err := strconv.ParseUint(seconds, 10, 40)
	ns, nsErr := strconv.ParseUint(nanos, 10, 30)
	if err != nil || nsErr != nil || len(nanos) != 9 {
		return time.Time{}, fmt.Errorf("parameter %q: found %q, expected seconds since 1970 like 1795311222.532241955", key, shorten([]byte(text)))
	}
	return time.Unix(int64(s), int64(ns)), nil
}
