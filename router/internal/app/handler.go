package app

import (
	"context"
	"errors"
	"net/http"
	"time"

	"nezuban/agent/daemon"
	"nezuban/router/internal/access"
	"nezuban/router/internal/duty"
	"nezuban/router/internal/ingest"
	"nezuban/router/internal/web"
)

// handler is everything this process answers: how it is itself, and all else by itself while it leads, or by the leader.
func (n *node) handler() http.Handler {
	own := n.d.Handler()
	mux := http.NewServeMux()
	mux.Handle("GET /health", ingest.Health(daemon.Version(), n.ready))
	mux.Handle("GET /ping", ingest.Ping(daemon.Version()))
	mux.Handle("GET /healthz", n.saysWhetherItLeads(own))
	mux.Handle("GET /readyz", own)
	mux.Handle("GET /metrics", n.gate.Guard(n.gate.RequireElsewhere(access.Read, own)))
	write := n.byLeader(n.gate.Guard(n.gate.Require(access.Ingest, bearing(n.ingest, n.forward))))
	for _, path := range []string{"POST /api/v2/write", "POST /write", "POST /query", "POST /api/v2/alerts"} {
		mux.Handle(path, write)
	}
	for _, path := range sentryPaths {
		mux.Handle(path, n.byLeader(n.forward))
	}
	mux.Handle("/", n.byLeader(n.gate.Guard(n.forward)))
	return mux
}

// byLeader answers by this router while it leads, else as a follower does.
func (n *node) byLeader(follower http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if r := n.current.Load(); r != nil {
			r.served.ServeHTTP(w, req)
			return
		}
		follower.ServeHTTP(w, req)
	})
}

// ready says whether what is sent now would be taken, here or by the leader.
func (n *node) ready() error {
	if r := n.current.Load(); r != nil {
		return r.ready()
	}
	if err := n.noLeader(); err != nil {
		return err
	}
	if !n.applied.Load() {
		return duty.ErrNoRotation
	}
	return nil
}

// sentryPaths are where Sentry's SDKs send to, from web pages of other origins too: each request bears its project's key.
var sentryPaths = []string{"/api/{project}/envelope/", "/api/{project}/envelope", "/api/{project}/store/", "/api/{project}/store"}

// handler is what only the leader answers: what others send, and what people see.
func (r *router) handler() http.Handler {
	options := ingest.Options{
		Sink: sink{r.engine, r.node.emergency}, Limits: ingest.Limits{Plain: r.cfg.MaxBytes}, Now: time.Now, Metrics: r.d.Metrics, Log: r.d.Log,
	}
	write := r.gate.Guard(r.gate.Require(access.Ingest, ingest.LineProtocol(options)))

	mux := http.NewServeMux()
	mux.Handle("POST /api/v2/write", write)
	mux.Handle("POST /write", write)
	mux.Handle("POST /api/v2/alerts", r.gate.Guard(r.gate.Require(access.Ingest, ingest.Alertmanager(options))))
	// Clients of InfluxDB 1.x ask for their database before they write.
	mux.Handle("POST /query", r.gate.Guard(r.gate.Require(access.Ingest, ingest.CreateDatabase())))
	reports := ingest.Sentry(options, r.cfg.Projects)
	for _, path := range sentryPaths {
		mux.Handle(path, reports)
	}
	if r.outside != nil {
		mux.Handle(outsidePath+"/", http.StripPrefix(outsidePath, r.outside))
	}
	mux.Handle("/", web.New(web.Options{
		Board: board{r}, Reach: board{r}.Reach, Actor: r.engine, Rotations: r.rotations, Silences: r.engine, Gate: r.gate, Now: time.Now, Log: r.d.Log,
		Open: r.engine.Incident, File: r.engine.File,
		ChecksFile: func() []byte { return r.cfg.ChecksText },
		Backup: func(ctx context.Context) ([]byte, error) {
			return r.node.conn.Backup(ctx, time.Now(), daemon.Version())
		},
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
