// Package dockerproxy stands between the agent and the Docker engine: whoever
// may speak to the engine's socket is root on the machine, and whoever may speak
// to this proxy can ask the few questions that the agent asks.
//
// The agent's sub-command docker-proxy calls it. It hands no request on: it
// understands one, or refuses it, and then asks the engine itself, through
// package docker, whose types hold all that may pass. So neither a command line
// nor the environment of a container is ever in an answer, and no label that is
// not named. It never changes anything in the engine and never opens a file.
package dockerproxy

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"nezuban/agent/daemon"
	"nezuban/agent/internal/docker"
)

// How much the proxy does at once, and for how long.
const (
	maxStreams = 4  // of events
	maxAsks    = 16 // of all else; the agent has eight inspects under way, twice at most
	maxLists   = 1  // of those; a list is the one answer that can be large

	askTimeout   = 30 * time.Second // of the engine, until its whole answer is there
	writeTimeout = 10 * time.Second // of the client, until it took an answer or an event
)

// Options say whom to ask, and what may pass.
type Options struct {
	Engine string   // path of the engine's socket
	Labels []string // keys of containers' labels that may pass; none: no label
	Log    *slog.Logger
}

// Proxy answers questions about one engine. It is safe for concurrent use.
type Proxy struct {
	engine  *docker.Client
	labels  []string
	log     *slog.Logger
	trouble *daemon.Condition // the engine does not answer
	now     func() time.Time

	askTimeout, writeTimeout time.Duration

	streams, asks, lists chan struct{}

	refused, unusable, unread, odd sparing
}

// New makes a proxy. It does not connect.
func New(o Options) *Proxy {
	return &Proxy{
		engine: docker.New(o.Engine), labels: o.Labels, log: o.Log,
		trouble: daemon.NewCondition(o.Log, "docker"), now: time.Now,
		askTimeout: askTimeout, writeTimeout: writeTimeout,
		streams: make(chan struct{}, maxStreams), asks: make(chan struct{}, maxAsks), lists: make(chan struct{}, maxLists),
	}
}

// Close gives up the idle connections to the engine.
func (p *Proxy) Close() { p.engine.Close() }

// handler answers or refuses one request. What is refused gets 403, what the
// engine no longer has 404; 503 is for an engine that does not answer, 502 for
// an answer of its that cannot be handed on. The body of each is an error in the
// engine's form, {"message": …}, and none repeats what the engine said. Streams
// end with ctx.
func (p *Proxy) handler(ctx context.Context) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		q, err := understand(r)
		switch {
		case err != nil:
			p.refuse(w, r, err)
		case q.subject == events:
			p.stream(ctx, w, r, q)
		default:
			p.answer(w, r, q)
		}
	}
}

// refuse says no, and closes the connection: what may follow on it is not read.
func (p *Proxy) refuse(w http.ResponseWriter, r *http.Request, why error) {
	if n, say := p.refused.note(p.now()); say {
		p.log.Warn("refused", "method", shorten(r.Method), "target", shorten(r.RequestURI), "error", why, "times", n)
	}
	w.Header().Set("Connection", "close")
	_ = http.NewResponseController(w).SetReadDeadline(p.now()) // of a body that is on its way
	p.fail(w, http.StatusForbidden, "refused: "+why.Error()+"; "+allowed)
}

// answer asks the engine and hands on what may pass.
func (p *Proxy) answer(w http.ResponseWriter, r *http.Request, q question) {
	ctx, cancel := context.WithTimeout(r.Context(), p.askTimeout)
	defer cancel()
	slots := []chan struct{}{p.asks}
	if q.subject == list {
		slots = append(slots, p.lists)
	}
	for _, s := range slots {
		select {
		case s <- struct{}{}:
			defer func() { <-s }()
		case <-ctx.Done():
			p.fail(w, http.StatusServiceUnavailable, "others' questions took too long")
			return
		}
	}
	if q.subject == ping {
		p.pong(ctx, w)
		return
	}
	passed, err := p.ask(ctx, q)
	if err != nil {
		p.failed(w, err)
		return
	}
	body, err := json.Marshal(passed)
	if err != nil {
		p.failed(w, err)
		return
	}
	p.trouble.OK()
	p.write(w, http.StatusOK, "application/json", append(body, '\n'))
}

// pong answers a ping, with the version of the interface that the engine speaks.
func (p *Proxy) pong(ctx context.Context, w http.ResponseWriter) {
	apiVersion, err := p.engine.Ping(ctx)
	if err != nil {
		p.failed(w, err)
		return
	}
	p.trouble.OK()
	w.Header().Set("Api-Version", apiVersion)
	p.write(w, http.StatusOK, "text/plain; charset=utf-8", []byte("OK"))
}

// ask asks the engine in the agent's words, and leaves of its answer what may pass.
func (p *Proxy) ask(ctx context.Context, q question) (passed any, err error) {
	switch q.subject {
	case version:
		return p.engine.Version(ctx)
	case info:
		return p.engine.Info(ctx)
	case list:
		all, err := p.engine.List(ctx)
		for i := range all {
			all[i] = all[i].Passed(p.labels)
		}
		return all, err
	default:
		answer, err := p.engine.Inspection(ctx, q.id)
		return answer.Passed(p.labels), err
	}
}

// failed tells the client that the engine gave no answer that can be handed on.
func (p *Proxy) failed(w http.ResponseWriter, err error) {
	_, cut := errors.AsType[*net.OpError](err)
	switch {
	case errors.Is(err, context.Canceled): // the client is gone, and hears nothing of it
		p.fail(w, http.StatusServiceUnavailable, "Docker's answer was not waited for")
	case errors.Is(err, docker.ErrNotFound):
		p.trouble.OK()
		p.fail(w, http.StatusNotFound, "Docker has no such container")
	case cut || errors.Is(err, context.DeadlineExceeded):
		p.trouble.Failed(err)
		p.fail(w, http.StatusServiceUnavailable, "Docker does not answer")
	default:
		if n, say := p.unusable.note(p.now()); say {
			p.log.Warn("an answer of docker cannot be handed on", "error", err, "times", n)
		}
		p.fail(w, http.StatusBadGateway, "Docker's answer cannot be handed on; the log of docker-proxy says why")
	}
}

// fail writes an error in the engine's form.
func (p *Proxy) fail(w http.ResponseWriter, status int, message string) {
	body, err := json.Marshal(struct {
		Message string `json:"message"`
	}{"docker-proxy: " + message})
	if err == nil { // a text can always be written
		p.write(w, status, "application/json", append(body, '\n'))
	}
}

// write sends an answer within writeTimeout. A client that is gone or too slow
// loses it, and its connection.
func (p *Proxy) write(w http.ResponseWriter, status int, contentType string, body []byte) {
	_ = http.NewResponseController(w).SetWriteDeadline(p.now().Add(p.writeTimeout)) // a connection that is closed needs none
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
