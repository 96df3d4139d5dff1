package ingest_test

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nezuban/router/internal/incident"
	"nezuban/router/internal/ingest"
)

const eventID = "123456789abcdef0123456789abcdef0"

var shop = ingest.Project{ID: "7", Name: "shop", Key: "public", Severity: incident.SeverityPage, Labels: map[string]string{"team": "web"}, Runbook: "https://wiki.example/shop"}

const envelope = `{"event_id":"` + eventID + `"}` + "\n" + `{"type":"event"}` + "\n" +
	`{"exception":{"type":"T","value":"boom"},"environment":"prod","release":"1.0","timestamp":"2026-11-22T02:59:00Z"}` + "\n"

var goodKey = map[string]string{"X-Sentry-Auth": "Sentry sentry_version=7, sentry_client=x/1, sentry_key=public"}

func TestSentryAlert(t *testing.T) {
	s := &sink{}
	got := post(ingest.Sentry(options(s), []ingest.Project{shop}), "/api/7/envelope/", strings.NewReader(envelope), goodKey)
	if got.Code != 200 || strings.TrimSpace(got.Body.String()) != `{"id":"`+eventID+`"}` {
		t.Fatalf("got %d: %s", got.Code, got.Body)
	}
	alert := s.alerts[0]
	want := incident.Alert{
		Key: alert.Key, Rule: "error-seen", Kind: incident.KindOccurrence, Firing: true, Severity: incident.SeverityPage,
		Labels:  map[string]string{"project": "shop", "team": "web", "environment": "prod", "release": "1.0", "error_type": "T"},
		Summary: "T: boom", At: time.Date(2026, 11, 22, 2, 59, 0, 0, time.UTC), Event: eventID,
		Reason: "the first event of an error opens an incident", Runbook: "https://wiki.example/shop",
	}
	if diff := cmp.Diff(want, alert); diff != "" {
		t.Error(diff)
	}
	if !strings.HasPrefix(alert.Key, "error|7|") || len(alert.Key) != len("error|7|")+32 {
		t.Errorf("got key %q", alert.Key)
	}
}

func deflated(t *testing.T, plain string) []byte {
	t.Helper()
	var out bytes.Buffer
	z := zlib.NewWriter(&out)
	if _, err := z.Write([]byte(plain)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestSentryWays(t *testing.T) {
	event := `{"event_id":"` + eventID + `","message":"boom"}`
	dsn := strings.Replace(envelope, "{", `{"dsn":"https://public@router.example/7",`, 1)
	with := func(more map[string]string) map[string]string {
		headers := maps.Clone(goodKey)
		maps.Copy(headers, more)
		return headers
	}
	for _, row := range []struct {
		name, path string
		body       []byte
		headers    map[string]string
		want       int
	}{
		{"envelope with slash", "/api/7/envelope/", []byte(envelope), goodKey, 200},
		{"envelope without slash", "/api/7/envelope", []byte(envelope), goodKey, 200},
		{"key in the query (node)", "/api/7/envelope/?sentry_version=7&sentry_key=public", []byte(envelope), nil, 200},
		{"key in the dsn", "/api/7/envelope/", []byte(dsn), nil, 200},
		{"key everywhere", "/api/7/envelope/?sentry_key=public", []byte(dsn), goodKey, 200},
		{"key under Authorization", "/api/7/envelope/", []byte(envelope), map[string]string{"Authorization": "Sentry sentry_key=public"}, 200},
		{"gzip", "/api/7/envelope/", gzipped(t, []byte(envelope)), with(map[string]string{"Content-Encoding": "gzip"}), 200},
		{"deflate", "/api/7/envelope/", deflated(t, envelope), with(map[string]string{"Content-Encoding": "deflate"}), 200},
		{"store with slash", "/api/7/store/", []byte(event), goodKey, 200},
		{"store without slash", "/api/7/store", []byte(event), goodKey, 200},
		{"store, base64 around zlib", "/api/7/store/", []byte(base64.StdEncoding.EncodeToString(deflated(t, event))), goodKey, 200},
		{"brotli", "/api/7/envelope/", []byte("x"), with(map[string]string{"Content-Encoding": "br"}), 415},
		{"frame that is none", "/api/7/envelope/", []byte("hello"), goodKey, 400},
		{"event that is none", "/api/7/envelope/", []byte("{}\n{\"type\":\"event\"}\n7\n"), goodKey, 400},
		{"store, rubbish", "/api/7/store/", []byte("hello"), goodKey, 400},
		{"store, base64 around rubbish", "/api/7/store/", []byte(base64.StdEncoding.EncodeToString([]byte("hello"))), goodKey, 400},
		{"event too large", "/api/7/envelope/", []byte("{}\n{\"type\":\"event\"}\n" + strings.Repeat("x", 1<<20+1) + "\n"), goodKey, 413},
		{"store too large", "/api/7/store/", []byte(`{"message":"` + strings.Repeat("x", 1<<20) + `"}`), goodKey, 413},
		{"more events than an envelope may hold", "/api/7/envelope/", []byte("{}\n" + strings.Repeat("{\"type\":\"event\"}\n{}\n", 11)), goodKey, 413},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := &sink{}
			got := post(ingest.Sentry(options(s), []ingest.Project{shop}), row.path, bytes.NewReader(row.body), row.headers)
			if got.Code != row.want {
				t.Fatalf("got %d, want %d: %s", got.Code, row.want, got.Body)
			}
			if row.want == 200 && (len(s.alerts) != 1 || s.alerts[0].Event != eventID) {
				t.Errorf("got alerts %+v", s.alerts)
			}
			if row.want != 200 && got.Header().Get("X-Sentry-Error") == "" {
				t.Error("no X-Sentry-Error")
			}
		})
	}
}

