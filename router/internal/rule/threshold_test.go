package rule_test

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"nezuban/agent/influx"
	"nezuban/router/internal/incident"
	"nezuban/router/internal/rule"
)

const memRule = `
[[rule]]
id = "mem"
kind = "threshold"
measurement = "docker_container_mem"
field = "usage_percent"
above = 90
`

const (
	memFiring   = "ticket firing mem|web|h1"
	memResolved = "ticket resolved mem|web|h1"
)

// memSample is one sample of web on h1, at a time after the epoch.
type memSample struct {
	after   time.Duration
	percent float64
}

func TestThreshold(t *testing.T) {
	s := func(seconds int, percent float64) memSample {
		return memSample{time.Duration(seconds) * time.Second, percent}
	}
	tests := []struct {
		name    string
		more    string // keys
		samples []memSample
		wait    time.Duration // after the last sample
		want    []string
	}{
		{"fires on arrival", "", []memSample{s(0, 91)}, 0, []string{memFiring}},
		{"the limit itself is not above", "", []memSample{s(0, 90)}, 0, nil},
		{"fires once, resolves once", "", []memSample{s(0, 91), s(10, 95), s(20, 80), s(30, 81)}, 0, []string{memFiring, memResolved}},
		{"silence does not resolve", "", []memSample{s(0, 91)}, time.Hour, []string{memFiring}},
		{"a sample older than the newest does not resolve", "", []memSample{s(10, 91), s(5, 10)}, time.Minute, []string{memFiring}},
		{"no number is no data", "", []memSample{s(0, math.NaN()), s(1, math.Inf(1))}, time.Minute, nil},
		{"from far ahead counts as now", "", []memSample{s(3600, 91), s(1, 10)}, 0, []string{memFiring, memResolved}},
		{"for: not before", `for = "60s"`, []memSample{s(0, 91), s(30, 92), s(59, 93)}, 0, nil},
		{"for: the clock alone shows nothing", `for = "60s"`, []memSample{s(0, 91), s(30, 92)}, time.Hour, nil},
		{"for: by the sample that shows it", `for = "60s"`, []memSample{s(0, 91), s(30, 92), s(60, 93)}, 0, []string{memFiring}},
		{"for: a false between begins it again", `for = "60s"`, []memSample{s(0, 91), s(30, 80), s(40, 91), s(80, 92)}, 0, nil},
		{"for: a gap between begins it again", `for = "60s"`, []memSample{s(0, 91), s(100, 91)}, 0, nil},
		{"for: silence does not go on holding", `for = "5m"`, []memSample{s(0, 91), s(30, 91)}, time.Hour, nil},
		{"stale: longer intervals can be told", "for = \"60s\"\nstale = \"10m\"", []memSample{s(0, 91), s(300, 91)}, 0, []string{memFiring}},
		{"backlog of what is over fires nothing", "", []memSample{s(-600, 91)}, 0, nil},
		{"where: another container", `where = { container_name = "db" }`, []memSample{s(0, 99)}, 0, nil},
		{"where: this container", `where = { container_name = "web" }`, []memSample{s(0, 99)}, 0, []string{memFiring}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, memRule+tt.more, "")
			for _, s := range tt.samples {
				at := epoch.Add(s.after)
				if at.After(w.now) && at.Sub(w.now) <= 10*time.Minute {
					w.wait(at.Sub(w.now))
				}
				w.observe(mem("h1", "web", s.percent, at))
			}
			w.wait(tt.wait)
			w.expect(tt.want...)
		})
	}
}

func TestThresholdBelow(t *testing.T) {
	w := newWorld(t, strings.Replace(memRule, "above", "below", 1), "")
	w.observe(mem("h1", "web", 90, w.now), mem("h1", "db", 89.9, w.now))
	w.expect("ticket firing mem|db|h1")
}

