package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"

	"nezuban/oncall/schedule"
	"nezuban/router/internal/access"
)

// Rotations are the versions of the rotation file. Its methods are called concurrently.
type Rotations interface {
	// Apply puts a file in force, durably before it returns nil. Other errors than [ErrLocalFile] and [RefusedError] mean
	// that this could not be done now, and that the version before stays in force.
	Apply(ctx context.Context, name, by string, text []byte) (Applied, error)
	// Versions are all that were accepted, oldest first: the last is in force.
	Versions() []Version
	// TextAt is the version in force at a time, and its text; the error wraps [ErrNoVersion] when none is known.
	TextAt(ctx context.Context, at time.Time) (Version, []byte, error)
	// FileAt is the same version, read.
	FileAt(ctx context.Context, at time.Time) (Version, *schedule.File, error)
}

// Version is one accepted version of the rotation file, without its text.
type Version struct {
	Hash  string    `json:"hash"`         // SHA-256 of the text, in lower-case hexadecimal
	Since time.Time `json:"since"`        // when it came in force
	Name  string    `json:"name"`         // the file's name in messages
	By    string    `json:"by,omitempty"` // who applied it; "" when the router found it on its own disk
}

// Applied is what became of a file that was handed in and is in force now.
type Applied struct {
	Version
	Already  bool     `json:"already"`            // it was in force before
	Warnings []string `json:"warnings,omitempty"` // who could not be reached by this router
}

// ErrLocalFile is returned by a router whose rotation file is on its own disk.
var ErrLocalFile = errors.New(`this router takes the rotation file from its own disk: change it there, or set oncall_source = "apply" in router.toml and restart the router`)

// ErrNoVersion is returned for a time before the first version that is known.
var ErrNoVersion = errors.New("no version of the rotation file was in force")

// RefusedError is a rotation file that is not put in force.
type RefusedError struct {
	TooLarge bool
	Problems []string // each as file:line: …
}

func (e *RefusedError) Error() string { return strings.Join(e.Problems, "\n") }

func (s *site) routeRotation(handle func(pattern string, kind access.Kind, h http.HandlerFunc)) {
	handle("PUT /api/v1/rotation", access.Act, s.apiApply)
	handle("GET /api/v1/rotation", access.Read, s.apiRotation)
	handle("GET /api/v1/rotations", access.Read, s.apiRotations)
	handle("GET /api/v1/who", access.Read, s.apiWho)
}

// apiApply takes the file as the body; ?name= is what messages call it, ?by= who applies it, else the token's name does.
// The answer is {"hash", "since", "name", "by", "already", "warnings"}.
func (s *site) apiApply(w http.ResponseWriter, r *http.Request) {
	name := label(r.URL.Query().Get("name"))
	if name == "" {
		name = "oncall.toml"
	}
	by, ok := actor(w, r, r.URL.Query().Get("by"))
	if !ok {
		return
	}
	// One byte more than a file may have is enough to refuse it as any other that is refused.
	text, err := io.ReadAll(io.LimitReader(r.Body, schedule.MaxBytes+1))
	if err != nil {
		reply(w, http.StatusBadRequest, apiError{"invalid", "the body ended before it was whole"})
		return
	}
	applied, err := s.Rotations.Apply(r.Context(), name, by, text)
	refused, isRefused := errors.AsType[*RefusedError](err)
	switch {
	case errors.Is(err, ErrLocalFile):
		reply(w, http.StatusConflict, apiError{"conflict", ErrLocalFile.Error()})
	case isRefused:
		s.apiRefused(w, refused)
	case err != nil:
		s.apiFailed(w, r, err)
	default:
		reply(w, http.StatusOK, applied)
	}
}

// maxProblems bounds how many mistakes of a file an answer names.
const maxProblems = 1000

type refusedReply struct {
	apiError
	Problems []string `json:"problems"`
}

func (s *site) apiRefused(w http.ResponseWriter, e *RefusedError) {
	if e.TooLarge {
		w.Header().Set("Connection", "close") // the rest of the body is not read
		found := fmt.Sprintf("found more than %d bytes, expected at most that many", schedule.MaxBytes)
		reply(w, http.StatusRequestEntityTooLarge, apiError{"too large", found})
		return
	}
	problems := e.Problems
	if more := len(problems) - maxProblems; more > 0 {
		problems = append(slices.Clone(problems[:maxProblems]), fmt.Sprintf("and %d more", more))
	}
	message := "the rotation file is refused, the last good one stays in force"
	reply(w, http.StatusUnprocessableEntity, refusedReply{apiError{"refused", message}, problems})
}

