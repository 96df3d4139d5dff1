package pagerduty_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"nezuban/router/internal/page"
	"nezuban/router/internal/page/pagerduty"
)

// answering is a transport without a network: each request gets the next of its answers, the last one again and again.
type answering struct {
	answers []http.Header // 201 where nil, else 429
	times   []time.Time
}

func (a *answering) RoundTrip(r *http.Request) (*http.Response, error) {
	a.times = append(a.times, time.Now())
	status, header := http.StatusCreated, http.Header{}
	if len(a.answers) > 0 {
		if a.answers[0] != nil {
			status, header = http.StatusTooManyRequests, a.answers[0]
		}
		a.answers = a.answers[1:]
	}
	header.Set("Content-Type", "application/json")
	body := `{"incident":{"id":"P1","status":"triggered"}}`
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

func TestRequestsKeepBelowTheRateLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wire := &answering{}
		p := pagerduty.New(pagerduty.Config{Token: "t", From: "f", ServiceID: "s", HTTPClient: &http.Client{Transport: wire}})
		for range 2000 {
			mustPage(t, p, trigger(alice))
		}
		inOneMinute := 0
		for _, at := range wire.times {
			if at.Sub(wire.times[0]) < time.Minute {
				inOneMinute++
			}
		}
		if inOneMinute < 900 || inOneMinute > 960 {
			t.Errorf("%d requests in the first minute, want 900 to 960", inOneMinute)
		}
	})
}

func TestPauseThatPagerDutyAsksForIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wire := &answering{answers: []http.Header{{"Ratelimit-Reset": {"20"}}}}
		p := pagerduty.New(pagerduty.Config{Token: "t", From: "f", ServiceID: "s", HTTPClient: &http.Client{Transport: wire}})
		_, err := p.Page(t.Context(), trigger(alice))
		if page.RetryAfter(err) != 20*time.Second {
			t.Fatalf("429: %v, after %v; want after 20s", err, page.RetryAfter(err))
		}
		time.Sleep(5 * time.Second)
		_, err = p.Page(t.Context(), trigger(bob))
		if page.RetryAfter(err) != 15*time.Second || len(wire.times) != 1 {
			t.Fatalf("during the pause: %v, after %v, %d requests; want after 15s and no second request", err, page.RetryAfter(err), len(wire.times))
		}
		time.Sleep(page.RetryAfter(err))
		mustPage(t, p, trigger(bob))
	})
}