func TestSentryForbiddenSaysNothingAboutWhich(t *testing.T) {
	answers := map[string]bool{}
	for _, row := range []struct {
		name, path, body string
		headers          map[string]string
	}{
		{"no key", "/api/7/envelope/", envelope, nil},
		{"wrong key", "/api/7/envelope/?sentry_key=guess", envelope, nil},
		{"unknown project", "/api/8/envelope/", envelope, goodKey},
		{"project without a key", "/api/9/envelope/?sentry_key=", envelope, nil},
		{"keys that differ", "/api/7/envelope/?sentry_key=guess", envelope, goodKey},
		{"dsn with another key", "/api/7/envelope/", strings.Replace(envelope, "{", `{"dsn":"https://guess@router.example/7",`, 1), goodKey},
		{"dsn without a key", "/api/7/envelope/", strings.Replace(envelope, "{", `{"dsn":"https://router.example/7",`, 1), nil},
		{"store, no key", "/api/7/store/", "{}", nil},
		{"store, unknown project", "/api/8/store/", "{}", goodKey},
	} {
		s := &sink{}
		got := post(ingest.Sentry(options(s), []ingest.Project{shop, {ID: "9"}}), row.path, strings.NewReader(row.body), row.headers)
		if got.Code != 403 || len(s.alerts) > 0 {
			t.Errorf("%s: got %d and %d alerts, want 403 and none", row.name, got.Code, len(s.alerts))
		}
		answers[got.Body.String()+got.Header().Get("X-Sentry-Error")] = true
	}
	if len(answers) != 1 {
		t.Errorf("got %d different answers, want one: %v", len(answers), answers)
	}
}

func TestSentryTakesAndCountsOtherItems(t *testing.T) {
	s := &sink{}
	o := options(s)
	body := "{}\n{\"type\":\"session\"}\n{}\n{\"type\":\"client_report\"}\n{}\n{\"type\":\"a\\\"b\"}\n{}\n"
	got := post(ingest.Sentry(o, []ingest.Project{shop}), "/api/7/envelope/", strings.NewReader(body), goodKey)
	if got.Code != 200 || len(s.alerts) != 0 {
		t.Fatalf("got %d and %d alerts", got.Code, len(s.alerts))
	}
	var text bytes.Buffer
	o.Metrics.WritePrometheus(&text)
	for _, kind := range []string{"session", "client_report", "other"} {
		if want := `nezuban_ingest_sentry_items_total{type="` + kind + `"} 1`; !strings.Contains(text.String(), want) {
			t.Errorf("no %s in\n%s", want, &text)
		}
	}
}

