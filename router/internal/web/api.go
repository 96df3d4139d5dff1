package web

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"time"

	"nezuban/router/internal/access"
	"nezuban/router/internal/incident"
	"nezuban/router/internal/reach"
	"nezuban/router/internal/state/record"
)

func (s *site) routeAPI(mux *http.ServeMux) {
	handle := func(pattern string, kind access.Kind, h http.HandlerFunc) {
		mux.Handle(pattern, s.Gate.Require(kind, h))
	}
	handle("GET /api/v1/incidents", access.Read, s.apiIncidents)
	handle("GET /api/v1/incidents/{id}", access.Read, s.apiIncident)
	handle("POST /api/v1/incidents/{id}/ack", access.Act, s.apiAct(s.Actor.Acknowledge, takenOver))
	handle("POST /api/v1/incidents/{id}/resolve", access.Act, s.apiAct(s.Actor.Resolve, goingOn))
	handle("POST /api/v1/incidents/{id}/snooze", access.Act, s.apiSnooze)
	handle("POST /api/v1/incidents/{id}/reassign", access.Act, s.apiReassign)
	handle("POST /api/v1/incidents/{id}/note", access.Act, s.apiNote)
	handle("POST /api/v1/incidents", access.Act, s.apiPage)
	handle("POST /api/v1/hosts/{host}/forget", access.Act, s.apiForget)
	handle("GET /api/v1/oncall", access.Read, s.apiOnCall)
	handle("GET /api/v1/checks", access.Read, s.apiChecks)
	handle("POST /api/v1/signin", access.Act, s.apiSignIn)
	if s.Silences != nil {
		s.routeSilences(handle)
	}
	if s.Backup != nil {
		handle("GET /api/v1/state", access.Act, s.apiState)
	}
	if s.Rotations != nil {
		s.routeRotation(handle)
	}
}

// The closed incidents that ?all=1 lists, and the most that ?closed=N may ask for at once: a year of them would not fit into
// the router's memory.
const (
	someClosed = 100
	mostClosed = 1000
)

// incidentID is the form of the ids; one of an incident that is not kept any more still says which were opened before it.
var incidentID = regexp.MustCompile(`^[0-9A-HJKMNP-TV-Z]{16}$`)

// apiIncidents lists open incidents, with ?all=1 also the last 100 closed ones, with ?closed=N the last N, and with
// ?closed=N&before=ID the last N closed ones before that one, alone: {"incidents": [ … ]}.
func (s *site) apiIncidents(w http.ResponseWriter, r *http.Request) {
	closed := 0
	if r.URL.Query().Get("all") == "1" {
		closed = someClosed
	}
	if text := r.URL.Query().Get("closed"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 || n > mostClosed {
			reply(w, http.StatusBadRequest, apiError{"invalid", fmt.Sprintf("closed: found %.100q, expected a number from 0 to %d", text, mostClosed)})
			return
		}
		closed = n
	}
	before := r.URL.Query().Get("before")
	switch {
	case before != "" && !incidentID.MatchString(before):
		refuse(w, fmt.Errorf("before: found %.100q, expected the id of an incident, such as 01KCBEMJ80X3H5TQ", before))
		return
	case before != "" && r.URL.Query().Get("closed") == "":
		refuse(w, errors.New("before: found an id without closed, expected closed=N beside it: how many closed ones before it"))
		return
	}
	list := []reach.Listed{}
	for _, inc := range sorted(s.Board.Incidents(closed, before)) {
		list = append(list, s.listed(inc))
	}
	reply(w, http.StatusOK, map[string]any{"incidents": list})
}

// apiIncident is one incident with its timeline: {"incident": { … }, "timeline": [ … ]}.
func (s *site) apiIncident(w http.ResponseWriter, r *http.Request) {
	inc, timeline, err := s.Board.Incident(r.PathValue("id"))
	if err != nil {
		s.apiFailed(w, r, err)
		return
	}
	reply(w, http.StatusOK, map[string]any{"incident": s.listed(inc), "timeline": timeline})
}

// apiAct takes {"by": "alice", "note": ""}; without `by` the token's name acts. What it answers depends on how the incident
// stood before.
func (s *site) apiAct(act func(ctx context.Context, id, by, note string) error, came func(before incident.Incident, by string) Acted) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var body struct{ By, Note string }
		if !s.apiBody(w, r, &body) {
			return
		}
		by, ok := actor(w, r, body.By)
		if !ok {
			return
		}
		id := r.PathValue("id")
		done := came(s.standing(id), by)
		done.Warnings = s.strange(body.By)
		s.apiDone(w, r, done, act(r.Context(), id, by, clip(body.Note)))
	}
}

