package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"nezuban/router/internal/access"
	"nezuban/router/internal/incident"
)

// status is the first page: who is on call, what is open, what is watched.
func (s *site) status(w http.ResponseWriter, _ *http.Request, session access.Session) {
	now := s.Now()
	page := statusPage{Person: session.Person, CSRF: session.CSRF, Now: stamp(now)}
	for _, a := range s.Board.OnCall(now) {
		page.OnCall = append(page.OnCall, viewOnCall(a))
	}
	for _, inc := range sorted(s.Board.Incidents(0, "")) {
		page.Incidents = append(page.Incidents, viewIncident(s.listed(inc), now))
	}
	if s.Watch != nil {
		for _, watched := range s.Watch.Watched(now) {
			page.Watched = append(page.Watched, viewWatched(watched, now))
		}
	}
	s.render(w, http.StatusOK, "status.html", page)
}

// incident is one incident's page: where links in messages lead.
func (s *site) incident(w http.ResponseWriter, r *http.Request, session access.Session) {
	inc, timeline, err := s.Board.Incident(r.PathValue("id"))
	if err != nil {
		s.failed(w, r, err)
		return
	}
	page := incidentPage{Person: session.Person, CSRF: session.CSRF, Incident: viewIncident(s.listed(inc), s.Now())}
	since, err := strconv.Atoi(r.URL.Query().Get(sinceParam))
	for _, e := range timeline {
		line := entryView{At: stamp(e.At), Text: e.Text}
		page.Timeline = append(page.Timeline, line)
		if err == nil && e.Seq >= since && len(page.News) < mostNews {
			page.News = append(page.News, line)
		}
	}
	s.render(w, http.StatusOK, "incident.html", page)
}

// A page that is shown after a button was pressed has the timeline's first lines since then at its top: from whom an incident
// was taken over, or that its cause goes on.
const (
	sinceParam = "since" // number of the first of them
	mostNews   = 5
)

// form is the handler of a button: it lets the actor act in the name of who is signed in.
func (s *site) form(act func(ctx context.Context, id, by, note string) error) func(http.ResponseWriter, *http.Request, access.Session) {
	return func(w http.ResponseWriter, r *http.Request, session access.Session) {
		if !s.allowed(w, r, session) {
			return
		}
		id, after := r.PathValue("id"), ""
		if before := s.standing(r.PathValue("id")); before.ID != "" {
			after = fmt.Sprintf("?%s=%d", sinceParam, before.Entries)
		}
		if err := act(r.Context(), id, session.Person, clip(r.PostFormValue("note"))); err != nil {
			s.failed(w, r, err)
			return
		}
		http.Redirect(w, r, "/incidents/"+id+after, http.StatusSeeOther)
	}
}

func (s *site) failed(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, incident.ErrUnknown) {
		s.message(w, http.StatusNotFound, "No such incident is open. It may have been resolved meanwhile.")
		return
	}
	s.Log.ErrorContext(r.Context(), "page not served", "path", r.URL.Path, "error", err)
	s.message(w, http.StatusServiceUnavailable, "The router could not do this now. Nothing was changed that it cannot vouch for: try again in a moment.")
}

func (s *site) message(w http.ResponseWriter, status int, text string) {
	s.render(w, status, "message.html", text)
}

// render writes a whole page or, if the template fails, none of it.
func (s *site) render(w http.ResponseWriter, status int, page string, data any) {
	var out bytes.Buffer
	if err := s.pages.ExecuteTemplate(&out, page, data); err != nil {
		s.Log.Error("page not rendered", "page", page, "error", err)
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	out.WriteTo(w) //nolint:errcheck // the client is gone
}
