package duty

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"nezuban/agent/influx"
	"nezuban/router/internal/incident"
	"nezuban/router/internal/rule"
)

// happened is a container event of web1's shop.
func happened(action string, fields ...influx.Field) influx.Point {
	return influx.Point{
		Measurement: "container_event", Time: time.Now(),
		Tags:   []influx.Tag{{Key: "host", Value: "web1"}, {Key: "container_name", Value: "shop"}, {Key: "action", Value: action}},
		Fields: append(fields, influx.String("container_id", "c1")),
	}
}

// newWatch is an engine with rules about containers, which are hidden while their host is absent.
func newWatch(t *testing.T, store Committer) *Engine {
	t.Helper()
	e := newEngine(
		t, store, rule.RuleConfig{ID: "agent-gone", Kind: "absence", Measurement: "nezuban_agent", After: after(time.Minute)},
		rule.RuleConfig{ID: "unhealthy", Kind: "container_unhealthy"}, rule.RuleConfig{ID: "oom", Kind: "container_oom"},
	)
	source, err := incident.ParseMatcher("rule=agent-gone")
	if err != nil {
		t.Fatal(err)
	}
	target, err := incident.ParseMatcher("container_name!=")
	if err != nil {
		t.Fatal(err)
	}
	e.book.Use(incident.Settings{ReopenWithin: 5 * time.Minute, Suppressions: []incident.Suppression{
		{ID: "host-gone", Source: incident.Matchers{source}, Target: incident.Matchers{target}, Equal: []string{"host"}},
	}})
	return e
}

// since counts the messages that page from a batch on, and joins the lines of the timelines.
func (d *disk) since(batch int) (pages int, texts string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var lines []string
	for _, b := range d.batches[batch:] {
		for _, row := range b.Change.Rows {
			if row.Kind == incident.MessageTrigger && row.Status == incident.RowPending {
				pages++
			}
		}
		for _, entry := range b.Change.Entries {
			lines = append(lines, entry.Text)
		}
	}
	return pages, strings.Join(lines, "\n")
}

// What a host's absence has hidden is over by the word that the host is gone for good, and wakes nobody afterwards.
func TestForgettingAHostPagesForNothingOfIt(t *testing.T) {
	unhealthy := happenedLater("health_status", influx.String("health", "unhealthy"))
	dead := happenedLater("die", influx.Int("exit_code", 7), influx.String("restart_policy", "no"))
	restarting := happenedLater("die", influx.Int("exit_code", 7), influx.String("restart_policy", "always"))
	oom := happenedLater("oom")
	for _, row := range []struct {
		name   string
		event  func() influx.Point
		absent bool
		open   bool // after it
	}{
		{"an unhealthy container of an absent host", unhealthy, true, false},
		{"an unhealthy container of a host that is there", unhealthy, false, false},
		{"a death that the absence hides", dead, true, false},
		{"a restart that did not come, hidden by the absence", restarting, true, false},
		{"an oom that the absence hides", oom, true, false},
		{"a death that pages stays for a person", dead, false, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := &disk{}
				e := newWatch(t, d)
				beat := influx.Point{
					Measurement: "nezuban_agent", Time: time.Now(), Tags: []influx.Tag{{Key: "host", Value: "web1"}},
					Fields: []influx.Field{influx.String("state", "up")},
				}
				if err := e.Ingest(t.Context(), []influx.Point{beat, row.event()}); err != nil {
					t.Fatal(err)
				}
				wait := 15 * time.Second
				if row.absent {
					wait = 4 * time.Minute
				}
				tickFor(t, e, wait)
				before := len(d.batches)
				if err := e.Forget(t.Context(), "web1"); err != nil {
					t.Fatal(err)
				}
				tickFor(t, e, 2*time.Minute)
				open := slices.ContainsFunc(e.Incidents(), func(inc incident.Incident) bool { return inc.State != incident.Resolved })
				pages, texts := d.since(before)
				if open != row.open || pages != 0 {
					t.Errorf("open: %t, want %t; %d pages, want none:\n%s", open, row.open, pages, texts)
				}
				if !row.open && !strings.Contains(texts, "resolved: host web1 was forgotten") {
					t.Errorf("the timelines do not say why:\n%s", texts)
				}
			})
		})
	}
}

// happenedLater is a container event at the time at which it is asked for.
func happenedLater(action string, fields ...influx.Field) func() influx.Point {
	return func() influx.Point { return happened(action, fields...) }
}
