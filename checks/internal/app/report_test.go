package app

import (
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"nezuban/agent/influx"
	"nezuban/checks/check"
)

func TestReporterHurriesChanges(t *testing.T) {
	out := &points{}
	r := newReporter("tokyo", out, metrics.NewSet(), time.Unix(0, 0))
	r.keep([]check.Check{{Name: "a"}, {Name: "b"}})
	steps := []struct {
		check   string
		outcome check.Outcome
		now     bool
	}{
		{"a", check.Success, false},
		{"a", check.Timeout, true},
		{"a", check.ConnectionFailed, false}, // still a failure
		{"b", check.DNSError, true},          // first result, and a failure
		{"a", check.Success, true},
		{"a", check.Success, false},
		{"gone", check.Success, false},
	}
	for i, s := range steps {
		before := len(out.now)
		r.result(check.Result{Check: s.check, Location: "tokyo", Outcome: s.outcome})
		if hurried := len(out.now) > before; hurried != s.now || len(out.all) != i+1 {
			t.Errorf("step %d, %s %s: at once %v, expected %v; %d points", i, s.check, s.outcome, hurried, s.now, len(out.all))
		}
	}
	if len(r.failing) != 2 {
		t.Errorf("keeps %v, which is not all in force", r.failing)
	}

	r.result(check.Result{Check: "a", Outcome: check.Timeout})
	r.keep([]check.Check{{Name: "a"}})
	if !r.failing["a"] || len(r.failing) != 1 {
		t.Errorf("after a reload: %v", r.failing)
	}
}

func TestReporterHeartbeat(t *testing.T) {
	out := &points{}
	r := newReporter("tokyo", out, metrics.NewSet(), time.Unix(100, 0))
	r.keep([]check.Check{{Name: "a"}, {Name: "b"}})
	r.beat(time.Unix(130, 0))
	r.goodbye(time.Unix(160, 0))
	lines, err := influx.Encode(nil, out.now)
	if err != nil {
		t.Fatal(err)
	}
	want := "nezuban_checks,location=tokyo state=\"up\",checks=2i,uptime_seconds=30 130000000000\n" +
		"nezuban_checks,location=tokyo state=\"goodbye\",checks=2i,uptime_seconds=60 160000000000\n"
	if string(lines) != want {
		t.Errorf("found %s", lines)
	}
}
