package public_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"nezuban/router/internal/page/pagerduty"
	"nezuban/router/internal/public"
)

const acknowledgedBody = `{"event":{"id":"01E1","event_type":"incident.acknowledged","resource_type":"incident","occurred_at":"2026-11-30T03:05:00.169Z",` +
	`"agent":{"id":"PALICE","type":"user_reference","summary":"Alice"},"client":null,` +
	`"data":{"id":"PI1","type":"incident","incident_key":"I1","status":"acknowledged","assignees":[{"id":"PALICE","type":"user_reference"}]}}}`

func signature(key, body string) string {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(body))
	return "v1=" + hex.EncodeToString(mac.Sum(nil))
}

func TestPagerDutyWebhook(t *testing.T) {
	both := signature("unknown", acknowledgedBody) + ", " + signature(secret, acknowledgedBody)
	for _, row := range []struct {
		name, body, signature string
		failed                error
		status, heard         int
	}{
		{"signed", acknowledgedBody, signature(secret, acknowledgedBody), nil, 202, 1},
		{"signed with the secret before", acknowledgedBody, signature(oldSecret, acknowledgedBody), nil, 202, 1},
		{"signed twice, while the secret changes", acknowledgedBody, both, nil, 202, 1},
		{"not signed", acknowledgedBody, "", nil, 401, 0},
		{"signed with nothing", acknowledgedBody, signature("", acknowledgedBody), nil, 401, 0},
		{"of another version", acknowledgedBody, strings.Replace(signature(secret, acknowledgedBody), "v1", "v2", 1), nil, 401, 0},
		{"altered", strings.Replace(acknowledgedBody, "PALICE", "PBOB00", 1), signature(secret, acknowledgedBody), nil, 401, 0},
		{"too large", acknowledgedBody + strings.Repeat(" ", 1<<20), signature(secret, acknowledgedBody+strings.Repeat(" ", 1<<20)), nil, 413, 0},
		{"not understood, which must not be dropped as an error", `{"event":5}`, signature(secret, `{"event":5}`), nil, 202, 0},
		{"of no event", `{}`, signature(secret, `{}`), nil, 202, 0},
		{"cannot be stored: it comes again", acknowledgedBody, signature(secret, acknowledgedBody), errors.New("full"), 503, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			d, server := newSite(t)
			d.failed = row.failed
			r := request(t, http.MethodPost, server.URL+public.PagerDutyPath, row.body)
			r.Header.Set(pagerduty.SignatureHeader, row.signature)
			if status, body := ask(t, r); status != row.status || len(d.heard) != row.heard {
				t.Errorf("answered %d %s, heard %+v; want %d and %d", status, body, d.heard, row.status, row.heard)
			}
			if len(d.heard) == 1 {
				if e := d.heard[0]; e.ID != "01E1" || e.By.ID != "PALICE" || !e.By.User || e.Key != "I1" || e.Assignees[0] != "PALICE" || e.At.Second() != 0 {
					t.Errorf("understood %+v", e)
				}
			}
		})
	}
}

// PagerDuty gives up after 5 s, and forgets us for a day when that happens three times with an answer of 4xx. What takes
// longer is answered before that, and comes again.
func TestAWebhookIsAnsweredInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk()
		d.held = make(chan struct{})
		r := request(t, http.MethodPost, "http://ack.example.org"+public.PagerDutyPath, acknowledgedBody)
		r.Header.Set(pagerduty.SignatureHeader, signature(secret, acknowledgedBody))
		began, answer := time.Now(), httptest.NewRecorder()
		handler(d, "http://ack.example.org").ServeHTTP(answer, r)
		if took := time.Since(began); answer.Code != 503 || took >= 5*time.Second {
			t.Errorf("answered %d after %s, want 503 within 5 s", answer.Code, took)
		}
		close(d.held)
		synctest.Wait()
		if len(d.heard) != 1 {
			t.Errorf("what was answered too late was heard %d times, want it done all the same", len(d.heard))
		}
	})
}
