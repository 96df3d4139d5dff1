package ingest

import (
	"net/http"
)

// Health answers GET /health as InfluxDB does, for the clients that ask before they write. Ready says whether what
// is sent would be taken, and why not.
func Health(version string, ready func() error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		status, pass, message := http.StatusOK, "pass", "ready for writes"
		if err := ready(); err != nil {
			status, pass, message = http.StatusServiceUnavailable, "fail", err.Error()
		}
		writeJSON(w, status, map[string]any{
			"name": "nezuban-router", "status": pass, "message": message, "version": version, "checks": []string{},
		})
	})
}

// Ping answers GET and HEAD /ping as InfluxDB does.
func Ping(version string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Influxdb-Version", version)
		w.WriteHeader(http.StatusNoContent)
	})
}