func TestThresholdBatchEndsFalse(t *testing.T) {
	w := newWorld(t, memRule, "")
	w.observe(mem("h1", "web", 99, w.now.Add(-20*time.Second)), mem("h1", "web", 10, w.now))
	w.expect()
	w.wait(time.Minute)
	w.expect()
}

// TestThresholdOfSeveralSeries has one alert a host over all its disks.
func TestThresholdOfSeveralSeries(t *testing.T) {
	const config = `
[[rule]]
id = "disk"
kind = "threshold"
measurement = "disk"
field = "used_percent"
above = 90
`
	disk := func(path string, percent float64, at time.Time) influx.Point {
		return influx.Point{
			Measurement: influx.Disk, Time: at, Tags: []influx.Tag{{Key: "host", Value: "h1"}, {Key: "path", Value: path}},
			Fields: []influx.Field{influx.Float(influx.FieldUsedPercent, percent)},
		}
	}
	w := newWorld(t, config, "")
	w.observe(disk("/", 50, w.now), disk("/data", 95, w.now))
	w.expect("ticket firing disk|h1")
	w.wait(time.Minute)
	w.observe(disk("/", 50, w.now))
	w.expect() // another disk says nothing about this one
	w.observe(disk("/data", 85, w.now))
	w.expect("ticket resolved disk|h1")

	w.observe(disk("/data", 95, w.now.Add(time.Second)))
	w.expect("ticket firing disk|h1")
	for range 20 {
		w.wait(time.Minute)
		w.observe(disk("/", 50, w.now))
	}
	w.expect("ticket resolved disk|h1") // silent for more than ten minutes while others speak: it is gone
}

func TestThresholdAlert(t *testing.T) {
	config := memRule + `
for = "5m"
severity = "page"
labels = { team = "db" }
`
	tests := []struct{ name, summary, want string }{
		{"default words", "", "docker_container_mem usage_percent of web, h1 is 97.25, above 90 for 5m"},
		{"own words", `summary = "{team}: {container_name} on {host} uses {value} % ({limit}, {for})"`, "db: web on h1 uses 97.25 % (90, 5m)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, config+tt.summary, "")
			for range 31 {
				w.observe(mem("h1", "web", 97.25, w.now))
				w.wait(10 * time.Second)
			}
			if len(w.alerts) != 1 {
				t.Fatalf("%d alerts, want 1", len(w.alerts))
			}
			a := w.alerts[0]
			if a.Summary != tt.want {
				t.Errorf("summary %q, want %q", a.Summary, tt.want)
			}
			if a.Kind != incident.KindState || a.Severity != incident.SeverityPage || a.Rule != "mem" {
				t.Errorf("alert %+v", a)
			}
			for name, want := range map[string]string{"host": "h1", "container_name": "web", "team": "db"} {
				if a.Labels[name] != want {
					t.Errorf("label %s = %q, want %q", name, a.Labels[name], want)
				}
			}
		})
	}
}

func TestThresholdWordsWithoutTags(t *testing.T) {
	for _, tt := range []struct{ name, host, container, want string }{
		{"one of two", "h1", "", "docker_container_mem usage_percent of h1 is 95, above 90"},
		{"none", "", "", "docker_container_mem usage_percent is 95, above 90"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, memRule, "")
			w.observe(mem(tt.host, tt.container, 95, w.now))
			if len(w.alerts) != 1 || w.alerts[0].Summary != tt.want {
				t.Errorf("found %+v, want %q", w.alerts, tt.want)
			}
		})
	}
}

