package fakepagerduty_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"nezuban/packaging/testenv/fakepagerduty"
)

const create = `{"incident":{"type":"incident","title":"t","incident_key":"k","service":{"id":"PSERVICE","type":"service_reference"},` +
	`"assignments":[{"assignee":{"id":"%s","type":"user_reference"}}]}}`

// send speaks the wire without the router's client and returns the status and the answer.
func send(t *testing.T, server *fakepagerduty.Server, token, from, method, path, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Token token="+token)
	if from != "" {
		r.Header.Set("From", from)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

func TestRefusals(t *testing.T) {
	put := func(fields string) string { return `{"incidents":[{"id":"PI00001","type":"incident",` + fields + `}]}` }
	many := `{"incidents":[` + strings.Repeat(`{"id":"PI00001"},`, 250) + `{"id":"PI00001"}]}`
	for _, row := range []struct {
		name, token, from, method, body string
		status, code                    int
	}{
		{"wrong token", "x", fakepagerduty.Bot, http.MethodPost, fmt.Sprintf(create, "PALICE"), 401, 2006},
		{"no From", fakepagerduty.Token, "", http.MethodPost, fmt.Sprintf(create, "PALICE"), 400, 2001},
		{"unknown From", fakepagerduty.Token, "x@example.com", http.MethodPost, fmt.Sprintf(create, "PALICE"), 400, 1008},
		{"unknown assignee", fakepagerduty.Token, fakepagerduty.Bot, http.MethodPost, strings.Replace(fmt.Sprintf(create, "PX"), `"k"`, `"new"`, 1), 400, 1007},
		{"key that is open", fakepagerduty.Token, fakepagerduty.Bot, http.MethodPost, fmt.Sprintf(create, "PALICE"), 400, 2001},
		{"details that are no string", fakepagerduty.Token, fakepagerduty.Bot, http.MethodPost, `{"incident":{"title":"t","body":{"details":{}}}}`, 400, 2001},
		{"too many", fakepagerduty.Token, fakepagerduty.Bot, http.MethodPut, many, 413, 2001},
		{"unknown incident", fakepagerduty.Token, fakepagerduty.Bot, http.MethodPut, `{"incidents":[{"id":"PX","status":"resolved"}]}`, 404, 2100},
		{"reassigned to nobody known", fakepagerduty.Token, fakepagerduty.Bot, http.MethodPut, put(`"assignments":[{"assignee":{"id":"PX"}}]`), 400, 1007},
		{"acknowledged twice", fakepagerduty.Token, fakepagerduty.Bot, http.MethodPut, put(`"status":"acknowledged"`), 400, 1002},
	} {
		t.Run(row.name, func(t *testing.T) {
			server := fakepagerduty.New(t)
			server.AddUser("PALICE", "alice@example.com")
			send(t, server, fakepagerduty.Token, fakepagerduty.Bot, http.MethodPost, "/incidents", fmt.Sprintf(create, "PALICE"))
			server.Acknowledge("PI00001", "PALICE")
			status, text := send(t, server, row.token, row.from, row.method, "/incidents", row.body)
			var answer struct{ Error struct{ Code int } }
			if err := json.Unmarshal([]byte(text), &answer); err != nil || status != row.status || answer.Error.Code != row.code {
				t.Errorf("answered %d %s, want %d with code %d", status, text, row.status, row.code)
			}
		})
	}
}

func TestWaitFor(t *testing.T) {
	server := fakepagerduty.New(t)
	server.AddUser("PALICE", "alice@example.com")
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	found := make(chan error, 1)
	go func() {
		_, err := server.WaitFor(ctx, func(s fakepagerduty.Snapshot) bool {
			return len(s.Incidents) == 1 && s.Incidents[0].Status == "resolved"
		})
		found <- err
	}()
	send(t, server, fakepagerduty.Token, fakepagerduty.Bot, http.MethodPost, "/incidents", fmt.Sprintf(create, "PALICE"))
	server.Resolve("PI00001", "PALICE")
	if err := <-found; err != nil {
		t.Error(err)
	}
	cancel()
	_, err := server.WaitFor(ctx, func(fakepagerduty.Snapshot) bool { return false })
	if err == nil || !strings.Contains(err.Error(), "1 requests") {
		t.Errorf("got %v, want an error that says what was seen", err)
	}
}
