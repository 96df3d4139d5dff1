package web

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"nezuban/router/internal/incident"
)

// apiSnooze takes {"until": "2026-11-30T08:00:00Z", "by": "alice", "note": ""}, or "for": "2h" in place of "until".
func (s *site) apiSnooze(w http.ResponseWriter, r *http.Request) {
	var body struct {
		By, Note, For, Until string
	}
	if !s.apiBody(w, r, &body) {
		return
	}
	until, err := end(body.For, body.Until, s.Now(), incident.LongestSnooze)
	if err != nil {
		refuse(w, err)
		return
	}
	by, ok := actor(w, r, body.By)
	if !ok {
		return
	}
	id := r.PathValue("id")
	done := takenOver(s.standing(id), by)
	done.Warnings = s.strange(body.By)
	s.apiDone(w, r, done, s.Actor.Snooze(r.Context(), id, by, clip(body.Note), until))
}

// apiReassign takes {"to": "bob", "by": "alice", "note": ""}.
func (s *site) apiReassign(w http.ResponseWriter, r *http.Request) {
	var body struct{ By, To, Note string }
	if !s.apiBody(w, r, &body) {
		return
	}
	if by, ok := actor(w, r, body.By); ok {
		done := Acted{Warnings: s.strange(body.By)}
		s.apiDone(w, r, done, s.Actor.Reassign(r.Context(), r.PathValue("id"), by, clip(body.To), clip(body.Note)))
	}
}

// apiNote takes {"note": "the switch was replaced", "by": "alice"}.
func (s *site) apiNote(w http.ResponseWriter, r *http.Request) {
	var body struct{ By, Note string }
	if !s.apiBody(w, r, &body) {
		return
	}
	if body.Note = clip(body.Note); body.Note == "" {
		refuse(w, errors.New("note: expected a text"))
		return
	}
	if by, ok := actor(w, r, body.By); ok {
		s.apiDone(w, r, Acted{Warnings: s.strange(body.By)}, s.Actor.Note(r.Context(), r.PathValue("id"), by, body.Note))
	}
}

// longestKey bounds the key of a page by hand, in bytes, as its incident does.
const longestKey = 64

// Opened is what the API answers to a page by hand. Fields may be added.
type Opened struct {
	ID       string   `json:"id"`                 // of the incident that has the page
	Joined   bool     `json:"joined,omitempty"`   // it was open already under the same key: nothing was opened
	Warnings []string `json:"warnings,omitempty"` // as of [Acted]
}

// apiPage opens an incident for {"key": "…", "summary": "the shop is slow", "severity": "page", "labels": {"team": "web"},
// "by": "alice"} and answers with an [Opened]. Without a severity it is a page. The key is the sender's own: the same one again
// opens no second incident; a request that is repeated changes nothing at all.
func (s *site) apiPage(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Key, By, Summary, Severity string
		Labels                     map[string]string
	}
	if !s.apiBody(w, r, &body) {
		return
	}
	by, ok := actor(w, r, body.By)
	if !ok {
		return
	}
	if body.Key == "" || len(body.Key) > longestKey {
		refuse(w, fmt.Errorf("key: found %d bytes, expected 1 to %d bytes of your own that tell this page from others", len(body.Key), longestKey))
		return
	}
	severity := incident.Severity(cmp.Or(body.Severity, string(incident.SeverityPage)))
	asked := s.Now()
	id, err := s.Actor.Page(r.Context(), body.Key, by, clip(body.Summary), severity, body.Labels)
	if err != nil {
		s.apiFailed(w, r, err)
		return
	}
	reply(w, http.StatusOK, Opened{ID: id, Joined: s.heldBefore(id, body.Key, asked), Warnings: s.strange(body.By)})
}

// heldBefore says that an incident held the page of a key before a time.
func (s *site) heldBefore(id, key string, at time.Time) bool {
	inc := s.standing(id)
	held, ok := inc.Alerts[incident.DedupKey(incident.RuleManual, key)]
	return ok && held.First.Before(at) && !slices.ContainsFunc(inc.Reopenings, func(t time.Time) bool { return !t.Before(at) })
}
