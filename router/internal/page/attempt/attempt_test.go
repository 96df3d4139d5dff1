package attempt_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"nezuban/router/internal/page/attempt"
)

func TestWait(t *testing.T) {
	now := time.Date(2026, 11, 29, 3, 0, 0, 0, time.UTC)
	for _, row := range []struct {
		name   string
		header http.Header
		want   time.Duration
	}{
		{"nothing said", http.Header{}, 0},
		{"seconds", http.Header{"Retry-After": {"7"}}, 7 * time.Second},
		{"date", http.Header{"Retry-After": {"Sun, 29 Nov 2026 03:01:00 GMT"}}, time.Minute},
		{"date gone by", http.Header{"Retry-After": {"Sun, 29 Nov 2026 02:00:00 GMT"}}, 0},
		{"reset", http.Header{"Ratelimit-Reset": {"12"}}, 12 * time.Second},
		{"both", http.Header{"Retry-After": {"7"}, "Ratelimit-Reset": {"12"}}, 7 * time.Second},
		{"unreadable, then reset", http.Header{"Retry-After": {"soon"}, "Ratelimit-Reset": {"12"}}, 12 * time.Second},
		{"negative", http.Header{"Retry-After": {"-7"}}, 0},
		{"absurd", http.Header{"Retry-After": {"9223372036854775807"}}, attempt.WaitMax},
		{"absurd date", http.Header{"Retry-After": {"Sun, 29 Nov 2226 03:01:00 GMT"}}, attempt.WaitMax},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := attempt.Wait(row.header, now); got != row.want {
				t.Errorf("got %v, want %v", got, row.want)
			}
		})
	}
}

func request(ctx context.Context, t *testing.T, address string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address+"/?To=%2B4915112345678", nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestDeadlineCoversTheBody(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "begun")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}))
	defer server.Close()
	_, err := attempt.NewClient(nil, 50*time.Millisecond).Do(request(t.Context(), t, server.URL))
	if err == nil || !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "no answer within 50ms") {
		t.Errorf("got %v, want no answer within 50ms", err)
	}
	if err != nil && strings.Contains(err.Error(), "4915112345678") {
		t.Errorf("the error %q holds the address", err)
	}
}

func TestCallersEndIsNotTheDeadline(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := attempt.NewClient(nil, 0).Do(request(ctx, t, "http://127.0.0.1:1"))
	if !errors.Is(err, context.Canceled) || strings.Contains(err.Error(), "no answer within") {
		t.Errorf("got %v, want the caller's cancellation", err)
	}
}

func TestRedirectIsAnAnswer(t *testing.T) {
	server := httptest.NewServer(http.RedirectHandler("http://127.0.0.1:1/", http.StatusTemporaryRedirect))
	defer server.Close()
	answer, err := attempt.NewClient(server.Client(), 0).Do(request(t.Context(), t, server.URL))
	if err != nil || answer.Status != http.StatusTemporaryRedirect {
		t.Errorf("got %v, %v, want 307", answer, err)
	}
}

func TestHide(t *testing.T) {
	if got := attempt.Hide("Token a-secret is wrong", "", "a-secret"); got != "Token [hidden] is wrong" {
		t.Errorf("got %q", got)
	}
}

// A storm of pages must not dial anew for each of them. Now and then one may: net/http closes a connection whose request it does
// not know to be written within 50 ms of the answer, as when the machine stands still between the two.
func TestConnectionsAreKeptForAllAttemptsThatAChannelMakesAtOnce(t *testing.T) {
	const at, rounds = 32, 10
	var dialled atomic.Int64
	arrived := make(chan struct{}, at)
	release := make(chan struct{})
	provider := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		arrived <- struct{}{}
		<-release
	}))
	provider.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			dialled.Add(1)
		}
	}
	provider.Start()
	t.Cleanup(provider.Close)
	client := attempt.NewClient(nil, time.Minute)
	for round := 0; ; round++ {
		before := dialled.Load()
		var attempts sync.WaitGroup
		for range at {
			attempts.Go(func() {
				r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, provider.URL, nil)
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := client.Do(r); err != nil {
					t.Error(err)
				}
			})
		}
		for range at {
			<-arrived
		}
		for range at {
			release <- struct{}{}
		}
		attempts.Wait()
		switch n := dialled.Load() - before; {
		case round == 0 && n == at:
		case round == 0:
			t.Errorf("%d connections for %d attempts at a time, want one for each", n, at)
		case n == 0:
			return
		case round == rounds:
			t.Fatalf("%d connections anew for %d attempts, want that those before are kept", n, at)
		}
	}
}