// TestThresholdForOutlivesCrash: the start is stored when it begins and deleted when it is over.
func TestThresholdForOutlivesCrash(t *testing.T) {
	w := newWorld(t, memRule+`for = "5m"`, "")
	for range 24 {
		w.observe(mem("h1", "web", 95, w.now))
		w.wait(10 * time.Second)
	}
	if w.writes != 1 || len(w.records) != 1 {
		t.Errorf("%d writes, %d records before the crash; want one of each", w.writes, len(w.records))
	}
	w.now = w.now.Add(20 * time.Second) // down
	w.restart()
	w.wait(10 * time.Second)
	w.expect() // 4m30s, and no sample since
	for range 4 {
		w.observe(mem("h1", "web", 95, w.now))
		w.wait(10 * time.Second)
	}
	w.expect(memFiring) // 5 minutes after it began, not after the crash
	w.observe(mem("h1", "web", 5, w.now))
	w.wait(2 * time.Second)
	w.restart()
	if len(w.records) != 0 {
		t.Errorf("records left over: %v", w.records)
	}
}

func TestThresholdRestartNeverResolves(t *testing.T) {
	w := newWorld(t, memRule, "")
	before := mem("h1", "web", 10, w.now)
	w.observe(before)
	w.wait(10 * time.Second)
	w.observe(mem("h1", "web", 95, w.now))
	w.expect(memFiring)
	w.restart()
	w.wait(10 * time.Minute)
	w.observe(before) // sent again
	w.wait(time.Minute)
	w.expect()
	w.observe(mem("h1", "web", 20, w.now))
	w.expect(memResolved)
}

// TestFiringWithoutRecord: what the incidents say fires is resolved only by what is newer than the start.
func TestFiringWithoutRecord(t *testing.T) {
	w := newWorld(t, memRule, "")
	w.firing["mem|web|h1"] = true
	w.restart()
	w.observe(mem("h1", "web", 10, w.now.Add(-time.Second)))
	w.wait(2 * time.Minute)
	w.expect()
	w.observe(mem("h1", "web", 10, w.now))
	w.expect(memResolved)
}

func TestRelease(t *testing.T) {
	for _, restarted := range []bool{false, true} {
		w := newWorld(t, memRule, "")
		w.observe(mem("h1", "web", 95, w.now))
		w.expect(memFiring)
		delete(w.firing, "mem|web|h1") // a person has resolved the incident
		if restarted {
			w.restart()
		} else {
			w.commit(w.engine.Release("mem|web|h1"))
		}
		w.wait(10 * time.Second)
		if restarted && len(w.records) != 0 {
			t.Errorf("records left over: %v", w.records)
		}
		w.observe(mem("h1", "web", 96, w.now))
		if got := w.said(); !slices.Equal(got, []string{memFiring}) {
			t.Errorf("restarted %v: said %v, want that it fires anew", restarted, got)
		}
	}
}

// TestRefusedStep: what was not accepted is said again, by the same batch and by the next tick.
func TestRefusedStep(t *testing.T) {
	tests := []struct {
		name string
		ask  func(w *world) rule.Step
	}{
		{"by the same batch", func(w *world) rule.Step {
			return w.engine.Observe([]influx.Point{mem("h1", "web", 95, epoch)}, w.now)
		}},
		{"by a tick", func(w *world) rule.Step { return w.engine.Tick(w.now) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, memRule, "")
			refused := w.engine.Observe([]influx.Point{mem("h1", "web", 95, w.now)}, w.now)
			if refused.Empty() {
				t.Fatal("the first step is empty")
			}
			w.now = w.now.Add(time.Second)
			w.commit(tt.ask(w))
			w.expect(memFiring)
			w.commit(tt.ask(w))
			w.expect()
		})
	}
}

// What fired at a start, was over, and was silent for so long that it was forgotten, fires when it holds again.
func TestThresholdFiresAgainAfterAStartAndASilence(t *testing.T) {
	w := newWorld(t, memRule, "")
	w.observe(mem("h1", "web", 95, w.now))
	w.expect("ticket firing mem|web|h1")
	w.restart()
	w.wait(time.Minute)
	w.observe(mem("h1", "web", 50, w.now))
	w.wait(5 * time.Minute)
	w.expect("ticket resolved mem|web|h1")
	w.wait(time.Hour)
	w.observe(mem("h1", "web", 95, w.now))
	w.wait(time.Second)
	w.expect("ticket firing mem|web|h1")
}
