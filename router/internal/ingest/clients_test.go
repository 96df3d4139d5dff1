package ingest_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	influxdb2 "github.com/influxdata/influxdb-client-go/v2"
	influxhttp "github.com/influxdata/influxdb-client-go/v2/api/http"
	"github.com/influxdata/influxdb-client-go/v2/domain"

	"nezuban/packaging/testenv"
	"nezuban/router/internal/access"
	"nezuban/router/internal/ingest"
)

func newRecorder() *httptest.ResponseRecorder { return httptest.NewRecorder() }

// serveInflux serves what InfluxDB's clients ask for, behind a gate, as the router does.
func serveInflux(t *testing.T, s *sink, ready error) *httptest.Server {
	gate := access.New(access.Options{
		Tokens: []access.Token{{Name: "agents", Kind: access.Ingest, Hash: access.HashOf("secret")}},
		Store:  &access.Memory{}, Now: time.Now,
	})
	mux := http.NewServeMux()
	write := gate.Require(access.Ingest, ingest.LineProtocol(options(s)))
	mux.Handle("/api/v2/write", write)
	mux.Handle("/write", write)
	mux.Handle("/query", gate.Require(access.Ingest, ingest.CreateDatabase()))
	mux.Handle("/health", ingest.Health("1.2.3", func() error { return ready }))
	mux.Handle("/ping", ingest.Ping("1.2.3"))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server
}

func TestInfluxClient(t *testing.T) {
	s := &sink{}
	server := serveInflux(t, s, nil)
	for _, token := range []string{"secret", "nezuban:secret"} { // as for InfluxDB 2.x and 1.8
		for _, useGzip := range []bool{false, true} {
			s.points = nil
			client := influxdb2.NewClientWithOptions(server.URL, token, influxdb2.DefaultOptions().SetUseGZip(useGzip))
			defer client.Close()
			if ok, err := client.Ping(t.Context()); !ok || err != nil {
				t.Errorf("ping: %v, %v", ok, err)
			}
			health, err := client.Health(t.Context())
			if err != nil || health.Status != domain.HealthCheckStatusPass || *health.Version != "1.2.3" {
				t.Errorf("health: %+v, %v", health, err)
			}
			write := client.WriteAPIBlocking("", "nezuban")
			if err := write.WriteRecord(t.Context(), "m,host=a v=1 1\nm,host=b v=2 2"); err != nil {
				t.Fatal(err)
			}
			if len(s.points) != 2 || s.points[1].Tag("host") != "b" {
				t.Errorf("got points %+v", s.points)
			}
			var refused *influxhttp.Error
			err = write.WriteRecord(t.Context(), "m v=1\nrubbish")
			if !errors.As(err, &refused) || refused.StatusCode != 400 || refused.Code != "invalid" || !strings.HasPrefix(refused.Message, "partial write: line 2: unable to parse 'rubbish'") {
				t.Errorf("partial write: got %+v", err)
			}
		}
	}
}

func TestInfluxClientRefused(t *testing.T) {
	server := serveInflux(t, &sink{}, nil)
	client := influxdb2.NewClient(server.URL, "guess")
	defer client.Close()
	var refused *influxhttp.Error
	if err := client.WriteAPIBlocking("", "b").WriteRecord(t.Context(), "m v=1"); !errors.As(err, &refused) || refused.StatusCode != 401 || refused.Code != "unauthorized" {
		t.Errorf("got %+v, want 401", refused)
	}
}

func TestInfluxClientToldToWait(t *testing.T) {
	server := serveInflux(t, &sink{fail: errors.New("no disk")}, errors.New("no disk"))
	client := influxdb2.NewClient(server.URL, "secret")
	defer client.Close()
	var away *influxhttp.Error
	if err := client.WriteAPIBlocking("", "b").WriteRecord(t.Context(), "m v=1"); !errors.As(err, &away) || away.StatusCode != 503 || away.RetryAfter == 0 || away.Code != "unavailable" {
		t.Errorf("got %+v, want 503 with Retry-After", away)
	}
	if health, err := client.Health(t.Context()); err == nil || !strings.Contains(err.Error(), "no disk") {
		t.Errorf("health: got %+v, %v, want the reason", health, err)
	}
}

