package influx

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"nezuban/packaging/testenv"
)

// fakeInflux2 answers the few requests by which a bucket of InfluxDB 2.x is made, and takes what is written to one.
func fakeInflux2(t *testing.T, buckets map[string]bool) *httptest.Server {
	t.Helper()
	reply := func(w http.ResponseWriter, status int, body any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(body)
	}
	type object = map[string]any
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, http.StatusOK, object{"name": "influxdb", "status": "pass", "version": "v2.7.10"})
	})
	mux.HandleFunc("GET /api/v2/buckets", func(w http.ResponseWriter, r *http.Request) {
		name := r.URL.Query().Get("name")
		if r.Header.Get("Authorization") != "Token secret" {
			reply(w, http.StatusUnauthorized, object{"code": "unauthorized", "message": "unauthorized access"})
			return
		}
		if !buckets[name] {
			reply(w, http.StatusNotFound, object{"code": "not found", "message": fmt.Sprintf("bucket %q not found", name)})
			return
		}
		reply(w, http.StatusOK, object{"buckets": []object{{"id": "1", "name": name, "retentionRules": []object{}}}})
	})
	mux.HandleFunc("GET /api/v2/orgs", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Token secret" {
			reply(w, http.StatusUnauthorized, object{"code": "unauthorized", "message": "unauthorized access"})
			return
		}
		reply(w, http.StatusOK, object{"orgs": []object{{"id": "0123456789abcdef", "name": r.URL.Query().Get("org")}}})
	})
	mux.HandleFunc("POST /api/v2/buckets", func(w http.ResponseWriter, r *http.Request) {
		var body struct{ Name, OrgID string }
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil || body.OrgID != "0123456789abcdef" {
			reply(w, http.StatusUnprocessableEntity, object{"code": "invalid", "message": "org id"})
			return
		}
		buckets[body.Name] = true
		reply(w, http.StatusCreated, object{"id": "2", "name": body.Name, "retentionRules": []object{}})
	})
	mux.HandleFunc("POST /api/v2/write", func(w http.ResponseWriter, r *http.Request) {
		query := r.URL.Query()
		body, err := io.ReadAll(r.Body)
		switch {
		case r.Header.Get("Authorization") != "Token secret":
			reply(w, http.StatusUnauthorized, object{"code": "unauthorized", "message": "unauthorized access"})
		case query.Get("org") != "ops" || query.Get("precision") != "ns":
			reply(w, http.StatusBadRequest, object{"code": "invalid", "message": "found " + r.URL.RawQuery})
		case !buckets[query.Get("bucket")]:
			reply(w, http.StatusNotFound, object{"code": "not found", "message": fmt.Sprintf("bucket %q not found", query.Get("bucket"))})
		case err != nil || strings.Contains(string(body), "conflict"):
			reply(w, http.StatusUnprocessableEntity, object{"code": "unprocessable entity", "message": "failure writing points to database: partial write: field type conflict"})
		default:
			w.WriteHeader(http.StatusNoContent)
		}
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server
}

func TestEnsureBucket(t *testing.T) {
	buckets := map[string]bool{"there": true}
	server := fakeInflux2(t, buckets)
	for _, bucket := range []string{"there", "new", "new"} {
		o := Output{URLs: []string{server.URL}, Token: "secret", Org: "ops", Bucket: bucket}
		if err := Ensure(t.Context(), o); err != nil || !buckets[bucket] {
			t.Errorf("bucket %q: found %v, and there: %v", bucket, err, buckets[bucket])
		}
	}
}

func TestEnsureFails(t *testing.T) {
	two := fakeInflux2(t, map[string]bool{})
	mute := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = w.Write([]byte(`{"code":"internal error"}`))
	}))
	t.Cleanup(mute.Close)
	sick := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"name":"influxdb","status":"fail"}`))
	}))
	t.Cleanup(sick.Close)
	tests := map[string]struct {
		output Output
		want   string
	}{
		"wrong token":              {Output{URLs: []string{two.URL}, Token: "guess", Org: "ops", Bucket: "b"}, `unauthorized`},
		"nobody there":             {Output{URLs: []string{"http://" + testenv.FreeAddress(t)}, Bucket: "b"}, "connection refused"},
		"no URL at all":            {Output{Name: "db", Bucket: "b"}, `output "db" has no URL`},
		"an error without message": {Output{URLs: []string{mute.URL}, Bucket: "b"}, "found no message in its error"},
		"sick":                     {Output{URLs: []string{sick.URL}, Bucket: "b"}, `found "fail", expected "pass"`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			err := Ensure(t.Context(), test.output)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("found %v, expected %q in it", err, test.want)
			}
			if err != nil && strings.Contains(err.Error(), "guess") {
				t.Errorf("found the token in %v", err)
			}
		})
	}
}
