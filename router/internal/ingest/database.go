package ingest

import (
	"net/http"
	"strings"
)

// CreateDatabase answers POST /query for InfluxDB 1.x's writers, which make their database before they write: there is
// nothing to make, and that is said as InfluxDB says that it exists. Every other query is refused, because history is
// InfluxDB's.
func CreateDatabase() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
		words := strings.Fields(r.FormValue("q"))
		if r.Method == http.MethodPost && len(words) >= 3 && strings.EqualFold(words[0]+" "+words[1], "CREATE DATABASE") {
			writeJSON(w, http.StatusOK, map[string]any{"results": []map[string]int{{"statement_id": 0}}})
			return
		}
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": "this is nezuban-router, which holds no history: ask InfluxDB"})
	})
}
