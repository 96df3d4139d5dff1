package duty

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/VictoriaMetrics/metrics"

	"nezuban/router/internal/incident"
)

func TestAttemptsAreCountedByResult(t *testing.T) {
	d := &Deliverer{Metrics: metrics.NewSet()}
	d.count("sms", incident.Outcome{})
	d.count("sms", incident.Outcome{Err: errors.New("503")})
	d.count("sms", incident.Outcome{Err: errors.New("404"), Permanent: true})
	d.count("call", incident.Outcome{Err: errors.New("404"), Permanent: true})
	var out bytes.Buffer
	d.Metrics.WritePrometheus(&out)
	for _, line := range []string{
		`nezuban_messages_total{channel="sms",result="sent"} 1`, `nezuban_messages_total{channel="sms",result="failed"} 1`,
		`nezuban_messages_total{channel="sms",result="refused"} 1`, `nezuban_messages_total{channel="call",result="refused"} 1`,
	} {
		if !strings.Contains(out.String(), line+"\n") {
			t.Errorf("no %s in\n%s", line, out.String())
		}
	}
}
