package rule_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"nezuban/agent/influx"
	"nezuban/router/internal/incident"
)

const containerRules = `
[[rule]]
id = "died"
kind = "container_died"

[[rule]]
id = "oom"
kind = "container_oom"

[[rule]]
id = "health"
kind = "container_unhealthy"
`

const (
	diedPage     = "page firing died|web|h1"
	diedTicket   = "ticket firing died|web|h1"
	diedResolved = "page resolved died|web|h1"
)

// happened is a container event in words: an action, then key=value. Keys: id (c1 unless given), exit, policy, rm,
// requested, health, status, started (seconds after the epoch), signal.
func happened(tb fatal, text string, at time.Time) influx.Point {
	tb.Helper()
	words := strings.Fields(text)
	p := influx.Point{
		Measurement: influx.ContainerEvent, Time: at,
		Tags: []influx.Tag{
			{Key: influx.TagHost, Value: "h1"}, {Key: influx.TagContainerName, Value: "web"}, {Key: influx.TagAction, Value: words[0]},
		},
	}
	id := "c1"
	add := func(f influx.Field) { p.Fields = append(p.Fields, f) }
	for _, word := range words[1:] {
		key, value, _ := strings.Cut(word, "=")
		number, _ := strconv.Atoi(value)
		switch key {
		case "id":
			id = value
		case "exit":
			add(influx.Int(influx.FieldExitCode, int64(number)))
		case "policy":
			add(influx.String(influx.FieldRestartPolicy, value))
		case "rm":
			add(influx.Bool(influx.FieldAutoRemove, true))
		case "requested":
			add(influx.Bool(influx.FieldRequested, true))
		case "health":
			add(influx.String(influx.FieldHealth, value))
		case "status":
			add(influx.String(influx.FieldStatus, value))
		case "signal":
			add(influx.String(influx.FieldSignal, value))
		case "started":
			add(influx.Int(influx.FieldStartedAt, epoch.Add(time.Duration(number)*time.Second).UnixNano()))
		default:
			tb.Fatalf("event %q: unknown key %q", text, key)
		}
	}
	add(influx.String(influx.FieldContainerID, id))
	add(influx.String(influx.FieldImage, "nginx"))
	return p
}

// told is an event that happens some seconds after the epoch and arrives later by delay, in a batch with those before
// it that arrive at the same time.
type told struct {
	second float64
	text   string
	delay  time.Duration
}

