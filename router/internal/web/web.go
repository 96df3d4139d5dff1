// Package web is the router's face to people and to its own commands: the status page with its sign-in, and the JSON
// API under /api/v1.
//
// The router's app mounts its handler. GET and HEAD change nothing; what changes something is a POST that bears an act
// token, or a signed-in browser's cookie together with that session's form token. Text that senders chose is shown
// as text. Nothing here decides about incidents: an [Actor] does.
package web

import (
	"context"
	"embed"
	"html/template"
	"log/slog"
	"net/http"
	"time"

	"nezuban/oncall/schedule"
	"nezuban/router/internal/access"
	"nezuban/router/internal/incident"
	"nezuban/router/internal/reach"
)

// Board is what there is to see. Its methods are called concurrently.
type Board interface {
	// Incidents are the open ones, and so many of the closed ones, those that were opened last, in any order; with before,
	// the id of one, only closed ones that were opened before it.
	Incidents(closed int, before string) []incident.Incident
	// Incident is one incident, open or closed, and its timeline; the error wraps [incident.ErrUnknown] when there
	// is none.
	Incident(id string) (incident.Incident, []incident.Entry, error)
	// OnCall says for every schedule, in the file's order, who is on call; nil while there is no rotation file.
	OnCall(now time.Time) []schedule.Answer
}

// Actor does what people ask for; nil means that it is durable. Errors for an incident that is not open wrap
// [incident.ErrUnknown].
type Actor interface {
	Acknowledge(ctx context.Context, id, by, note string) error
	Resolve(ctx context.Context, id, by, note string) error
	// Snooze and Reassign wrap [incident.ErrInvalid] when the time, or the person, will not do.
	Snooze(ctx context.Context, id, by, note string, until time.Time) error
	Reassign(ctx context.Context, id, by, to, note string) error
	Note(ctx context.Context, id, by, text string) error
	// Page opens an incident and returns its id; the same key again opens no second one. The error wraps
	// [incident.ErrInvalid] for what cannot be one.
	Page(ctx context.Context, key, by, summary string, severity incident.Severity, labels map[string]string) (id string, err error)
	// Forget says that a host has gone for good; the error for one that nobody knows wraps [incident.ErrUnknown].
	Forget(ctx context.Context, host string) error
}

// Watch is what the router keeps an eye on.
type Watch interface {
	Watched(now time.Time) []Watched
}

// Watched is one host or check.
type Watched struct {
	Kind   string // host, check
	Name   string
	State  string    // up, down, absent, unknown …
	Seen   time.Time // last sample; zero when none was seen yet
	Detail string    // one line, may be empty
}

// Options are what the pages and the API need.
type Options struct {
	Board     Board
	Actor     Actor
	Gate      *access.Gate
	Rotations Rotations // nil: the API leaves that part out
	Silences  Silences  // nil: the API leaves that part out
	Watch     Watch     // nil: the page leaves that part out
	// Reach says whom an incident has reached; nothing of one that is closed. Nil: page and API leave it out.
	Reach func(id string) reach.Reach
	// Open is an incident that is not filed away, as it stands. It is called concurrently; nil: answers do not say how
	// an incident stood before.
	Open       func(id string) (incident.Incident, bool)
	ChecksFile func() []byte // what /api/v1/checks hands out; empty means that there is no such file
	// Backup is the whole state in the form of a backup; nil: the API leaves it out.
	Backup func(ctx context.Context) ([]byte, error)
	// File is the rotation file in force, nil while there is none. It is called concurrently; nil: no name is said not to be in it.
	File func() *schedule.File
	Now  func() time.Time
	Log  *slog.Logger
}

// New is the handler of all pages and of the API, with its own guard against foreign hosts and origins.
func New(o Options) http.Handler {
	s := &site{Options: o, pages: template.Must(template.ParseFS(assets, "assets/*.html"))}
	mux := http.NewServeMux()
	s.routePages(mux)
	s.routeAPI(mux)
	return o.Gate.Guard(secure(mux))
}

// listed adds to an incident whom it has reached.
func (s *site) listed(inc incident.Incident) reach.Listed {
	var reached reach.Reach
	if s.Reach != nil {
		reached = s.Reach(inc.ID)
	}
	return reach.ListedAs(inc, reached)
}

//go:embed assets
var assets embed.FS

type site struct {
	Options
	pages *template.Template
}

func (s *site) routePages(mux *http.ServeMux) {
	mux.HandleFunc("GET /{$}", s.signedIn(s.status))
	mux.HandleFunc("GET /incidents/{id}", s.signedIn(s.incident))
	mux.HandleFunc("POST /incidents/{id}/ack", s.signedIn(s.form(s.Actor.Acknowledge)))
	mux.HandleFunc("POST /incidents/{id}/resolve", s.signedIn(s.form(s.Actor.Resolve)))
	mux.HandleFunc("GET "+access.SignInPath, s.signInPage)
	mux.HandleFunc("POST "+access.SignInPath, s.signIn)
	mux.HandleFunc("POST /signout", s.signedIn(s.signOut))
	mux.HandleFunc("GET /style.css", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(w, r, assets, "assets/style.css")
	})
}

// secure sets the headers under which a browser runs no script, loads nothing from elsewhere, shows the page in nobody's
// frame and keeps no copy. The referrer goes to this site only: "no-referrer" would make browsers hide a form's origin
// from the guard too.
func secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}
