package dockerproxy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"nezuban/agent/internal/docker"
)

// errSlow says that the engine took a connection and then said nothing.
var errSlow = fmt.Errorf("docker events: no answer: %w", context.DeadlineExceeded)

// stream hands on events as they come, until the engine, the client or ending
// ends.
func (p *Proxy) stream(ending context.Context, w http.ResponseWriter, r *http.Request, q question) {
	select {
	case p.streams <- struct{}{}:
		defer func() { <-p.streams }()
	default:
		p.fail(w, http.StatusServiceUnavailable, fmt.Sprintf("%d streams of events are open, and no more at once", maxStreams))
		return
	}
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	defer context.AfterFunc(ending, func() { cancel(nil) })()
	slow := time.AfterFunc(p.askTimeout, func() { cancel(errSlow) })
	from, err := p.engine.Ask(ctx, q.events)
	if err == nil {
		defer from.Close()
	}
	if !slow.Stop() {
		err = errSlow
	}
	if err != nil {
		p.failed(w, err)
		return
	}
	p.trouble.OK()
	w.Header().Set("Content-Type", "application/json")
	to := http.NewResponseController(w)
	if p.send(w, to, nil) == nil { // what is asked first is whether there is a stream
		p.copy(w, to, from)
	}
}

// copy hands on what may pass of each event.
func (p *Proxy) copy(w http.ResponseWriter, to *http.ResponseController, from *docker.Stream) {
	for {
		m, bad, err := from.NextMessage()
		if bad != nil {
			if n, say := p.unread.note(p.now()); say {
				p.log.Warn("an event of docker is left out", "error", bad, "times", n)
			}
		}
		if err != nil {
			return
		}
		passed, ok := m.Passed(p.labels)
		if !ok {
			continue
		}
		line, err := json.Marshal(passed)
		if err != nil || p.send(w, to, append(line, '\n')) != nil {
			return
		}
	}
}

// send writes and flushes within writeTimeout.
func (p *Proxy) send(w http.ResponseWriter, to *http.ResponseController, line []byte) error {
	deadline := to.SetWriteDeadline(p.now().Add(p.writeTimeout))
	_, err := w.Write(line)
	return errors.Join(deadline, err, to.Flush())
}