func TestContainerDied(t *testing.T) {
	e := func(second float64, text string) told { return told{second: second, text: text} }
	late := func(second float64, text string, arrives float64) told {
		return told{second, text, time.Duration((arrives - second) * float64(time.Second))}
	}
	tests := []struct {
		name   string
		events []told
		wait   time.Duration
		want   []string
	}{
		{"a crash pages at once", []told{e(0, "start"), e(5, "die exit=1 policy=no")}, 0, []string{diedPage}},
		{"a crash of a container whose policy is not known pages", []told{e(5, "die exit=1")}, 0, []string{diedPage}},
		{"exit 0 is no crash", []told{e(5, "die exit=0 policy=no")}, time.Minute, nil},
		{"docker kill pages", []told{e(5, "kill signal=9"), e(5.1, "die exit=137 policy=no")}, time.Minute, []string{diedPage}},
		{"docker stop pages nobody", []told{e(5, "kill"), e(15, "kill"), e(15.1, "die exit=137 requested"), e(15.2, "stop")}, time.Minute, nil},
		{"a stop that comes late resolves", []told{e(5, "kill"), e(5.1, "die exit=137"), e(7, "stop")}, 0, []string{diedPage, diedResolved}},
		{"a destroy that comes late resolves", []told{e(5, "kill"), e(5.1, "die exit=137"), e(7, "destroy")}, 0, []string{diedPage, diedResolved}},
		{"a destroy of another container does not", []told{e(5, "kill"), e(5.1, "die exit=137"), e(7, "destroy id=c2")}, 0, []string{diedPage}},
		{"a crash under --rm pages, its destroy resolves nothing", []told{e(5, "die exit=1 rm"), e(5.1, "destroy rm")}, time.Minute, []string{diedPage}},
		{"a killed one under --rm neither", []told{e(5, "kill"), e(5.1, "die exit=137 rm"), e(5.2, "destroy rm")}, time.Minute, []string{diedPage}},
		{"a crash that is cleaned away stays", []told{e(5, "die exit=1"), e(60, "destroy")}, 0, []string{diedPage}},
		{"an old kill explains no destroy", []told{e(5, "kill signal=1"), e(100, "die exit=1"), e(101, "destroy")}, 0, []string{diedPage}},
		{"a kill of an earlier life explains nothing", []told{e(1, "kill"), e(2, "start"), e(3, "die exit=1"), e(4, "stop")}, 0, []string{diedPage}},
		{"a start of that name resolves", []told{e(5, "die exit=1"), e(30, "start id=c2")}, 0, []string{diedPage, diedResolved}},
		{"found running later resolves", []told{e(5, "die exit=1"), e(30, "present status=running started=20")}, 0, []string{diedPage, diedResolved}},
		{"found running since before does not", []told{e(5, "die exit=1"), e(30, "present status=running started=1")}, 0, []string{diedPage}},
		{"found exited invents no death", []told{e(0, "start"), e(30, "present status=exited exit=1")}, time.Minute, nil},
		{"a second crash pages again", []told{e(5, "die exit=1"), e(6, "start"), e(7, "die exit=1")}, 0, []string{diedPage, diedResolved, diedPage}},

		{"restarted in time: nobody", []told{e(5, "die exit=1 policy=always"), e(5.4, "start")}, time.Minute, nil},
		{"not restarted: after 10 s", []told{e(5, "die exit=1 policy=always")}, 9 * time.Second, nil},
		{"not restarted: after 10 s, it pages", []told{e(5, "die exit=1 policy=on-failure")}, 10 * time.Second, []string{diedPage}},
		{"restarted after that: resolved", []told{e(5, "die exit=1 policy=unless-stopped"), e(35, "start")}, 0, []string{diedPage, diedResolved}},
		{"found running in time: nobody", []told{e(5, "die exit=1 policy=always"), e(9, "present status=running started=6")}, time.Minute, nil},
		{"stopped while it waits: nobody", []told{e(4, "kill"), e(5, "die exit=1 policy=always"), e(6, "stop")}, time.Minute, nil},
		{"three deaths in 10 minutes", []told{
			e(0, "die exit=1 policy=always"), e(1, "start"), e(200, "die exit=1 policy=always"), e(201, "start"), e(599, "die exit=1 policy=always"),
		}, 0, []string{diedPage}},
		{"three deaths in more", []told{
			e(0, "die exit=1 policy=always"), e(1, "start"), e(200, "die exit=1 policy=always"), e(201, "start"),
			e(600, "die exit=1 policy=always"), e(601, "start"),
		}, time.Minute, nil},
		{"a loop's own restarts do not resolve it", []told{
			e(0, "die exit=1 policy=always"), e(1, "start"), e(2, "die exit=1 policy=always"), e(3, "start"),
			e(4, "die exit=1 policy=always"), e(5, "start"), e(6, "die exit=1 policy=always"), e(7, "start"),
		}, 9 * time.Minute, []string{diedPage, diedPage}},
		{"a loop that stays up is over", []told{
			e(0, "die exit=1 policy=always"), e(1, "start"), e(2, "die exit=1 policy=always"), e(3, "start"),
			e(4, "die exit=1 policy=always"), e(5, "start"),
		}, 11 * time.Minute, []string{diedPage, diedResolved}},
		{"a loop that ends dead is resolved by its next start", []told{
			e(0, "die exit=1 policy=always"), e(1, "start"), e(2, "die exit=1 policy=always"), e(3, "start"),
			e(4, "die exit=1 policy=always"), e(900, "start"),
		}, 0, []string{diedPage, diedResolved}},
		{"a loop that is deployed anew is over", []told{
			e(0, "die exit=1 policy=always"), e(1, "start"), e(2, "die exit=1 policy=always"), e(3, "start"),
			e(4, "die exit=1 policy=always"), e(9, "start id=c2"),
		}, 0, []string{diedPage, diedResolved}},
		{"a loop that is stopped is over", []told{
			e(0, "die exit=1 policy=always"), e(1, "start"), e(2, "die exit=1 policy=always"), e(3, "start"),
			e(4, "die exit=1 policy=always"), e(5, "start"), e(6, "kill"), e(7, "die exit=143 requested"),
		}, 0, []string{diedPage, diedResolved}},
		{"a deploy of a looping name starts the count anew", []told{
			e(0, "die exit=1 policy=always"), e(1, "start"), e(2, "die exit=1 policy=always"), e(3, "start id=c2"),
			e(4, "die exit=1 policy=always id=c2"), e(5, "start id=c2"),
		}, time.Minute, nil},

		{"backlog that still holds pages", []told{
			late(600, "present status=exited exit=1", 600), late(100, "die exit=1", 601),
		}, 0, []string{diedPage}},
		{"backlog that is over is a ticket", []told{
			late(600, "present status=running started=300", 600), late(100, "die exit=1", 601),
		}, 0, []string{diedTicket}},
		{"backlog that is over within its batch too", []told{
			late(100, "die exit=1", 601), late(300, "start", 601),
		}, 0, []string{diedTicket, diedResolved}},
		{"backlog under a policy that mended itself is nothing", []told{
			late(600, "present status=running started=101", 600), late(100, "die exit=1 policy=always", 601),
		}, time.Minute, nil},
		{"backlog under a policy that did not restart pages after 10 s", []told{
			late(600, "present status=exited", 600), late(100, "die exit=1 policy=always", 601),
		}, 10 * time.Second, []string{diedPage}},
		{"an event older than the newest is only noted", []told{e(10, "start"), late(5, "die exit=1", 20)}, time.Minute, nil},
		{"events from more than a day ago are dropped", []told{late(-100000, "die exit=1", 1)}, time.Minute, nil},

		{"one clock an hour ahead does not outrank what follows", []told{
			{second: 3600, text: "start", delay: -time.Hour}, e(10, "die exit=1"),
		}, 0, []string{diedPage}},
		{"a host an hour ahead keeps its own order", []told{
			{second: 3600, text: "die exit=1", delay: -time.Hour}, {second: 3601, text: "start", delay: -time.Hour},
		}, 0, []string{diedPage, diedResolved}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, containerRules, "")
			play(t, w, tt.events)
			w.wait(tt.wait)
			w.expect(tt.want...)
		})
	}
}

