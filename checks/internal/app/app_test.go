package app

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"nezuban/agent/influx"
	"nezuban/packaging/testenv"
)

// TestRun watches real servers from one location, and reads from a real InfluxDB what came of it.
func TestRun(t *testing.T) {
	var broken atomic.Bool
	target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if broken.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_, _ = io.WriteString(w, "hello")
	}))
	defer target.Close()
	router := &fakeRouter{file: fmt.Sprintf("[[check]]\nname = \"shop\"\nurl = %q\ninterval = \"1s\"\n[[check]]\nname = \"refused\"\nurl = %q\ninterval = \"1s\"\n",
		target.URL, "http://"+testenv.FreeAddress(t))}
	routerServer := httptest.NewServer(router)
	defer routerServer.Close()

	database := testenv.Influxd(t)
	out := influx.Output{Name: "influxdb", URLs: []string{database}, Bucket: "nezuban"}
	if err := influx.Ensure(t.Context(), out); err != nil {
		t.Fatal(err)
	}
	cfg := Config{
		Location: "tokyo", StateDir: t.TempDir(), Listen: testenv.FreeAddress(t), Heartbeat: time.Second, Concurrency: 10,
		Router:  Router{URLs: []string{routerServer.URL}, Token: "s3cret", Refresh: time.Second},
		Outputs: []influx.Output{out},
	}
	log := &record{}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, cfg, newDaemon(log)) }()
	defer stop()

	rows := func(query string) int { return len(influxQL(t, database, query)) }
	await(t, "a success in InfluxDB", func() bool {
		return rows(`SELECT response_time, http_response_code, first_byte_time FROM http_response WHERE "check"='shop' AND "location"='tokyo' AND result='success'`) > 0
	})
	await(t, "a failure in InfluxDB", func() bool {
		return rows(`SELECT error FROM http_response WHERE "check"='refused' AND result='connection_failed' AND result_code=3`) > 0
	})
	broken.Store(true)
	await(t, "a wrong status in InfluxDB", func() bool {
		return rows(`SELECT response_time FROM http_response WHERE "check"='shop' AND status_code='503' AND result='response_status_code_mismatch'`) > 0
	})
	await(t, "a heartbeat in InfluxDB", func() bool {
		return rows(`SELECT state FROM nezuban_checks WHERE "location"='tokyo' AND state='up' AND checks=2`) > 0
	})
	if text := body(t, "http://"+cfg.Listen+"/readyz"); !strings.Contains(text, "ready") {
		t.Errorf("/readyz: %s", text)
	}
	if text := body(t, "http://"+cfg.Listen+"/metrics"); !strings.Contains(text, `nezuban_checks_results_total{result="success"}`) {
		t.Errorf("/metrics: %s", text)
	}

	stop()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("still running 10s after the stop")
	}
	if rows(`SELECT state FROM nezuban_checks WHERE "location"='tokyo' AND state='goodbye'`) != 1 {
		t.Error("no goodbye in InfluxDB")
	}
}

// TestRunTakenPort wants an error that names the address, and everything ended.
func TestRunTakenPort(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	cfg := Config{Location: "tokyo", StateDir: t.TempDir(), Listen: ln.Addr().String(), Heartbeat: time.Second, Concurrency: 1, Router: Router{Refresh: time.Second}}
	if err := Run(t.Context(), cfg, newDaemon(io.Discard)); err == nil || !strings.Contains(err.Error(), ln.Addr().String()) {
		t.Errorf("found %v, expected the address in the error", err)
	}
}

// body gets a page as text.
func body(t *testing.T, address string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Minute}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// influxQL gives the rows of a query to the database nezuban.
func influxQL(t *testing.T, database, query string) [][]any {
	t.Helper()
	var answer struct {
		Results []struct {
			Error  string
			Series []struct{ Values [][]any }
		}
	}
	text := body(t, database+"/query?"+url.Values{"db": {"nezuban"}, "q": {query}}.Encode())
	if err := json.Unmarshal([]byte(text), &answer); err != nil || len(answer.Results) != 1 || answer.Results[0].Error != "" {
		t.Fatalf("%s\n%s\n%v", query, text, err)
	}
	if len(answer.Results[0].Series) == 0 {
		return nil
	}
	return answer.Results[0].Series[0].Values
}
