package ingest

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"nezuban/agent/daemon"
	"nezuban/router/internal/incident"
	"nezuban/router/internal/ingest/sentry"
)

// Sentry takes what Sentry's SDKs send to their projects: POST /api/{project}/envelope/ and /api/{project}/store/,
// with and without the last slash. Each error event becomes an occurrence alert whose dedup key is project and group;
// every other kind of item is taken and dropped, as the SDKs expect. Next on an error's path is [Sink.Report].
//
// An unknown project, a missing key and a wrong key are answered alike, 403. Answers are never 5xx for what was sent,
// only for a Sink that failed.
func Sentry(o Options, projects []Project) http.Handler {
	o.Limits = o.Limits.or(20*mib, 100*mib)
	h := &sentryHandler{Options: o, projects: map[string]Project{}, trouble: daemon.NewCondition(o.Log, "taking error events")}
	for _, p := range projects {
		h.projects[p.ID] = p
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/{project}/envelope", h.envelope)
	mux.HandleFunc("POST /api/{project}/envelope/{$}", h.envelope)
	mux.HandleFunc("POST /api/{project}/store", h.store)
	mux.HandleFunc("POST /api/{project}/store/{$}", h.store)
	return mux
}

type sentryHandler struct {
	Options
	projects map[string]Project
	trouble  *daemon.Condition
}

func (h *sentryHandler) envelope(w http.ResponseWriter, r *http.Request) {
	keys := requestKeys(r)
	project := h.projects[r.PathValue("project")] // of one that is not known no key is right
	if len(keys) > 0 && !project.opensTo(keys) {  // before a byte of the body is read
		sentryError(w, http.StatusForbidden, "forbidden")
		return
	}
	body, err := openBody(w, r, h.Limits)
	if err != nil {
		sentryError(w, bodyStatus(err), err.Error())
		return
	}
	envelope, err := sentry.NewReader(body)
	if err != nil {
		sentryError(w, bodyStatus(err), err.Error())
		return
	}
	if key := dsnKey(envelope.Header().DSN); key != "" {
		keys = append(keys, key)
	}
	if !project.opensTo(keys) {
		sentryError(w, http.StatusForbidden, "forbidden")
		return
	}
	events, err := h.events(envelope)
	id := envelope.Header().EventID
	if len(events) > 0 && id != "" {
		events[0].ID = id
	}
	h.answer(w, r, project, events, err)
}

// maxEvents bounds the events taken from one envelope. The SDKs send one.
const maxEvents = 10

// events reads the envelope to its end, or to the first error; what was read before one is returned with it.
func (h *sentryHandler) events(envelope *sentry.Reader) ([]sentry.Event, error) {
	var events []sentry.Event
	var refused error
	for {
		item, err := envelope.Next()
		switch {
		case errors.Is(err, io.EOF):
			return events, refused
		case err != nil:
			return events, err
		}
		h.count(item)
		switch {
		case item.Large:
			refused = fmt.Errorf("event over %d bytes: %w", sentry.MaxEvent, errTooLarge)
		case item.Type == sentry.TypeEvent && len(events) == maxEvents:
			refused = fmt.Errorf("over %d events in one envelope: %w", maxEvents, errTooLarge)
		case item.Type == sentry.TypeEvent:
			event, err := sentry.ParseEvent(item.Payload)
			if err != nil {
				refused = err
				continue
			}
			events = append(events, event)
		}
	}
}

// store takes one event alone, which old SDKs may have compressed and put into base64 without saying so.
func (h *sentryHandler) store(w http.ResponseWriter, r *http.Request) {
	project := h.projects[r.PathValue("project")]
	if !project.opensTo(requestKeys(r)) {
		sentryError(w, http.StatusForbidden, "forbidden")
		return
	}
	limits := h.Limits
	limits.Plain = min(limits.Plain, sentry.MaxEvent)
	body, err := readBody(w, r, limits)
	if err != nil {
		sentryError(w, bodyStatus(err), err.Error())
		return
	}
	if body, err = unwrapped(body); err != nil {
		sentryError(w, bodyStatus(err), err.Error())
		return
	}
	event, err := sentry.ParseEvent(body)
	if err != nil {
		h.answer(w, r, project, nil, err)
		return
	}
	h.count(sentry.Item{Type: sentry.TypeEvent})
	h.answer(w, r, project, []sentry.Event{event}, nil)
}

// unwrapped undoes base64 around zlib.
func unwrapped(body []byte) ([]byte, error) {
	body = bytes.TrimSpace(body)
	if len(body) == 0 || body[0] == '{' {
		return body, nil
	}
	z, err := zlib.NewReader(base64.NewDecoder(base64.StdEncoding, bytes.NewReader(body)))
	if err != nil {
		return nil, sentry.ErrNoEvent
	}
	return io.ReadAll(&capped{r: z, left: sentry.MaxEvent})
}

// answer reports the events and answers with the first one's id, or with what was wrong with the rest.
func (h *sentryHandler) answer(w http.ResponseWriter, r *http.Request, p Project, events []sentry.Event, refused error) {
	alerts := make([]incident.Alert, 0, len(events))
	for _, e := range events {
		alerts = append(alerts, p.alert(e, h.Now()))
	}
	if len(alerts) > 0 {
		if err := h.Sink.Report(r.Context(), alerts); err != nil {
			h.trouble.Failed(err)
			w.Header().Set("Retry-After", retryAfter)
			sentryError(w, http.StatusServiceUnavailable, "not taken: send again later")
			return
		}
		h.trouble.OK()
	}
	switch {
	case refused != nil:
		sentryError(w, bodyStatus(refused), refused.Error())
	case len(alerts) > 0:
		writeJSON(w, http.StatusOK, map[string]string{"id": alerts[0].Event})
	default:
		writeJSON(w, http.StatusOK, struct{}{})
	}
}

// count counts an item under its type, if that is one that SDKs are known to send.
func (h *sentryHandler) count(item sentry.Item) {
	kind := item.Type
	switch kind {
	case sentry.TypeEvent, "transaction", "span", "session", "sessions", "client_report", "attachment", "check_in", "feedback",
		"user_report", "profile", "profile_chunk", "replay_event", "replay_recording", "replay_video", "log", "trace_metric":
	default:
		kind = "other"
	}
	h.Metrics.GetOrCreateCounter(fmt.Sprintf("nezuban_ingest_sentry_items_total{type=%q}", kind)).Inc()
}

func sentryError(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("X-Sentry-Error", headerText(detail))
	writeJSON(w, status, map[string]string{"detail": strings.ToValidUTF8(detail, "\uFFFD")})
}