// apiForget takes no body.
func (s *site) apiForget(w http.ResponseWriter, r *http.Request) {
	s.apiDone(w, r, Acted{}, s.Actor.Forget(r.Context(), clip(r.PathValue("host"))))
}

type onCallReply struct {
	Schedule string    `json:"schedule"`
	People   []string  `json:"people"`
	Shadow   []string  `json:"shadow,omitempty"`
	Until    time.Time `json:"until,omitzero"`
}

// apiOnCall says who is on call: {"at": …, "schedules": [ … ]}.
func (s *site) apiOnCall(w http.ResponseWriter, _ *http.Request) {
	now := s.Now()
	answers := s.Board.OnCall(now)
	if answers == nil {
		w.Header().Set("Retry-After", "5")
		reply(w, http.StatusServiceUnavailable, apiError{"unavailable", "no rotation file is in force yet"})
		return
	}
	schedules := []onCallReply{}
	for _, a := range answers {
		schedules = append(schedules, onCallReply{Schedule: a.Schedule, People: append([]string{}, a.People...), Shadow: a.Shadow, Until: a.Until})
	}
	reply(w, http.StatusOK, map[string]any{"at": now, "schedules": schedules})
}

// apiChecks hands out the checks' file as it is. Its ETag is that of its contents, so that whoever asks again with
// If-None-Match gets 304 until they change.
func (s *site) apiChecks(w http.ResponseWriter, r *http.Request) {
	var file []byte
	if s.ChecksFile != nil {
		file = s.ChecksFile()
	}
	if len(file) == 0 {
		reply(w, http.StatusNotFound, apiError{"not found", "this router has no checks file"})
		return
	}
	sum := sha256.Sum256(file)
	etag := `"` + hex.EncodeToString(sum[:16]) + `"`
	w.Header().Set("ETag", etag)
	w.Header().Set("Cache-Control", "no-cache")
	if r.Header.Get("If-None-Match") == etag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	w.Header().Set("Content-Type", "application/toml")
	w.Write(file) //nolint:errcheck // the client is gone
}

// apiState hands out a backup of the state. It is for an act token, because all that people wrote is in it.
func (s *site) apiState(w http.ResponseWriter, r *http.Request) {
	data, err := s.Backup(r.Context())
	if err != nil {
		s.apiFailed(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/gzip")
	w.Write(data) //nolint:errcheck // the client is gone
}

// Invited is what the API answers with a sign-in link. Fields may be added.
type Invited struct {
	Path     string   `json:"path"`               // /signin?t=…
	Warnings []string `json:"warnings,omitempty"` // as of [Acted]
}

// apiSignIn makes a sign-in link for {"person": "alice"}, and answers with an [Invited].
func (s *site) apiSignIn(w http.ResponseWriter, r *http.Request) {
	var body struct{ Person string }
	if !s.apiBody(w, r, &body) {
		return
	}
	name, err := person("person", body.Person)
	if err == nil && name == "" {
		err = errors.New(`"person" is missing: who will sign in?`)
	}
	if err != nil {
		refuse(w, err)
		return
	}
	path, err := s.Gate.Invite(r.Context(), name)
	if err != nil {
		s.apiFailed(w, r, err)
		return
	}
	reply(w, http.StatusOK, Invited{Path: path, Warnings: s.strange(name)})
}

// refuse answers what cannot be done as it was asked for.
func refuse(w http.ResponseWriter, err error) {
	reply(w, http.StatusBadRequest, apiError{"invalid", clip(err.Error())})
}

type apiError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

func (s *site) apiFailed(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, incident.ErrUnknown) {
		reply(w, http.StatusNotFound, apiError{"not found", incident.ErrUnknown.Error()})
		return
	}
	if errors.Is(err, incident.ErrInvalid) {
		refuse(w, err)
		return
	}
	s.Log.ErrorContext(r.Context(), "request not served", "path", r.URL.Path, "error", err)
	w.Header().Set("Retry-After", "5")
	why := "its log says why"
	if errors.Is(err, record.ErrFull) {
		why = err.Error()
	}
	reply(w, http.StatusServiceUnavailable, apiError{"unavailable", clip("the router cannot do this now, try again later: " + why)})
}

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body) //nolint:errcheck // our own types always encode; if the write fails, the client is gone
}