func TestSentryKeepsGoodEventBeforeBadFrame(t *testing.T) {
	s := &sink{}
	got := post(ingest.Sentry(options(s), []ingest.Project{shop}), "/api/7/envelope/", strings.NewReader(envelope+"rubbish\n"), goodKey)
	if got.Code != 400 || len(s.alerts) != 1 {
		t.Errorf("got %d and %d alerts, want 400 and the good one", got.Code, len(s.alerts))
	}
}

func TestSentryBomb(t *testing.T) {
	s := &sink{}
	o := options(s)
	o.Limits = ingest.Limits{Compressed: 1 << 16, Plain: 1 << 16}
	bomb := gzipped(t, append([]byte("{}\n{\"type\":\"attachment\"}\n"), make([]byte, 2<<20)...))
	headers := maps.Clone(goodKey)
	headers["Content-Encoding"] = "gzip"
	if got := post(ingest.Sentry(o, []ingest.Project{shop}), "/api/7/envelope/", bytes.NewReader(bomb), headers); got.Code != 413 {
		t.Errorf("got %d, want 413: %s", got.Code, got.Body)
	}
}

func TestSentryNotTaken(t *testing.T) {
	s := &sink{fail: errors.New("etcd is away")}
	got := post(ingest.Sentry(options(s), []ingest.Project{shop}), "/api/7/envelope/", strings.NewReader(envelope), goodKey)
	if got.Code != 503 || got.Header().Get("Retry-After") == "" || strings.Contains(got.Body.String(), "etcd") {
		t.Errorf("got %d, Retry-After %q: %s", got.Code, got.Header().Get("Retry-After"), got.Body)
	}
}

func TestSentryTimeIsClamped(t *testing.T) {
	for _, row := range []struct {
		name, timestamp string
		want            time.Time
	}{
		{"own time", `"2026-11-22T02:00:00Z"`, now.Add(-time.Hour)},
		{"from the future", `"2027-01-01T00:00:00Z"`, now},
		{"from long ago", `0.5`, now.Add(-7 * 24 * time.Hour)},
		{"none", `null`, now},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := &sink{}
			post(ingest.Sentry(options(s), []ingest.Project{shop}), "/api/7/store/", strings.NewReader(`{"timestamp":`+row.timestamp+`}`), goodKey)
			if got := s.alerts[0].At; !got.Equal(row.want) {
				t.Errorf("got %s, want %s", got, row.want)
			}
		})
	}
}

func TestSentrySeverity(t *testing.T) {
	for _, row := range []struct {
		level         string
		project, want incident.Severity
	}{
		{"fatal", incident.SeverityPage, incident.SeverityPage},
		{"error", incident.SeverityPage, incident.SeverityPage},
		{"", incident.SeverityPage, incident.SeverityPage},
		{"warning", incident.SeverityPage, incident.SeverityTicket},
		{"info", incident.SeverityPage, incident.SeverityInfo},
		{"debug", incident.SeverityTicket, incident.SeverityInfo},
		{"error", incident.SeverityInfo, incident.SeverityInfo},
		{"warning", incident.SeverityInfo, incident.SeverityInfo},
	} {
		s, p := &sink{}, shop
		p.Severity = row.project
		body, _ := json.Marshal(map[string]string{"level": row.level, "message": "m"})
		post(ingest.Sentry(options(s), []ingest.Project{p}), "/api/7/store/", bytes.NewReader(body), goodKey)
		if got := s.alerts[0].Severity; got != row.want {
			t.Errorf("level %q in a project of %q: got %q, want %q", row.level, row.project, got, row.want)
		}
	}
}
