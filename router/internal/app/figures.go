package app

import (
	"fmt"
	"strconv"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"nezuban/router/internal/incident"
)

// incidentBuckets are the upper bounds of the histograms of incidents, in seconds: from a page that is told apart from the
// next one to what took more than a day.
var incidentBuckets = [...]float64{1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 14400, 43200, 86400}

// countIncident adds an incident that is over to the figures: how long it took to detect, acknowledge and resolve it.
func countIncident(set *metrics.Set, inc incident.Incident) {
	observe(set, "detect", inc.Severity, inc.TimeToDetect())
	if took, ok := inc.TimeToAcknowledge(); ok {
		observe(set, "acknowledge", inc.Severity, took)
	}
	if took, ok := inc.TimeToResolve(); ok {
		observe(set, "resolve", inc.Severity, took)
	}
}

// observe adds one value to a histogram as Prometheus reads it: the metrics package has buckets of its own kind alone.
func observe(set *metrics.Set, of string, severity incident.Severity, took time.Duration) {
	name := func(suffix, more string) string {
		return fmt.Sprintf("nezuban_incident_time_to_%s_seconds_%s{severity=%q%s}", of, suffix, string(severity), more)
	}
	for _, bound := range incidentBuckets {
		counter := set.GetOrCreateCounter(name("bucket", `,le="`+strconv.FormatFloat(bound, 'f', -1, 64)+`"`))
		if took.Seconds() <= bound {
			counter.Inc()
		}
	}
	set.GetOrCreateCounter(name("bucket", `,le="+Inf"`)).Inc()
	set.GetOrCreateFloatCounter(name("sum", "")).Add(took.Seconds())
	set.GetOrCreateCounter(name("count", "")).Inc()
}
