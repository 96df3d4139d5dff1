package fakewebhook_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"nezuban/packaging/testenv/fakewebhook"
)

// post sends a body signed as of then, changed after the signing, and returns the status.
func post(t *testing.T, server *fakewebhook.Server, secret, body string, then time.Time, change func(*http.Request)) int {
	t.Helper()
	signer, err := webhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	signature, err := signer.Sign("id-1", then, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set(webhooks.HeaderWebhookID, "id-1")
	r.Header.Set(webhooks.HeaderWebhookTimestamp, fmt.Sprint(then.Unix()))
	r.Header.Set(webhooks.HeaderWebhookSignature, signature)
	change(r)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	return answer.StatusCode
}

func TestOnlyWhatIsSignedIsTaken(t *testing.T) {
	const other = "whsec_bmV4dC1uZXh0LW5leHQtbmV4dC1uZXh0LW5leHQ="
	server, now := fakewebhook.New(t, fakewebhook.Secret), time.Now()
	as := func(*http.Request) {}
	for _, row := range []struct {
		name, secret, body string
		then               time.Time
		change             func(*http.Request)
		status             int
	}{
		{"another secret", other, "{}", now, as, http.StatusUnauthorized},
		{"long ago", fakewebhook.Secret, "{}", now.Add(-time.Hour), as, http.StatusUnauthorized},
		{"another id", fakewebhook.Secret, "{}", now, func(r *http.Request) { r.Header.Set(webhooks.HeaderWebhookID, "id-2") }, http.StatusUnauthorized},
		{"no JSON", fakewebhook.Secret, "no", now, as, http.StatusBadRequest},
		{"taken", fakewebhook.Secret, "{}", now, as, http.StatusNoContent},
		{"the same again", fakewebhook.Secret, "{}", now, as, http.StatusNoContent},
	} {
		if got := post(t, server, row.secret, row.body, row.then, row.change); got != row.status {
			t.Errorf("%s: answered %d, want %d", row.name, got, row.status)
		}
	}
	if len(server.Messages()) != 1 || server.Doubled() != 1 {
		t.Errorf("taken %+v, %d doubled, want one and one", server.Messages(), server.Doubled())
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := server.WaitFor(ctx, 2); err == nil || !strings.Contains(err.Error(), "6 requests") {
		t.Errorf("found %v, want an error that says what was seen", err)
	}
}
