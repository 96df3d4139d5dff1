package fakehttp

import (
	"net/http"
	"sync"
)

// script is what the server will do wrong. The zero value does nothing wrong.
type script struct {
	limits  []http.Header // 429 with these headers, for any request
	writes  []int         // statuses for the next writes
	reads   []int         // statuses for the next reads
	swallow int           // so many writes take effect but are never answered
	garbled []string      // the next writes take effect and are answered with these
	hang    chan struct{} // writes wait for its end before they take effect
}

// play is what becomes of one request; the zero value is the provider's own answer.
type play struct {
	status  int
	header  http.Header
	hang    <-chan struct{}
	swallow bool
	garbled string // "": the provider's own answer
}

// next takes the play for one request off the script.
func (s *script) next(write bool) play {
	take := func(statuses *[]int) play {
		if len(*statuses) == 0 {
			return play{}
		}
		status := (*statuses)[0]
		*statuses = (*statuses)[1:]
		return play{status: status}
	}
	if len(s.limits) > 0 {
		header := s.limits[0]
		s.limits = s.limits[1:]
		return play{status: http.StatusTooManyRequests, header: header}
	}
	if !write {
		return take(&s.reads)
	}
	if failing := take(&s.writes); failing.status != 0 {
		return failing
	}
	var p play
	if s.hang != nil {
		p.hang = s.hang
	}
	if s.swallow > 0 {
		s.swallow--
		p.swallow = true
	}
	if len(s.garbled) > 0 {
		p.garbled, s.garbled = s.garbled[0], s.garbled[1:]
	}
	return p
}

// Fail answers the next n writes (any method but GET) with status and the provider's error JSON; they change nothing.
func (s *Server) Fail(n, status int) {
	s.plan(func(script *script) {
		for range n {
			script.writes = append(script.writes, status)
		}
	})
}

// FailReads does the same to the next n GETs.
func (s *Server) FailReads(n, status int) {
	s.plan(func(script *script) {
		for range n {
			script.reads = append(script.reads, status)
		}
	})
}

// Limit answers the next n requests of any method with 429 and the given headers; nil is a bare 429.
func (s *Server) Limit(n int, header http.Header) {
	s.plan(func(script *script) {
		for range n {
			script.limits = append(script.limits, header)
		}
	})
}

// Swallow lets the next n writes take effect but never answers them: made at the provider, unknown to the client.
func (s *Server) Swallow(n int) {
	s.plan(func(script *script) { script.swallow += n })
}

// Garble lets the next write take effect, and answers it with the provider's status and another text, as something between
// might.
func (s *Server) Garble(text string) {
	s.plan(func(script *script) { script.garbled = append(script.garbled, text) })
}

// Hang holds every write back, before it takes effect, until release is called. One whose client goes away meanwhile
// never takes effect; await its [Request] to be Gone before releasing. release may be called more than once.
func (s *Server) Hang() (release func()) {
	until := make(chan struct{})
	s.plan(func(script *script) { script.hang = until })
	var once sync.Once
	return func() {
		once.Do(func() {
			s.plan(func(script *script) {
				if script.hang == until {
					script.hang = nil
				}
			})
			close(until)
		})
	}
}

func (s *Server) plan(change func(*script)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.script)
}