// apiRotation is the version in force, with ?at=TIME the one then in force: {"version": { … }, "text": "…"}.
func (s *site) apiRotation(w http.ResponseWriter, r *http.Request) {
	at, _, ok := s.at(w, r)
	if !ok {
		return
	}
	version, text, err := s.Rotations.TextAt(r.Context(), at)
	if err != nil {
		s.noVersion(w, r, err)
		return
	}
	reply(w, http.StatusOK, map[string]any{"version": version, "text": string(text)})
}

// apiRotations lists the versions, the one in force first: {"versions": [ … ]}.
func (s *site) apiRotations(w http.ResponseWriter, _ *http.Request) {
	list := slices.Clone(s.Rotations.Versions())
	slices.Reverse(list)
	reply(w, http.StatusOK, map[string]any{"versions": list})
}

// apiWho says who is on call at ?at=TIME, by the version then in force, for ?schedule=NAME or all:
// {"version": { … }, "answers": [ … ], "lines": [ … ]}. An answer is that of `nezuban-oncall who --json`, with the hash
// and the beginning of the version added; lines are the same for people.
func (s *site) apiWho(w http.ResponseWriter, r *http.Request) {
	at, written, ok := s.at(w, r)
	if !ok {
		return
	}
	version, f, err := s.Rotations.FileAt(r.Context(), at)
	if err != nil {
		s.noVersion(w, r, err)
		return
	}
	names := f.Schedules()
	if name := r.URL.Query().Get("schedule"); name != "" {
		if !f.HasSchedule(name) {
			found := fmt.Sprintf("schedule: found %q, expected one of %s", label(name), strings.Join(names, ", "))
			reply(w, http.StatusBadRequest, apiError{"invalid", found})
			return
		}
		names = []string{name}
	}
	if written == "" {
		written = at.In(f.Zone()).Format(time.RFC3339)
	}
	answers, lines := []map[string]any{}, []string{}
	for _, name := range names {
		answer, err := f.Who(name, at)
		if err == nil {
			var fields map[string]any
			fields, err = fieldsOf(answer, written, version)
			answers, lines = append(answers, fields), append(lines, answer.String())
		}
		if err != nil {
			s.apiFailed(w, r, err)
			return
		}
	}
	reply(w, http.StatusOK, map[string]any{"version": version, "answers": answers, "lines": lines})
}

// fieldsOf is an answer's own JSON with its time as it was written, and the version that it comes from.
func fieldsOf(a schedule.Answer, at string, v Version) (map[string]any, error) {
	data, err := json.Marshal(a)
	if err != nil {
		return nil, err
	}
	fields := map[string]any{}
	if err := json.Unmarshal(data, &fields); err != nil {
		return nil, err
	}
	fields["at"], fields["version"], fields["version_since"] = at, v.Hash, v.Since
	return fields, nil
}

// at reads ?at=TIME, which is now when it is not given, and answers when it is no time.
func (s *site) at(w http.ResponseWriter, r *http.Request) (at time.Time, written string, ok bool) {
	written = r.URL.Query().Get("at")
	if written == "" {
		return s.Now(), "", true
	}
	at, err := time.Parse(time.RFC3339, written)
	if err != nil {
		found := fmt.Sprintf("at: found %q, expected a time like 2026-11-30T09:00:00+01:00", label(written))
		reply(w, http.StatusBadRequest, apiError{"invalid", found})
		return time.Time{}, "", false
	}
	return at, written, true
}

// CodeNoVersion tells a client that a time, not an incident, is unknown.
const CodeNoVersion = "no version"

func (s *site) noVersion(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, ErrNoVersion) {
		reply(w, http.StatusNotFound, apiError{CodeNoVersion, err.Error()})
		return
	}
	s.apiFailed(w, r, err)
}

// label is a name from outside on one line of a sensible length.
func label(text string) string {
	const longest = 200 // characters
	text = strings.TrimSpace(strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, text))
	if runes := []rune(text); len(runes) > longest {
		return string(runes[:longest])
	}
	return text
}
