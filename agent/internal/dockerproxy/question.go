package dockerproxy

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"

	"nezuban/agent/internal/docker"
)

// allowed is the end of every refusal.
const allowed = "only this is answered: GET of /_ping, /version, /info, /events, /containers/json?all=1 and /containers/ID/json"

// idLength is that of a container's id in hexadecimal digits.
const idLength = 64

// subject is what a question is about.
type subject int

// The questions that are answered.
const (
	ping subject = iota
	version
	info
	list
	inspect
	events
)

// plain holds the paths that name nothing.
var plain = map[string]subject{
	"/_ping": ping, "/version": version, "/info": info, "/containers/json": list, "/events": events,
}

// question is all that is taken from a request: the engine is asked anew, in the
// agent's words.
type question struct {
	subject subject
	id      string             // of the container, of inspect
	events  docker.EventsQuery // of events
}

// understand is the check of each request. An error says why it is refused.
func understand(r *http.Request) (question, error) {
	if r.ContentLength != 0 || len(r.TransferEncoding) > 0 {
		return question{}, errors.New("a request with a body")
	}
	if len(r.Header["Upgrade"]) > 0 || httpguts.HeaderValuesContainsToken(r.Header["Connection"], "upgrade") {
		return question{}, errors.New("an upgrade of the connection")
	}
	q, query, err := locate(r.RequestURI)
	if err != nil {
		return question{}, err
	}
	if r.Method != http.MethodGet && (r.Method != http.MethodHead || q.subject != ping) {
		return question{}, fmt.Errorf("method %q", shorten(r.Method))
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return question{}, fmt.Errorf("parameters %q", shorten(query))
	}
	switch q.subject {
	case events:
		q.events, err = docker.ParseEventsQuery(values)
	case list:
		if len(values) != 1 || !slices.Equal(values["all"], []string{"1"}) {
			err = fmt.Errorf("parameters %q: expected all=1 alone", shorten(query))
		}
	default:
		if query != "" {
			err = fmt.Errorf("parameters %q: expected none", shorten(query))
		}
	}
	return q, err
}

// locate reads the target of a request as it was sent, so that there is nothing
// to decode, to clean or to resolve.
func locate(target string) (q question, query string, err error) {
	path, query, _ := strings.Cut(target, "?")
	rest := withoutVersion(path)
	if s, ok := plain[rest]; ok {
		return question{subject: s}, query, nil
	}
	id, ok := strings.CutPrefix(rest, "/containers/")
	if ok {
		if id, ok = strings.CutSuffix(id, "/json"); ok && len(id) == idLength && strings.Trim(id, "0123456789abcdef") == "" {
			return question{subject: inspect, id: id}, query, nil
		}
	}
	return question{}, "", fmt.Errorf("path %q", shorten(path))
}

// withoutVersion takes off the version of the interface, v1.0 to v1.999. The
// engine is asked without one: its answers differ by more than what is read of them.
func withoutVersion(path string) string {
	rest, ok := strings.CutPrefix(path, "/v1.")
	if !ok {
		return path
	}
	minor, tail, found := strings.Cut(rest, "/")
	if !found || minor == "" || len(minor) > 3 || strings.Trim(minor, "0123456789") != "" {
		return path
	}
	return "/" + tail
}

// shorten bounds how much of what a client sent is repeated to it and in the log.
func shorten(text string) string { return text[:min(len(text), 200)] }