// play sends each event at its arrival, those of one arrival in one batch.
func play(tb testing.TB, w *world, events []told) {
	tb.Helper()
	for i := 0; i < len(events); {
		var batch []influx.Point
		arrival := func(e told) time.Time {
			return epoch.Add(time.Duration(e.second * float64(time.Second))).Add(e.delay)
		}
		at := arrival(events[i])
		for ; i < len(events) && arrival(events[i]).Equal(at); i++ {
			batch = append(batch, happened(tb, events[i].text, epoch.Add(time.Duration(events[i].second*float64(time.Second)))))
		}
		if at.After(w.now) {
			w.wait(at.Sub(w.now))
		}
		w.observe(batch...)
		w.observe(batch...) // sent again
	}
}

func TestContainerAlertTellsTheFacts(t *testing.T) {
	w := newWorld(t, containerRules+"[[rule]]\nid = \"died-web\"\nkind = \"container_died\"\nwhere = { container_name = \"db\" }", "")
	play(t, w, []told{{second: 5, text: "die exit=137 policy=no"}})
	if len(w.alerts) != 1 {
		t.Fatalf("%d alerts, want 1: the rule for db has nothing to say", len(w.alerts))
	}
	a := w.alerts[0]
	if want := "container web died with exit 137 on h1"; a.Summary != want {
		t.Errorf("summary %q, want %q", a.Summary, want)
	}
	if a.Kind != incident.KindOccurrence || a.Event == "" || !a.At.Equal(epoch.Add(5*time.Second)) {
		t.Errorf("alert %+v", a)
	}
	for name, want := range map[string]string{"host": "h1", "container_name": "web", "image": "nginx", "exit_code": "137", "restart_policy": "no"} {
		if a.Labels[name] != want {
			t.Errorf("label %s = %q, want %q", name, a.Labels[name], want)
		}
	}
}

