package app

import (
	"errors"
	"net/http"
	"time"

	"nezuban/agent/daemon"
	"nezuban/router/internal/access"
	"nezuban/router/internal/duty"
	"nezuban/router/internal/ingest"
	"nezuban/router/internal/web"
)

// handler is everything the router answers: what others send, what people see, how it is itself.
func (r *router) handler() http.Handler {
	options := ingest.Options{
		Sink: r.engine, Limits: ingest.Limits{Plain: r.cfg.MaxBytes}, Now: time.Now, Metrics: r.d.Metrics, Log: r.d.Log,
	}
	write := r.gate.Guard(r.gate.Require(access.Ingest, ingest.LineProtocol(options)))
	own := r.d.Handler()

	mux := http.NewServeMux()
	mux.Handle("POST /api/v2/write", write)
	mux.Handle("POST /write", write)
	mux.Handle("POST /api/v2/alerts", r.gate.Guard(r.gate.Require(access.Ingest, ingest.Alertmanager(options))))
	// Clients of InfluxDB 1.x ask for their database before they write.
	mux.Handle("POST /query", r.gate.Guard(r.gate.Require(access.Ingest, ingest.CreateDatabase())))
	mux.Handle("GET /health", ingest.Health(daemon.Version(), r.ready))
	mux.Handle("GET /ping", ingest.Ping(daemon.Version()))
	// Sentry's SDKs run in web pages of other origins too; each request bears its project's key.
	reports := ingest.Sentry(options, r.cfg.Projects)
	mux.Handle("/api/{project}/envelope/", reports)
	mux.Handle("/api/{project}/envelope", reports)
	mux.Handle("/api/{project}/store/", reports)
	mux.Handle("/api/{project}/store", reports)
	mux.Handle("GET /healthz", own)
	mux.Handle("GET /readyz", own)
	mux.Handle("GET /metrics", r.gate.Guard(r.gate.RequireElsewhere(access.Read, own)))
	mux.Handle("/", web.New(web.Options{
		Board: board{r}, Actor: r.engine, Rotations: r.rotations, Silences: r.engine, Gate: r.gate, Now: time.Now, Log: r.d.Log,
		ChecksFile: func() []byte { return r.cfg.ChecksText },
	}))
	return mux
}

// ready says whether what is sent now would be taken.
func (r *router) ready() error {
	if r.engine.File() == nil {
		return duty.ErrNoRotation
	}
	if r.trouble.Failing() {
		return errors.New("the state cannot be written: see /readyz")
	}
	return nil
}
