package web

import (
	"context"
	"fmt"
	"net/http"

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

// Silenced is what the API answers to a silence that was added. Fields may be added.
type Silenced struct {
	Silence incident.Silence `json:"silence"`
	Matched
	Warnings []string `json:"warnings,omitempty"` // as of [Acted]
}

// Matched is what of the open incidents a silence matches now, whether it has begun or not.
type Matched struct {
	Matches   int     `json:"matches"`   // incidents of which all alerts that fire match
	Partly    int     `json:"partly"`    // further ones, of which some do: these go on paging
	Incidents []Named `json:"incidents"` // the first few of those that match, the most urgent first
}

// Named is an incident by its id and what is the matter.
type Named struct {
	ID      string `json:"id"`
	Summary string `json:"summary"`
}

const mostNamed = 5

// matched looks at the open incidents.
func (s *site) matched(by incident.Matchers) Matched {
	m := Matched{Incidents: []Named{}}
	open := s.Board.Incidents(0, "")
	parts := map[string][]incident.Incident{}
	for _, inc := range open {
		if inc.PartOf != "" && inc.State != incident.Resolved {
			parts[inc.PartOf] = append(parts[inc.PartOf], inc)
		}
	}
	for _, inc := range sorted(open) {
		all, some := by.Cover(inc, parts[inc.ID]...)
		switch {
		case all:
			if m.Matches++; m.Matches <= mostNamed {
				m.Incidents = append(m.Incidents, Named{inc.ID, inc.Lead().Summary})
			}
		case some:
			m.Partly++
		}
	}
	return m
}

// apiSilence takes {"matchers": ["host=web1"], "until": "2026-11-30T08:00:00Z", "reason": "kernel update", "by": "alice"}, "for":
// "2h" in place of "until", and perhaps "from"; it answers with a [Silenced].
func (s *site) apiSilence(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Matchers                     []string
		From, Until, For, Reason, By string
	}
	if !s.apiBody(w, r, &body) {
		return
	}
	by, ok := actor(w, r, body.By)
	if !ok {
		return
	}
	from, err := instant("from", body.From)
	silence := incident.Silence{From: from, Reason: clip(body.Reason), By: by}
	if err == nil {
		silence.Matchers, err = parseMatchers(body.Matchers)
	}
	if err == nil {
		begin := s.Now()
		if from.After(begin) {
			begin = from
		}
		silence.Until, err = end(body.For, body.Until, begin, incident.LongestSilence)
	}
	if err != nil {
		refuse(w, err)
		return
	}
	if silence, err = s.Silences.Silence(r.Context(), silence); err != nil {
		s.apiFailed(w, r, err)
		return
	}
	reply(w, http.StatusOK, Silenced{silence, s.matched(silence.Matchers), s.strange(body.By)})
}

func parseMatchers(texts []string) (list incident.Matchers, err error) {
	for _, text := range texts {
		m, err := incident.ParseMatcher(text)
		if err != nil {
			return nil, fmt.Errorf("matchers: found %.100q, expected %w", text, err)
		}
		list = append(list, m)
	}
	return list, nil
}

// apiEndSilence takes {"by": "alice"}.
func (s *site) apiEndSilence(w http.ResponseWriter, r *http.Request) {
	var body struct{ By string }
	if !s.apiBody(w, r, &body) {
		return
	}
	if by, ok := actor(w, r, body.By); ok {
		s.apiDone(w, r, Acted{Warnings: s.strange(body.By)}, s.Silences.EndSilence(r.Context(), r.PathValue("id"), by))
	}
}
