package ingest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/influxdata/line-protocol/v2/lineprotocol"

	"nezuban/agent/daemon"
	"nezuban/agent/influx"
)

// LineProtocol takes what InfluxDB's clients write: POST /api/v2/write as in 2.x and 1.8, and POST /write as in 1.x.
// Organisation, bucket and database are not looked at: there is one place for everything.
//
// Answers are InfluxDB's own: 204; 400 for lines that are none, after the good ones have been taken; 413; and 503
// with Retry-After when the Sink failed.
//
// Next on a sample's path: [Sink.Ingest], which is duty's engine.
func LineProtocol(o Options) http.Handler {
	o.Limits = o.Limits.or(25*mib, 25*mib)
	return &lineProtocol{
		Options: o,
		points:  o.Metrics.GetOrCreateCounter("nezuban_ingest_points_total"),
		bad:     o.Metrics.GetOrCreateCounter("nezuban_ingest_bad_lines_total"),
		farOff:  o.Metrics.GetOrCreateCounter("nezuban_ingest_far_off_points_total"),
		trouble: daemon.NewCondition(o.Log, "taking points"), precision: daemon.NewCondition(o.Log, "times of points"),
	}
}

type lineProtocol struct {
	Options
	points, bad, farOff *metrics.Counter
	trouble, precision  *daemon.Condition
}

func (h *lineProtocol) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		influxError(w, r, http.StatusMethodNotAllowed, "Method Not Allowed")
		return
	}
	precision, err := precisionOf(r)
	if err != nil {
		influxError(w, r, http.StatusBadRequest, err.Error())
		return
	}
	body, err := readBody(w, r, h.Limits)
	if err != nil {
		influxError(w, r, bodyStatus(err), err.Error())
		return
	}
	points, bad := influx.Decode(body, precision, h.Now())
	h.lookAtTimes(points)
	if len(points) > 0 {
		if err := h.Sink.Ingest(r.Context(), points); err != nil {
			h.trouble.Failed(err)
			w.Header().Set("Retry-After", retryAfter)
			influxError(w, r, http.StatusServiceUnavailable, "not taken: send again later")
			return
		}
		h.trouble.OK()
	}
	h.points.Add(len(points))
	h.bad.Add(len(bad))
	if len(bad) > 0 {
		influxError(w, r, http.StatusBadRequest, partialWrite(bad, len(points)))
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// farOff is how far from now a point's time is only when it was meant in another unit: seconds that are read as nanoseconds.
const farOff = 10 * 365 * 24 * time.Hour

// lookAtTimes says, once of a kind, when points are of no use to any rule for their times. InfluxDB takes such points too.
func (h *lineProtocol) lookAtTimes(points []influx.Point) {
	now := h.Now()
	for _, p := range points {
		if off := p.Time.Sub(now); -farOff <= off && off <= farOff {
			continue
		}
		h.farOff.Inc()
		h.precision.Failed(fmt.Errorf("%s: found %s, years from now: does the sender name the precision of its times?", p.Measurement, p.Time.UTC().Format(time.RFC3339)))
	}
}

// precisionOf is the unit of the request's times, in the words of 2.x or 1.x.
func precisionOf(r *http.Request) (lineprotocol.Precision, error) {
	switch p := r.URL.Query().Get("precision"); p {
	case "", "ns", "n":
		return lineprotocol.Nanosecond, nil
	case "us", "u", "µ":
		return lineprotocol.Microsecond, nil
	case "ms":
		return lineprotocol.Millisecond, nil
	case "s":
		return lineprotocol.Second, nil
	default:
		return 0, fmt.Errorf("invalid precision %.40q (use ns, us, ms or s)", p)
	}
}

// Bounds of the answer to a write with bad lines.
const (
	maxNamedLines = 10
	maxLineText   = 120 // bytes
)

// partialWrite words bad lines as InfluxDB does, with their numbers added. `dropped` counts them all.
func partialWrite(bad []influx.LineError, taken int) string {
	named := make([]string, 0, maxNamedLines+1)
	for _, b := range bad[:min(len(bad), maxNamedLines)] {
		text := b.Text
		if len(text) > maxLineText {
			text = strings.ToValidUTF8(text[:maxLineText], "") + "…"
		}
		named = append(named, fmt.Sprintf("line %d: unable to parse '%s': %v", b.Line, strings.ToValidUTF8(text, "\uFFFD"), b.Err))
	}
	if more := len(bad) - maxNamedLines; more > 0 {
		named = append(named, fmt.Sprintf("and %d more", more))
	}
	message := strings.Join(named, "\n")
	if taken == 0 {
		return message
	}
	return fmt.Sprintf("partial write: %s dropped=%d", message, len(bad))
}

// influxError answers as InfluxDB does: {"code","message"} as 2.x, {"error"} on the path of 1.x, and the header
// that all versions send.
func influxError(w http.ResponseWriter, r *http.Request, status int, message string) {
	var body any = map[string]string{"code": influxCode(status), "message": message}
	if r.URL.Path == "/write" {
		body = map[string]string{"error": message}
	}
	w.Header().Set("X-Influxdb-Error", headerText(message))
	writeJSON(w, status, body)
}

func influxCode(status int) string {
	switch status {
	case http.StatusRequestEntityTooLarge:
		return "request too large"
	case http.StatusMethodNotAllowed:
		return "method not allowed"
	case http.StatusServiceUnavailable:
		return "unavailable"
	}
	return "invalid"
}

// headerText is text fit for a header: one line of printable ASCII.
func headerText(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '…':
			return '.'
		case r < ' ' || r == 0x7f:
			return ' '
		case r > 0x7e:
			return '?'
		}
		return r
	}, s)
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body) //nolint:errcheck // strings and maps always encode; if the write fails, the client is gone
}
