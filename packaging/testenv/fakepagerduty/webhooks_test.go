package fakepagerduty_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"nezuban/packaging/testenv/fakepagerduty"
)

// receiver takes webhooks and answers each with the next of its statuses, the last one again and again.
type receiver struct {
	mu       sync.Mutex
	statuses []int
	slow     int // so many are not answered in time
	bodies   []string
	signed   []string
	ids      []string
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body, _ := io.ReadAll(q.Body)
	r.mu.Lock()
	r.bodies, r.signed, r.ids = append(r.bodies, string(body)), append(r.signed, q.Header.Get("X-PagerDuty-Signature")), append(r.ids, q.Header.Get("X-Webhook-Id"))
	status, slow := r.statuses[0], r.slow > 0
	r.slow--
	if len(r.statuses) > 1 {
		r.statuses = r.statuses[1:]
	}
	r.mu.Unlock()
	if slow {
		<-q.Context().Done()
		return
	}
	w.WriteHeader(status)
}

func TestWebhooks(t *testing.T) {
	for _, row := range []struct {
		name     string
		statuses []int
		slow     int
		do       func(s *fakepagerduty.Server)
		want     string // the statuses of all tries, the creation first; 0: not answered in time, once or more often
		disabled bool
	}{
		{"taken", []int{202}, 0, func(s *fakepagerduty.Server) { s.Acknowledge("PI00001", "PALICE") }, "[202 202]", false},
		{"tried again after 503 and 429", []int{503, 429, 202}, 0, func(*fakepagerduty.Server) {}, "[503 429 202]", false},
		{"tried again when it is not answered in time", []int{202}, 1, func(*fakepagerduty.Server) {}, "[0 202]", false},
		{"dropped after 4xx", []int{404, 202}, 0, func(s *fakepagerduty.Server) { s.Acknowledge("PI00001", "PALICE") }, "[404 202]", false},
		{"disabled after three drops, and what follows is lost", []int{401, 401, 401, 202}, 0, func(s *fakepagerduty.Server) {
			s.Acknowledge("PI00001", "PALICE")
			s.Reassign("PI00001", "PALICE", "PBOB")
			s.Resolve("PI00001", "PBOB")
		}, "[401 401 401]", true},
		{"doubled", []int{202}, 0, func(s *fakepagerduty.Server) { s.DoubleHooks(1); s.Acknowledge("PI00001", "PALICE") }, "[202 202 202]", false},
		{"lost", []int{202}, 0, func(s *fakepagerduty.Server) { s.LoseHooks(1); s.Acknowledge("PI00001", "PALICE") }, "[202]", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			server := fakepagerduty.New(t)
			server.AddUser("PALICE", "alice@example.com")
			server.AddUser("PBOB", "bob@example.com")
			r := &receiver{statuses: row.statuses, slow: row.slow}
			listening := httptest.NewServer(r)
			t.Cleanup(listening.Close)
			options := fakepagerduty.HookOptions{Retry: time.Millisecond}
			if row.slow > 0 {
				options.Timeout = time.Second
			}
			server.Subscribe(t, listening.URL, options, "a", "b")
			send(t, server, fakepagerduty.Token, fakepagerduty.Bot, http.MethodPost, "/incidents", fmt.Sprintf(create, "PALICE"))
			row.do(server)
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			var statuses []int
			err := server.Await(ctx, func() bool {
				statuses = nil
				for _, d := range server.Deliveries() {
					again := len(statuses) > 0 && statuses[len(statuses)-1] == 0 && d.Status == 0
					if !again && (d.Status != 0 || row.slow > 0) { // else nobody had the time to answer
						statuses = append(statuses, d.Status)
					}
				}
				return fmt.Sprint(statuses) == row.want
			})
			if err != nil || server.Disabled() != row.disabled {
				t.Fatalf("delivered %v, disabled %v, %v; want %s, %v", statuses, server.Disabled(), err, row.want, row.disabled)
			}
			for _, signature := range r.signed {
				if strings.Count(signature, "v1=") != 2 {
					t.Errorf("signed %q, want by both secrets", signature)
				}
			}
		})
	}
}

func TestWebhooksInTheWrongOrderAndUnsigned(t *testing.T) {
	server := fakepagerduty.New(t)
	server.AddUser("PALICE", "alice@example.com")
	r := &receiver{statuses: []int{202}}
	listening := httptest.NewServer(r)
	t.Cleanup(listening.Close)
	server.Subscribe(t, listening.URL, fakepagerduty.HookOptions{}, "a")
	release := server.HoldHooks()
	server.UnsignedHooks(1)
	// Born acknowledged, because its assignee is the one who makes it.
	send(t, server, fakepagerduty.Token, fakepagerduty.Bot, http.MethodPost, "/incidents", fmt.Sprintf(create, fakepagerduty.BotID))
	server.Resolve("PI00001", "PALICE")
	release()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	var types []string
	if err := server.Await(ctx, func() bool {
		types = nil
		for _, d := range server.Deliveries() {
			types = append(types, d.Type)
		}
		return len(types) == 3
	}); err != nil {
		t.Fatal(err)
	}
	if want := []string{"incident.resolved", "incident.acknowledged", "incident.triggered"}; !slices.Equal(types, want) {
		t.Errorf("came as %q, want %q", types, want)
	}
	if r.signed[0] != "" || r.signed[1] == "" || r.ids[0] == r.ids[1] {
		t.Errorf("signed %q, ids %q", r.signed, r.ids)
	}
}
