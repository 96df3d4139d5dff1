package public

import (
	"context"
	"errors"
	"io"
	"net/http"

	"nezuban/router/internal/page/pagerduty"
)

// pagerDuty takes a webhook. A signed one is answered 2xx once what it says is durable, also when it says nothing to us:
// PagerDuty drops what is answered 4xx at once, and after three drops nothing comes for a day. 503 makes it come again.
func (s *server) pagerDuty(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if _, tooBig := errors.AsType[*http.MaxBytesError](err); tooBig {
		http.Error(w, "too large", http.StatusRequestEntityTooLarge)
		return
	}
	if err != nil {
		http.Error(w, "the body did not arrive", http.StatusBadRequest)
		return
	}
	if !pagerduty.Signed(s.PagerDutySecrets, r.Header.Get(pagerduty.SignatureHeader), body) {
		http.Error(w, "not signed", http.StatusUnauthorized)
		return
	}
	event, err := pagerduty.ParseEvent(body)
	if err != nil {
		s.Log.WarnContext(r.Context(), "a signed webhook was not understood", "error", err)
		w.WriteHeader(http.StatusAccepted)
		return
	}
	if event.ID == "" {
		event.ID = r.Header.Get("X-Webhook-Id")
	}
	if err := durably(r.Context(), func(ctx context.Context) error { return s.Desk.Heed(ctx, event) }); err != nil {
		s.Log.ErrorContext(r.Context(), "a webhook could not be taken in", "event", event.Type, "error", err)
		w.Header().Set("Retry-After", "5")
		http.Error(w, "not now", http.StatusServiceUnavailable)
		return
	}
	w.WriteHeader(http.StatusAccepted)
}
