package rule_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"nezuban/agent/influx"
	"nezuban/router/internal/incident"
)

const pastRules = `
[[rule]]
id = "memory"
kind = "threshold"
measurement = "docker_container_mem"
field = "usage_percent"
above = 90.0
runbook = "https://wiki.example/memory"
`

// spoken is an event of any container on h1 in words: a name, an action, then id=, image=, version=, requested, status= and
// started= (seconds after the epoch).
func spoken(text string, at time.Time) influx.Point {
	words := strings.Fields(text)
	p := influx.Point{Measurement: influx.ContainerEvent, Time: at, Tags: []influx.Tag{
		{Key: influx.TagHost, Value: "h1"}, {Key: influx.TagContainerName, Value: words[0]}, {Key: influx.TagAction, Value: words[1]},
	}}
	names := map[string]string{"id": influx.FieldContainerID, "image": influx.FieldImage, "version": influx.FieldVersion, "status": influx.FieldStatus}
	for _, word := range words[2:] {
		key, value, _ := strings.Cut(word, "=")
		switch {
		case names[key] != "":
			p.Fields = append(p.Fields, influx.String(names[key], value))
		case key == "requested":
			p.Fields = append(p.Fields, influx.Bool(influx.FieldRequested, true))
		case key == "started":
			seconds, _ := strconv.Atoi(value)
			p.Fields = append(p.Fields, influx.Int(influx.FieldStartedAt, epoch.Add(time.Duration(seconds)*time.Second).UnixNano()))
		}
	}
	return p
}

