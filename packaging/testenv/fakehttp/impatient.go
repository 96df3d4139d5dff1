package fakehttp

import (
	"context"
	"net/http"
)

// Impatient is a client for which the time of a request is up once the server has swallowed it, and not before: which one is
// given up is no matter of how long the machine stands still. It is for requests that come one after the other.
func (s *Server) Impatient() *http.Client {
	return &http.Client{Transport: &impatient{server: s, wire: &http.Transport{}}}
}

type impatient struct {
	server *Server
	wire   *http.Transport
}

func (i *impatient) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, giveUp := context.WithCancelCause(r.Context())
	before := i.server.swallowed()
	go func() {
		if i.server.Await(ctx, func() bool { return i.server.swallowed() > before }) == nil {
			giveUp(context.DeadlineExceeded)
		}
	}()
	return i.wire.RoundTrip(r.WithContext(ctx))
}

// swallowed counts the requests that took effect and get no answer.
func (s *Server) swallowed() (n int) {
	for _, r := range s.Requests() {
		if r.Swallowed {
			n++
		}
	}
	return n
}