func TestContainerSummaries(t *testing.T) {
	tests := []struct {
		name   string
		events []told
		wait   time.Duration
		want   string // of the last alert
	}{
		{
			"not running again",
			[]told{{second: 5, text: "die exit=1 policy=always"}},
			10 * time.Second,
			"container web died with exit 1 on h1 and was not running again after 10s",
		},
		{
			"loop",
			[]told{{second: 0, text: "die exit=1 policy=always"}, {second: 1, text: "die exit=1 policy=always"}, {second: 2, text: "die exit=2 policy=always"}},
			0,
			"container web died 3 times within 10m on h1, last with exit 2",
		},
		{
			"late and over",
			[]told{{600, "present status=running started=300", 0}, {second: 0, text: "die exit=1", delay: 720 * time.Second}},
			0,
			"container web died with exit 1 on h1, and has been started again since (reported 12m late)",
		},
		{
			"late and holding",
			[]told{{second: 0, text: "die exit=1", delay: 2 * time.Hour}},
			0,
			"container web died with exit 1 on h1 (reported 2h late)",
		},
		{"resolved", []told{{second: 0, text: "die exit=1"}, {second: 1, text: "start"}}, 0, "container web runs again on h1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, containerRules, "")
			play(t, w, tt.events)
			w.wait(tt.wait)
			if len(w.alerts) == 0 {
				t.Fatal("no alert")
			}
			if got := w.alerts[len(w.alerts)-1].Summary; got != tt.want {
				t.Errorf("summary %q, want %q", got, tt.want)
			}
		})
	}
}

func TestContainerNotes(t *testing.T) {
	w := newWorld(t, containerRules, "")
	play(t, w, []told{{second: 1, text: "start"}, {second: 5, text: "die exit=143 requested"}, {second: 3, text: "oom", delay: 5 * time.Second}})
	w.expect()
	if len(w.notes) != 2 {
		t.Fatalf("notes %+v, want a deploy mark and a latecomer, each once", w.notes)
	}
	if want := "container web was stopped on request on h1, exit 143"; w.notes[0].Text != want || w.notes[0].Key != "died|web|h1" {
		t.Errorf("note %+v, want %q", w.notes[0], want)
	}
	if want := "container web on h1: oom of 2026-11-22T10:00:03Z came after newer events"; w.notes[1].Text != want {
		t.Errorf("note %q, want %q", w.notes[1].Text, want)
	}
}