// TestWhatChangedJustBefore lets things happen on a host at given seconds, and then asks what an alert of another container
// of it, at second 1000, says of them.
func TestWhatChangedJustBefore(t *testing.T) {
	type happening struct {
		second int
		text   string
	}
	for _, row := range []struct {
		name string
		was  []happening
		want []string
	}{
		{"nothing", nil, nil},
		{"a first start", []happening{{990, "app start id=1 image=app version=1.4"}}, []string{"990 container app was started, app:1.4"}},
		{"an image without a version", []happening{{990, "app start id=1 image=app version=unknown"}}, []string{"990 container app was started, app"}},
		{"a deploy", []happening{
			{10, "app start id=1 image=app version=1.4"},
			{900, "app die id=1 requested"},
			{900, "app stop id=1"},
			{901, "app start id=2 image=app version=1.5"},
		}, []string{"901 container app was replaced: app:1.4 → app:1.5", "10 container app was started, app:1.4"}},
		{"a deploy of what was found running", []happening{
			{500, "app present id=1 image=app version=1.4 status=running started=-86400"},
			{901, "app start id=2 image=app version=1.5"},
		}, []string{"901 container app was replaced: app:1.4 → app:1.5"}},
		{"found running since just before", []happening{{950, "app present id=1 image=app version=1.4 status=running started=940"}}, []string{"940 container app was started, app:1.4"}},
		{"found stopped", []happening{{950, "app present id=1 image=app version=1.4 status=exited started=940"}}, nil},
		{"a start that is found again a moment later", []happening{
			{940, "app start id=1 image=app version=1.4"},
			{950, "app present id=1 image=app version=1.4 status=running started=941"},
		}, []string{"940 container app was started, app:1.4"}},
		{"the same image anew", []happening{{10, "app start id=1 image=app"}, {950, "app start id=2 image=app"}}, []string{
			"950 container app was replaced, app", "10 container app was started, app",
		}},
		{"starts again and again", []happening{
			{100, "app start id=1 image=app"}, {910, "app start id=1 image=app"}, {920, "app start id=1 image=app"}, {930, "app start id=1 image=app"},
		}, []string{"930 container app was started again, app (3 times)", "100 container app was started, app"}},
		{"stopped", []happening{{950, "app die id=1 requested"}, {951, "app stop id=1"}}, []string{"950 container app was stopped on request"}},
		{"a crash is no change", []happening{{950, "app die id=1"}}, nil},
		{"told twice", []happening{
			{950, "app start id=1 image=app"}, {950, "app start id=1 image=app"}, {960, "app die id=1 requested"}, {960, "app die id=1 requested"},
		}, []string{"960 container app was stopped on request", "950 container app was started, app"}},
		{"told late", []happening{{950, "app start id=2 image=app"}, {940, "app die id=1 requested"}, {930, "app start id=1 image=app"}}, []string{"950 container app was started, app"}},
		{"after the alert", []happening{{1001, "app start id=1 image=app"}}, nil},
		{"more than half an hour before", []happening{{-801, "app start id=1 image=app"}}, nil},
		{"half an hour before", []happening{{-800, "app start id=1 image=app"}}, []string{"-800 container app was started, app"}},
		{"many", []happening{{1, "a start"}, {2, "b start"}, {3, "c start"}, {4, "d start"}, {5, "e start"}, {6, "f start"}}, []string{
			"6 container f was started", "5 container e was started", "4 container d was started", "3 container c was started", "2 container b was started",
		}},
	} {
		for _, rules := range []string{pastRules, pastRules + containerRules} { // it does not depend on rules about containers
			t.Run(row.name, func(t *testing.T) {
				w := newWorld(t, rules, "")
				for _, h := range row.was {
					w.now = epoch.Add(time.Duration(max(h.second, 0)) * time.Second)
					w.observe(spoken(h.text, epoch.Add(time.Duration(h.second)*time.Second)))
				}
				w.alerts = nil
				w.now = epoch.Add(1010 * time.Second)
				w.observe(mem("h2", "db", 95, epoch.Add(1000*time.Second)), mem("h1", "db", 95, epoch.Add(1000*time.Second)))
				if len(w.alerts) != 2 {
					t.Fatalf("found %+v, want two alerts", w.alerts)
				}
				for _, a := range w.alerts {
					var got []string
					for _, mark := range a.Before {
						got = append(got, fmt.Sprintf("%d %s", mark.At.Sub(epoch)/time.Second, mark.Text))
					}
					want := row.want
					if a.Labels["host"] != "h1" {
						want = nil
					}
					if !slices.Equal(got, want) {
						t.Errorf("of %s said\n\t%s\nwant\n\t%s", a.Labels["host"], strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
					}
				}
			})
		}
	}
}

// TestWhatChangedIsKnownAfterARestart asks the records of containers for what an engine that has just started cannot have
// seen.
func TestWhatChangedIsKnownAfterARestart(t *testing.T) {
	w := newWorld(t, pastRules+containerRules, "")
	w.observe(spoken("app start id=1 image=app version=1.4", w.now))
	w.wait(10 * time.Minute)
	w.restart()
	w.observe(spoken("app start id=2 image=app version=1.5", w.now))
	w.alerts = nil
	w.observe(mem("h1", "db", 95, w.now))
	if len(w.alerts) != 1 || len(w.alerts[0].Before) != 2 {
		t.Fatalf("found %+v, want what happened before the restart and after", w.alerts)
	}
	for i, want := range []string{"container app was replaced: app:1.4 → app:1.5", "container app was started, app:1.4"} {
		if got := w.alerts[0].Before[i].Text; got != want {
			t.Errorf("found %q, want %q", got, want)
		}
	}
}

// TestWhatChangedIsBounded lets one sender speak of more hosts, containers and changes than there can be.
func TestWhatChangedIsBounded(t *testing.T) {
	w := newWorld(t, pastRules, "")
	long := strings.Repeat("x", 5000)
	for i := range 600 {
		w.observe(spoken(fmt.Sprintf("c%d-%s start id=1 image=%s", i, long, long), w.now))
	}
	w.alerts = nil
	w.observe(mem("h1", "db", 95, w.now))
	if n := len(w.alerts[0].Before); n != 5 {
		t.Errorf("found %d changes in an alert, want 5", n)
	}
	for _, mark := range w.alerts[0].Before {
		if len(mark.Text) > 250 {
			t.Errorf("found a text of %d bytes", len(mark.Text))
		}
	}
}

// TestReasonsAndRunbooks asks each kind of rule why it speaks, and what to do.
func TestReasonsAndRunbooks(t *testing.T) {
	const config = `
[[rule]]
id = "memory"
kind = "threshold"
measurement = "docker_container_mem"
field = "usage_percent"
above = 90.0
for = "10s"
summary = "memory is short"
runbook = "https://wiki.example/memory"

[[rule]]
id = "gone"
kind = "absence"
measurement = "nezuban_agent"
after = "2m"
runbook = "https://wiki.example/gone"

[[slo]]
id = "shop-availability"
check = "shop"
objective = 99.9
runbook = "https://wiki.example/slo"
` + containerRules
	const checks = "locations = [\"oregon\", \"tokyo\", \"paris\"]\n[[check]]\nname = \"shop\"\nurl = \"https://shop.example/\"\nrunbook = \"https://wiki.example/shop\"\n"
	for _, row := range []struct {
		name    string
		happens func(w *world)
		reason  string
		runbook string
	}{
		{"threshold", func(w *world) {
			w.observe(mem("h1", "db", 93, w.now))
			w.wait(10 * time.Second)
			w.observe(mem("h1", "db", 95.5, w.now))
		}, "docker_container_mem usage_percent is 95.5, above 90 for 10s", "https://wiki.example/memory"},
		{"absence", func(w *world) {
			w.observe(heartbeat("h1", influx.StateUp, w.now))
			w.wait(3 * time.Minute)
		}, "no nezuban_agent since 10:00:00 UTC, longer than 2m, and no goodbye before", "https://wiki.example/gone"},
		{"absence after a restart", func(w *world) {
			w.observe(heartbeat("h1", influx.StateUp, w.now))
			w.restart()
			w.wait(3 * time.Minute)
		}, "no nezuban_agent since the router's start, longer than 2m, and no goodbye before", "https://wiki.example/gone"},
		{"died", func(w *world) { w.observe(happened(t, "die exit=137", w.now)) }, "exit 137, which nobody asked for, and no restart policy", ""},
		{"not running again", func(w *world) {
			w.observe(happened(t, "die exit=137 policy=always", w.now))
			w.wait(11 * time.Second)
		}, "exit 137, which nobody asked for, and not running again 10s later despite its restart policy", ""},
		{"loop", func(w *world) {
			for range 3 {
				w.observe(happened(t, "die exit=1 policy=always", w.now), happened(t, "start policy=always", w.now.Add(time.Second)))
				w.wait(2 * time.Second)
			}
		}, "exit 1, death 3 within 10m, at 3 it fires", ""},
		{"oom", func(w *world) { w.observe(happened(t, "oom", w.now)) }, "the kernel killed in it for want of memory", ""},
		{"unhealthy", func(w *world) { w.observe(happened(t, "health_status health=unhealthy", w.now)) }, "its own health check says unhealthy", ""},
		{"quorum", func(w *world) {
			w.observe(probe("shop", "oregon", false, w.now), probe("shop", "tokyo", false, w.now), probe("shop", "paris", true, w.now))
		}, "2 of 3 locations see it down, 2 are enough", "https://wiki.example/shop"},
		{"objective", func(w *world) {
			for range 5 {
				w.observe(probe("shop", "oregon", false, w.now))
				w.wait(30 * time.Second)
			}
		}, "burning the 30-day budget 1e+03× too fast (1h; 1e+03× in 5m; limit 14.4×)", "https://wiki.example/slo"},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t, config, checks)
			row.happens(w)
			if !slices.ContainsFunc(w.alerts, func(a incident.Alert) bool {
				return a.Firing && a.Reason == row.reason && a.Runbook == row.runbook
			}) {
				t.Errorf("found %+v\nwant one with %q, %q", w.alerts, row.reason, row.runbook)
			}
		})
	}
}
