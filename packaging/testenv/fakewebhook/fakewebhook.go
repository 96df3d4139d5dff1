// Package fakewebhook is a receiver of webhooks on a loopback port, for tests: it verifies each signature by the library of
// the Standard Webhooks specification, and takes each id once.
//
// What misbehaves on demand comes from package fakehttp: Fail, Limit, Hang, Swallow.
package fakewebhook

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"

	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"nezuban/packaging/testenv/fakehttp"
)

// Secret is the one that a receiver knows unless it is told others.
const Secret = "whsec_S0VFUC1JVC1TRUNSRVQta2VlcC1pdC1zZWNyZXQ="

// Server is one receiver.
type Server struct {
	*fakehttp.Server // URL, Requests, Fail, Limit, Hang, Swallow

	secret string

	mu      sync.Mutex
	taken   []Message
	known   map[string]bool // ids of taken
	doubled int
}

// Message is one delivery that was taken.
type Message struct {
	ID   string
	Body []byte
	Said map[string]any // the body, decoded
}

// New starts a receiver that knows one secret; it ends with the test.
func New(tb fakehttp.Test, secret string) *Server {
	tb.Helper()
	s := &Server{secret: secret, known: map[string]bool{}}
	s.Server = fakehttp.New(tb, s.serve, func(status int) any { return map[string]any{"error": http.StatusText(status)} })
	return s
}

// Messages returns what was taken, oldest first.
func (s *Server) Messages() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.taken)
}

// Since returns what was taken after the first n, oldest first.
func (s *Server) Since(n int) []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.taken[min(n, len(s.taken)):])
}

// Doubled counts the deliveries whose id was known already.
func (s *Server) Doubled() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.doubled
}

// WaitFor returns the messages once there are n. When ctx ends before, it returns an error that says what there is.
func (s *Server) WaitFor(ctx context.Context, n int) ([]Message, error) {
	if err := s.Await(ctx, func() bool { return len(s.Messages()) >= n }); err != nil {
		return s.Messages(), fmt.Errorf("await %d webhooks: %w; there are %+v of %d requests", n, err, s.Messages(), len(s.Requests()))
	}
	return s.Messages(), nil
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	refuse := func(status int, why string) { fakehttp.WriteJSON(w, status, map[string]any{"error": why}) }
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client went away
	}
	verifier, err := webhooks.NewWebhook(s.secret)
	if err != nil {
		refuse(http.StatusInternalServerError, err.Error())
		return
	}
	message := Message{ID: r.Header.Get(webhooks.HeaderWebhookID), Body: body}
	switch err := verifier.Verify(body, r.Header); {
	case err != nil:
		refuse(http.StatusUnauthorized, r.URL.String()+" of "+r.Host+": "+err.Error())
		return
	case r.Method != http.MethodPost:
		refuse(http.StatusMethodNotAllowed, "expected POST")
		return
	case r.Header.Get("Content-Type") != "application/json":
		refuse(http.StatusUnsupportedMediaType, "expected JSON")
		return
	}
	if err := json.Unmarshal(body, &message.Said); err != nil {
		refuse(http.StatusBadRequest, err.Error())
		return
	}
	s.take(message)
	w.WriteHeader(http.StatusNoContent)
}

func (s *Server) take(message Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known[message.ID] {
		s.doubled++
		return
	}
	s.known[message.ID] = true
	s.taken = append(s.taken, message)
}
