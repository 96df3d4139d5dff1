package ingest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/VictoriaMetrics/metrics"

	"nezuban/agent/daemon"
	"nezuban/router/internal/ingest/prometheus"
)

// Alertmanager takes alerts as Prometheus, vmalert, Grafana and amtool send them to an Alertmanager: POST /api/v2/alerts.
// Every alert is a state, whose dedup key is its set of labels: one that has ended resolves it, and nothing else does. In
// particular the time at which a firing alert says it will end does not: its passing means that the sender has fallen
// silent, and silence never resolves. Nobody has to send again.
//
// Answers are Alertmanager's own: 200; 400 for alerts that are none, after the good ones have been taken; 413; and 503 with
// Retry-After when the Sink failed. What is wrong is said in a JSON string.
//
// Next on an alert's path: [Sink.Report].
func Alertmanager(o Options) http.Handler {
	o.Limits = o.Limits.or(25*mib, 25*mib)
	return &alertmanager{
		Options: o,
		taken:   o.Metrics.GetOrCreateCounter("nezuban_ingest_alerts_total"),
		bad:     o.Metrics.GetOrCreateCounter("nezuban_ingest_bad_alerts_total"),
		trouble: daemon.NewCondition(o.Log, "taking alerts"),
	}
}

type alertmanager struct {
	Options
	taken, bad *metrics.Counter
	trouble    *daemon.Condition
}

// maxAtOnce is how many alerts are decided on together: others get their turn between.
const maxAtOnce = 500

func (h *alertmanager) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		writeJSON(w, http.StatusMethodNotAllowed, "method not allowed: expected POST")
		return
	}
	body, err := readBody(w, r, h.Limits)
	if err != nil {
		writeJSON(w, bodyStatus(err), err.Error())
		return
	}
	alerts, bad, err := prometheus.Decode(body, h.Now())
	if err != nil {
		writeJSON(w, http.StatusBadRequest, err.Error())
		return
	}
	for some := range slices.Chunk(alerts, maxAtOnce) {
		if err := h.Sink.Report(r.Context(), some); err != nil {
			h.trouble.Failed(err)
			w.Header().Set("Retry-After", retryAfter)
			writeJSON(w, http.StatusServiceUnavailable, "not taken: send again later")
			return
		}
		h.trouble.OK()
	}
	h.taken.Add(len(alerts))
	h.bad.Add(len(bad))
	if len(bad) > 0 {
		writeJSON(w, http.StatusBadRequest, refusal(bad, len(alerts)))
		return
	}
	w.WriteHeader(http.StatusOK)
}

// refusal words what was wrong with some alerts of a request.
func refusal(bad []error, taken int) string {
	named := make([]string, 0, maxNamedLines+1)
	for _, err := range bad[:min(len(bad), maxNamedLines)] {
		named = append(named, err.Error())
	}
	if more := len(bad) - maxNamedLines; more > 0 {
		named = append(named, fmt.Sprintf("and %d more", more))
	}
	return fmt.Sprintf("%d of %d alerts were not taken: %s", len(bad), len(bad)+taken, strings.Join(named, "; "))
}
