package daemon

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/VictoriaMetrics/metrics"
)

// Health holds which components of the process are not ready, and why. The
// zero value is ready. It is safe for concurrent use.
type Health struct {
	mu      sync.Mutex
	trouble map[string]error
}

// Set notes that a component is not ready because of err, or, with nil, that it is.
func (h *Health) Set(component string, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err == nil {
		delete(h.trouble, component)
		return
	}
	if h.trouble == nil {
		h.trouble = map[string]error{}
	}
	h.trouble[component] = err
}

// report lists what is not ready, sorted by component; empty means ready.
func (h *Health) report() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var lines []string
	for component, err := range h.trouble {
		lines = append(lines, fmt.Sprintf("%s: %v", component, err))
	}
	slices.Sort(lines)
	return lines
}

// Handler answers GET /healthz (the process lives: always 200), /readyz (200,
// or 503 with a line for each component that is not ready) and /metrics
// (Prometheus text). It asks for no token; who may reach it is for the caller.
func (d *Daemon) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, "ok")
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if trouble := d.Health.report(); len(trouble) > 0 {
			answer(w, http.StatusServiceUnavailable, strings.Join(trouble, "\n"))
			return
		}
		answer(w, http.StatusOK, "ready")
	})
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		d.Metrics.WritePrometheus(w)
		metrics.WriteProcessMetrics(w)
	})
	return mux
}

func answer(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = fmt.Fprintln(w, text) // the client may be gone; nobody is left to tell
}
