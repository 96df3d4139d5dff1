package web

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"nezuban/router/internal/access"
	"nezuban/router/internal/incident"
)

// Silences is where they are kept; nil means that a change is durable.
type Silences interface {
	// Silences are those that are in force, to come, or over for up to a week, by their begin.
	Silences() []incident.Silence
	// Silence adds one and returns it with its id; the error for what cannot be one wraps [incident.ErrInvalid].
	Silence(ctx context.Context, s incident.Silence) (incident.Silence, error)
	// EndSilence ends one now; the error for one that is over or was never there wraps [incident.ErrUnknown].
	EndSilence(ctx context.Context, id, by string) error
}

func (s *site) routeSilences(handle func(pattern string, kind access.Kind, h http.HandlerFunc)) {
	handle("GET /api/v1/silences", access.Read, s.apiSilences)
	handle("POST /api/v1/silences", access.Act, s.apiSilence)
	handle("POST /api/v1/silences/{id}/end", access.Act, s.apiEndSilence)
}

// apiSilences lists them: {"silences": [ … ]}.
func (s *site) apiSilences(w http.ResponseWriter, _ *http.Request) {
	list := s.Silences.Silences()
	if list == nil {
		list = []incident.Silence{}
	}
	reply(w, http.StatusOK, map[string]any{"silences": list})
}

// apiSilence takes {"matchers": ["host=web1"], "until": "2026-11-30T08:00:00Z", "reason": "kernel update", "by": "alice"}, "for":
// "2h" in place of "until", and perhaps "from"; it answers {"silence": { … }}.
func (s *site) apiSilence(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Matchers        []string
		From, Until     time.Time
		For, Reason, By string
	}
	if !s.apiBody(w, r, &body) {
		return
	}
	silence := incident.Silence{From: body.From, Until: body.Until, Reason: clip(body.Reason), By: actor(r, body.By)}
	for _, text := range body.Matchers {
		m, err := incident.ParseMatcher(text)
		if err != nil {
			reply(w, http.StatusBadRequest, apiError{"invalid", clip(fmt.Sprintf(`"matchers": found %q, expected %v`, text, err))})
			return
		}
		silence.Matchers = append(silence.Matchers, m)
	}
	if body.For != "" {
		d, err := time.ParseDuration(body.For)
		if err != nil || d <= 0 || !body.Until.IsZero() {
			reply(w, http.StatusBadRequest, apiError{"invalid", `"for" must be a duration like "2h", without "until"`})
			return
		}
		begin := s.Now()
		if body.From.After(begin) {
			begin = body.From
		}
		silence.Until = begin.Add(d)
	}
	silence, err := s.Silences.Silence(r.Context(), silence)
	if err != nil {
		s.apiFailed(w, r, err)
		return
	}
	reply(w, http.StatusOK, map[string]any{"silence": silence})
}

// apiEndSilence takes {"by": "alice"}.
func (s *site) apiEndSilence(w http.ResponseWriter, r *http.Request) {
	var body struct{ By string }
	if s.apiBody(w, r, &body) {
		s.apiDone(w, r, s.Silences.EndSilence(r.Context(), r.PathValue("id"), actor(r, body.By)))
	}
}
