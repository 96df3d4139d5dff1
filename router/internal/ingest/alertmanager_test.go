package ingest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"nezuban/packaging/testenv"
	"nezuban/router/internal/incident"
	"nezuban/router/internal/ingest"
)

func TestAlertmanagerAnswers(t *testing.T) {
	good := `{"labels":{"alertname":"A"}}`
	tests := []struct {
		name, method, body string
		fail               error
		status             int
		answer             string
		taken              int
	}{
		{name: "good ones", body: "[" + good + "," + good + "]", status: 200, taken: 2},
		{name: "an empty list", body: "[]", status: 200},
		{
			name: "bad ones among good", body: "[" + good + `,{"labels":{}}]`, status: 400, taken: 1,
			answer: "1 of 2 alerts were not taken: alert 2: labels: found none that has a value, expected at least one",
		},
		{name: "very many bad ones", body: "[" + strings.Repeat("1,", 19) + "1]", status: 400, answer: "20 of 20 alerts were not taken: alert 1: "},
		{name: "no list", body: "{}", status: 400, answer: "read alerts: found object, expected a list of alerts"},
		{name: "too much", body: `[{"labels":{"a":"` + strings.Repeat("x", 2000) + `"}}]`, status: 413, answer: "read request body: request body too large"},
		{name: "another method", method: "PUT", status: 405, answer: "method not allowed: expected POST"},
		{name: "while the store fails", body: "[" + good + "]", fail: errors.New("etcd is away"), status: 503, answer: "not taken: send again later"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := &sink{fail: tt.fail}
			o := options(s)
			o.Limits = ingest.Limits{Plain: 1000}
			if tt.method == "" {
				tt.method = http.MethodPost
			}
			w := newRecorder()
			ingest.Alertmanager(o).ServeHTTP(w, httptest.NewRequest(tt.method, "/api/v2/alerts", strings.NewReader(tt.body)))
			var answer string
			if w.Body.Len() > 0 {
				if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
					t.Errorf("the body is no JSON string: %v", err)
				}
			}
			if w.Code != tt.status || !strings.HasPrefix(answer, tt.answer) || len(answer) > 1500 || len(s.reported()) != tt.taken {
				t.Errorf("answered %d %q, taken %d", w.Code, answer, len(s.reported()))
			}
			if (w.Header().Get("Retry-After") != "") != (tt.status == 503) {
				t.Errorf("Retry-After is %q", w.Header().Get("Retry-After"))
			}
		})
	}
}

// serveAlerts serves alerts only, to real clients.
func serveAlerts(t *testing.T) (*sink, string) {
	t.Helper()
	s := &sink{}
	o := options(s)
	o.Now = time.Now
	mux := http.NewServeMux()
	mux.Handle("POST /api/v2/alerts", ingest.Alertmanager(o))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return s, server.URL
}

func TestAmtoolAddsAndEndsAnAlert(t *testing.T) {
	amtool := testenv.Command(t, "amtool", "prometheus-alertmanager")
	s, url := serveAlerts(t)
	add := func(args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), amtool, append([]string{"--alertmanager.url=" + url, "alert", "add", "--annotation=summary=the till is stuck", "alertname=Till", "severity=warning"}, args...)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("amtool: %v\n%s", err, out)
		}
	}
	add()
	add("--end="+time.Now().Add(-time.Second).Format(time.RFC3339), "--start="+time.Now().Add(-time.Hour).Format(time.RFC3339))
	got := s.reported()
	if len(got) != 2 || !got[0].Firing || got[1].Firing || got[0].Key != got[1].Key || got[0].Summary != "Till: the till is stuck" || got[0].Severity != incident.SeverityTicket {
		t.Errorf("found %+v", got)
	}
}

func TestARealPrometheusFiresSendsAgainAndResolves(t *testing.T) {
	prometheus := testenv.Command(t, "prometheus", "prometheus")
	s, url := serveAlerts(t)
	var stuck atomic.Int64
	stuck.Store(1)
	till := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, "till_stuck %d\n", stuck.Load()) }))
	t.Cleanup(till.Close)
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// A scrape that comes too late says nothing of the till. What is evaluated every 3 s is said to be over 12 s later: so late it does
	// not arrive.
	write("rules.yml", "groups: [{name: tills, rules: [{alert: TillStuck, expr: 'last_over_time(till_stuck[5m]) > 0', labels: {severity: critical}, annotations: {summary: 'stuck at {{ $value }}'}}]}]\n")
	write("prometheus.yml", fmt.Sprintf(`global: {scrape_interval: 1s, evaluation_interval: 3s}
rule_files: [rules.yml]
scrape_configs: [{job_name: till, static_configs: [{targets: [%q]}]}]
alerting: {alertmanagers: [{static_configs: [{targets: [%q]}]}]}
`, strings.TrimPrefix(till.URL, "http://"), strings.TrimPrefix(url, "http://")))
	startPrometheus(t, prometheus, dir)

	seen := func(what string, cond func([]incident.Alert) bool) []incident.Alert {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := s.await(ctx, cond); err != nil {
			t.Fatalf("%s: %v; found %+v", what, err, s.reported())
		}
		return s.reported()
	}
	fired := seen("fires, and is sent again", func(all []incident.Alert) bool { return len(all) >= 3 })
	for _, a := range fired {
		if !a.Firing || a.Key != fired[0].Key || !a.At.Equal(fired[0].At) || a.Summary != "TillStuck: stuck at 1" || a.Severity != incident.SeverityPage {
			t.Errorf("found %+v, want the first one again: %+v", a, fired[0])
		}
	}
	stuck.Store(0)
	all := seen("resolves", func(all []incident.Alert) bool { return len(all) > 0 && !all[len(all)-1].Firing })
	last := all[len(all)-1]
	if last.Key != fired[0].Key || !last.At.After(fired[0].At) {
		t.Errorf("the resolve %+v does not end %+v", last, fired[0])
	}
}

// startPrometheus runs one until the test ends.
func startPrometheus(t *testing.T, program, dir string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, "--config.file="+filepath.Join(dir, "prometheus.yml"), "--storage.tsdb.path="+filepath.Join(dir, "data"),
		"--web.listen-address="+testenv.FreeAddress(t), "--rules.alert.resend-delay=1s")
	log := &strings.Builder{}
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // killed
		if t.Failed() {
			t.Log(log.String())
		}
	})
}
