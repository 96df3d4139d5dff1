// Package fakehttp is what the fake providers of the tests share: a real HTTP server on a loopback port that records
// each request, misbehaves on demand, and lets a test await what it wants to see.
//
// Packages fakepagerduty and faketwilio embed [Server] and bring the provider's own rules. It is used by tests alone and
// imports nothing of the router's.
package fakehttp

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"sync"
	"time"
)

// Request is one request as it came. The record is made on arrival, before anything else happens with it.
type Request struct {
	Method string
	Path   string
	Query  url.Values
	Header http.Header
	Body   []byte
	At     time.Time // of arrival
	Status int       // of the answer; 0: none was given, or not yet
	Gone   bool      // the client went away while it was held back or swallowed

	Swallowed bool // it has taken effect, and gets no answer
}

// Test is what a server needs of its test; any [testing.TB] will do.
//
// [testing.TB]: https://pkg.go.dev/testing#TB
type Test interface {
	Helper()
	Cleanup(end func())
}

// Write says whether the request means to change something: any method but GET.
func (r Request) Write() bool { return r.Method != http.MethodGet }

// Server is the part of a fake provider that knows nothing of the provider. All methods may be called at any time.
type Server struct {
	URL string // base URL, without a slash at the end

	serve   http.HandlerFunc
	problem func(status int) any
	gone    chan struct{} // closed when the test ends

	mu       sync.Mutex
	requests []Request
	changed  chan struct{} // closed, and replaced, when anything happens
	script   script
}

// New starts a server that ends with the test. serve is the provider's behaviour when nothing is scripted; problem makes
// the JSON of a scripted failure.
func New(tb Test, serve http.HandlerFunc, problem func(status int) any) *Server {
	tb.Helper()
	s := &Server{serve: serve, problem: problem, gone: make(chan struct{}), changed: make(chan struct{})}
	listening := httptest.NewServer(http.HandlerFunc(s.handle))
	s.URL = listening.URL
	tb.Cleanup(func() {
		close(s.gone)
		listening.Close()
	})
	return s
}

// Requests returns what has come so far, oldest first.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// Await returns nil once seen does, which is called at first, after each thing that happens, and at the end of ctx; or ctx's error.
func (s *Server) Await(ctx context.Context, seen func() bool) error {
	for {
		s.mu.Lock()
		changed := s.changed
		s.mu.Unlock()
		if seen() {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			if seen() { // on a machine that stood still both may have come
				return nil
			}
			return ctx.Err()
		}
	}
}

// Changed tells those who await that the provider's state is another.
func (s *Server) Changed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wake()
}

func (s *Server) wake() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// handle records the request, plays what the script has for it, and otherwise lets the provider answer.
func (s *Server) handle(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client went away while sending
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	number, play := s.arrived(r, body)

	answer := httptest.NewRecorder()
	switch {
	case play.status != 0:
		maps.Copy(answer.Header(), play.header)
		WriteJSON(answer, play.status, s.problem(play.status))
	case play.hang != nil && !s.released(number, r, play.hang):
		return
	default:
		s.serve(answer, r)
	}
	if play.swallow {
		s.note(number, func(r *Request) { r.Swallowed = true })
		s.released(number, r, nil)
		return
	}
	s.note(number, func(r *Request) { r.Status = answer.Code })
	maps.Copy(w.Header(), answer.Header())
	w.WriteHeader(answer.Code)
	said := answer.Body.Bytes()
	if play.garbled != "" {
		said = []byte(play.garbled)
	}
	_, _ = w.Write(said) // a client that has gone away is the client's affair
}

// released waits until release is closed (true), or until the client or the test has gone (false).
func (s *Server) released(number int, r *http.Request, release <-chan struct{}) bool {
	select {
	case <-release:
		return true
	case <-r.Context().Done():
		s.note(number, func(r *Request) { r.Gone = true })
	case <-s.gone:
	}
	return false
}

func (s *Server) arrived(r *http.Request, body []byte) (number int, play play) {
	s.mu.Lock()
	defer s.mu.Unlock()
	request := Request{
		Method: r.Method, Path: r.URL.Path, Query: r.URL.Query(), Header: r.Header.Clone(), Body: body, At: time.Now(),
	}
	s.requests = append(s.requests, request)
	s.wake()
	return len(s.requests) - 1, s.script.next(request.Write())
}

// note adds to the record of a request.
func (s *Server) note(number int, add func(*Request)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	add(&s.requests[number])
	s.wake()
}

// WriteJSON answers with a status and a value as JSON.
func WriteJSON(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value) // of the fakes' own types, into memory
}
