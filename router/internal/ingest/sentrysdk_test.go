package ingest_test

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	sentrygo "github.com/getsentry/sentry-go"

	"nezuban/router/internal/incident"
	"nezuban/router/internal/ingest"
)

// capture sends what report reports through sentry-go as it is, and returns the alerts that came of it.
func capture(t *testing.T, sdk sentrygo.ClientOptions, report func(*sentrygo.Hub)) []incident.Alert {
	t.Helper()
	s := &sink{}
	server := httptest.NewServer(ingest.Sentry(options(s), []ingest.Project{shop}))
	defer server.Close()
	sdk.Dsn = strings.Replace(server.URL, "http://", "http://public@", 1) + "/7"
	client, err := sentrygo.NewClient(sdk)
	if err != nil {
		t.Fatal(err)
	}
	report(sentrygo.NewHub(client, sentrygo.NewScope()))
	if !client.Flush(20 * time.Second) {
		t.Fatal("sentry-go did not get rid of its events")
	}
	client.Close()
	return s.reported()
}

func keys(alerts []incident.Alert) map[string]bool {
	out := map[string]bool{}
	for _, a := range alerts {
		out[a.Key] = true
	}
	return out
}

type notFoundError struct{ id int }

func (e notFoundError) Error() string { return fmt.Sprintf("order %d not found", e.id) }

func TestSentrySDKSameErrorAHundredTimes(t *testing.T) {
	alerts := capture(t, sentrygo.ClientOptions{Environment: "prod", Release: "shop@1"}, func(hub *sentrygo.Hub) {
		for i := range 100 {
			hub.CaptureException(fmt.Errorf("load basket: %w", notFoundError{i}))
			if i%20 == 19 {
				hub.Flush(10 * time.Second) // the SDK drops what its queue cannot hold
			}
		}
	})
	if len(alerts) != 100 || len(keys(alerts)) != 1 {
		t.Fatalf("got %d alerts under %d keys, want 100 under one", len(alerts), len(keys(alerts)))
	}
	events := map[string]bool{}
	for _, a := range alerts {
		events[a.Event] = true
	}
	if len(events) != 100 {
		t.Errorf("got %d event ids, want 100", len(events))
	}
	a := alerts[0]
	if a.Summary != "*fmt.wrapError: load basket: order 0 not found" || a.Severity != incident.SeverityPage {
		t.Errorf("got %+v", a)
	}
	if a.Labels["environment"] != "prod" || a.Labels["release"] != "shop@1" || a.Labels["error_type"] != "*fmt.wrapError" {
		t.Errorf("got labels %v", a.Labels)
	}
}

func TestSentrySDKDifferentErrors(t *testing.T) {
	alerts := capture(t, sentrygo.ClientOptions{}, func(hub *sentrygo.Hub) {
		hub.CaptureException(notFoundError{1})
		hub.CaptureException(fmt.Errorf("wrapped: %w", notFoundError{1}))
		hub.CaptureException(&os.PathError{Op: "open", Path: "/x", Err: os.ErrNotExist})
		func() { hub.CaptureException(errors.New("from another function")) }()
		hub.CaptureMessage("disk nearly full")
		hub.CaptureMessage("disk gone")
		func() {
			defer func() { hub.Recover(recover()) }()
			var nobody error
			_ = nobody.Error()
		}()
	})
	if len(alerts) != 7 || len(keys(alerts)) != len(alerts) {
		t.Errorf("got %d alerts under %d keys", len(alerts), len(keys(alerts)))
	}
}

func TestSentrySDKMessages(t *testing.T) {
	alerts := capture(t, sentrygo.ClientOptions{AttachStacktrace: true}, func(hub *sentrygo.Hub) {
		for i := range 5 {
			hub.CaptureMessage(fmt.Sprintf("queue %d is stuck", i))
		}
	})
	if len(alerts) != 5 || len(keys(alerts)) != 1 || alerts[0].Severity != incident.SeverityInfo {
		t.Errorf("got %d alerts under %d keys: %+v", len(alerts), len(keys(alerts)), alerts)
	}
}