func TestContainerOOMAndHealth(t *testing.T) {
	tests := []struct {
		name   string
		events []told
		want   []string
	}{
		{"oom is a ticket", []told{{second: 1, text: "oom"}}, []string{"ticket firing oom|web|h1"}},
		{"each oom counts", []told{{second: 1, text: "oom"}, {second: 2, text: "oom"}}, []string{"ticket firing oom|web|h1", "ticket firing oom|web|h1"}},
		{"a later start resolves it", []told{{second: 1, text: "oom"}, {second: 9, text: "start"}}, []string{"ticket firing oom|web|h1", "ticket resolved oom|web|h1"}},
		{"running on does not", []told{{second: 1, text: "oom"}, {second: 9, text: "present status=running started=-9"}}, []string{"ticket firing oom|web|h1"}},
		{
			"unhealthy, then healthy",
			[]told{{second: 1, text: "health_status health=unhealthy"}, {second: 9, text: "health_status health=healthy"}},
			[]string{"ticket firing health|web|h1", "ticket resolved health|web|h1"},
		},
		{
			"starting says nothing",
			[]told{{second: 1, text: "health_status health=unhealthy"}, {second: 9, text: "health_status health=starting"}},
			[]string{"ticket firing health|web|h1"},
		},
		{
			"unhealthy, then gone",
			[]told{{second: 1, text: "health_status health=unhealthy"}, {second: 9, text: "die exit=0 requested"}, {second: 10, text: "destroy"}},
			[]string{"ticket firing health|web|h1", "ticket resolved health|web|h1"},
		},
		{
			"unhealthy, and started again, of which the die is lost",
			[]told{{second: 1, text: "health_status health=unhealthy"}, {second: 9, text: "start id=c2"}},
			[]string{"ticket firing health|web|h1", "ticket resolved health|web|h1"},
		},
		{
			"unhealthy, and found dead",
			[]told{{second: 1, text: "health_status health=unhealthy"}, {second: 9, text: "present status=exited"}},
			[]string{"ticket firing health|web|h1", "ticket resolved health|web|h1"},
		},
		{
			"unhealthy, and found in its next life",
			[]told{{second: 1, text: "health_status health=unhealthy"}, {second: 9, text: "present status=running started=5"}},
			[]string{"ticket firing health|web|h1", "ticket resolved health|web|h1"},
		},
		{
			"unhealthy, and found in the same life",
			[]told{{second: 1, text: "health_status health=unhealthy"}, {second: 9, text: "present status=running started=-9"}},
			[]string{"ticket firing health|web|h1"},
		},
		{
			"unhealthy, and found running since nobody knows when",
			[]told{{second: 1, text: "health_status health=unhealthy"}, {second: 9, text: "present status=running"}},
			[]string{"ticket firing health|web|h1"},
		},
		{
			"unhealthy, and found running since a time to come",
			[]told{{second: 1, text: "health_status health=unhealthy"}, {second: 9, text: "present status=running started=99"}},
			[]string{"ticket firing health|web|h1"},
		},
		{
			"unhealthy, and found dead before",
			[]told{{second: 5, text: "health_status health=unhealthy"}, {second: 3, text: "present status=exited", delay: 3 * time.Second}},
			[]string{"ticket firing health|web|h1"},
		},
		{"healthy from the start says nothing", []told{{second: 1, text: "health_status health=healthy"}}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, containerRules, "")
			play(t, w, tt.events)
			w.wait(time.Minute)
			w.expect(tt.want...)
		})
	}
}

// TestContainerRefusedStep: no position moves before the step is accepted.
func TestContainerRefusedStep(t *testing.T) {
	w := newWorld(t, containerRules, "")
	batch := []influx.Point{happened(t, "start", w.now), happened(t, "die exit=1", w.now.Add(time.Second))}
	for range 3 {
		if s := w.engine.Observe(batch, w.now); len(s.Alerts) != 1 || len(s.Put) != 1 {
			t.Fatalf("step %+v, want one alert and one record each time", s)
		}
	}
	w.observe(batch...)
	w.expect(diedPage)
	if s := w.engine.Observe(batch, w.now); !s.Empty() {
		t.Errorf("after it was accepted: %+v, want nothing", s)
	}
}

func TestContainerForgotten(t *testing.T) {
	w := newWorld(t, containerRules, "")
	play(t, w, []told{{second: 1, text: "start"}})
	w.wait(24 * time.Hour)
	if len(w.records) != 1 {
		t.Fatalf("%d records within a day, want 1", len(w.records))
	}
	w.wait(11 * time.Minute)
	if len(w.records) != 0 {
		t.Errorf("%d records after a day without events, want none", len(w.records))
	}
	w.expect()
}

// fatal is what both a test and a property have.
type fatal interface {
	Helper()
	Fatalf(format string, args ...any)
}