// TestTelegraf sends as Telegraf's outputs influxdb_v2 and influxdb do: gzip, chunked, their own headers.
func TestTelegraf(t *testing.T) {
	for _, row := range []struct {
		name, path string
		auth       func(*http.Request)
	}{
		{"influxdb_v2", "/api/v2/write?bucket=telegraf&org=o&precision=ns", func(r *http.Request) { r.Header.Set("Authorization", "Token secret") }},
		{"influxdb", "/write?consistency=any&db=telegraf&precision=ns", func(r *http.Request) { r.SetBasicAuth("telegraf", "secret") }},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := &sink{}
			server := serveInflux(t, s, nil)
			body := gzipped(t, []byte("cpu,cpu=cpu0,host=h usage_idle=97.5 1700000000000000000\nmem,host=h used=12i 1700000000000000000\n"))
			r, err := http.NewRequest(http.MethodPost, server.URL+row.path, struct{ io.Reader }{bytes.NewReader(body)})
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Encoding", "gzip")
			r.Header.Set("Content-Type", "text/plain; charset=utf-8")
			r.Header.Set("User-Agent", "Telegraf/1.37.2 Go/1.25.5")
			row.auth(r)
			resp, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != 204 || len(s.points) != 2 {
				t.Errorf("got %d and %d points, want 204 and 2", resp.StatusCode, len(s.points))
			}
		})
	}
}

func TestCreateDatabase(t *testing.T) {
	for _, row := range []struct {
		name, method, query string
		want                int
	}{
		{"as Telegraf asks", "POST", `CREATE DATABASE "telegraf"`, 200},
		{"with a retention policy", "POST", `create database db with duration 7d`, 200},
		{"by GET", "GET", `CREATE DATABASE db`, 400},
		{"another statement", "POST", `DROP DATABASE db`, 400},
		{"a question", "POST", `SELECT * FROM cpu`, 400},
		{"nothing", "POST", ``, 400},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := httptest.NewRequest(row.method, "/query?"+url.Values{"q": {row.query}}.Encode(), nil)
			w := newRecorder()
			ingest.CreateDatabase().ServeHTTP(w, r)
			if w.Code != row.want {
				t.Errorf("got %d, want %d: %s", w.Code, row.want, w.Body)
			}
		})
	}
}

// createDatabase makes the database db, and returns when the server takes points for it: one that has just started may
// answer the statement before it knows the database.
func createDatabase(t *testing.T, server string) {
	t.Helper()
	post := func(path, body string) int {
		resp, err := http.Post(server+path, "application/x-www-form-urlencoded", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		return resp.StatusCode
	}
	deadline := time.Now().Add(30 * time.Second)
	for post("/api/v2/write?bucket=db&org=o", "probe v=1") != http.StatusNoContent {
		if time.Now().After(deadline) {
			t.Fatal("the database cannot be made")
		}
		post("/query", url.Values{"q": {"CREATE DATABASE db"}}.Encode())
		time.Sleep(20 * time.Millisecond)
	}
}

// TestAnswersLikeInfluxDB sends the same to a real InfluxDB and to the router, and compares what a client can tell
// apart.
func TestAnswersLikeInfluxDB(t *testing.T) {
	real := testenv.Influxd(t)
	createDatabase(t, real)
	ours := serveInflux(t, &sink{}, nil)
	for _, row := range []struct{ name, body string }{
		{"good", "m v=1\n"},
		{"empty", ""},
		{"comments", "# a\n\n"},
		{"partial", "m v=1\nbad line here\nm v=2 12\nm v=\n"},
		{"all bad", "bad"},
		{"time beyond all", "m v=1\nm v=3 999999999999999999999\n"},
		{"open tag", "m v=1\nm,t v=1\n"},
	} {
		for _, path := range []string{"/api/v2/write?bucket=db&org=o", "/write?db=db"} {
			t.Run(row.name+" "+path, func(t *testing.T) {
				want, got := answer(t, real+path, row.body), answer(t, ours.URL+path, row.body)
				if got.status != want.status {
					t.Errorf("got status %d, InfluxDB says %d", got.status, want.status)
				}
				if (got.header == "") != (want.header == "") {
					t.Errorf("got X-Influxdb-Error %q, InfluxDB says %q", got.header, want.header)
				}
				if got.kind != want.kind && want.status != 204 {
					t.Errorf("got type %q, InfluxDB says %q", got.kind, want.kind)
				}
				shape := regexp.MustCompile(`^(partial write: )?.*unable to parse '[^']*': .*?( dropped=\d+)?$`)
				a, b := shape.FindStringSubmatch(got.header), shape.FindStringSubmatch(want.header)
				if len(a) != len(b) || (len(a) > 0 && (a[1] != b[1] || (a[2] == "") != (b[2] == ""))) {
					t.Errorf("got %q, InfluxDB says %q", got.header, want.header)
				}
			})
		}
	}
}

type answered struct {
	status       int
	header, kind string
}

func answer(t *testing.T, address, body string) answered {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Token u:secret")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return answered{resp.StatusCode, resp.Header.Get("X-Influxdb-Error"), resp.Header.Get("Content-Type")}
}
