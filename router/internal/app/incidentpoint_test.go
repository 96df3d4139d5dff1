package app

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"nezuban/agent/influx"
	"nezuban/router/internal/incident"
	"nezuban/router/internal/state"
)

var closedAt = time.Date(2026, 11, 22, 4, 0, 0, 250e6, time.UTC)

// closedIncident is one that alice had after 90 s, and that was over an hour after it opened.
func closedIncident(id string) state.Closed {
	opened := closedAt.Add(-time.Hour)
	alert := func(key, team string, first time.Time) incident.AlertState {
		return incident.AlertState{First: first, Count: 1, Alert: incident.Alert{
			Key: key, Rule: "checkout-slow", Kind: incident.KindState, Summary: key + " is slow",
			Labels: map[string]string{"team": team, "service": "shop", "host": "web1"},
		}}
	}
	row := func(kind incident.MessageKind, status incident.RowStatus, people ...string) incident.Row {
		return incident.Row{Kind: kind, Status: status, People: people, Channel: "sms", Attempt: 1}
	}
	return state.Closed{
		Incident: incident.Incident{
			Version: 1, ID: id, State: incident.Resolved, Severity: incident.SeverityPage,
			Alerts: map[string]incident.AlertState{
				"checkout": alert("checkout", "web", opened.Add(-30*time.Second)), "basket": alert("basket", "db", opened.Add(time.Minute)),
			},
			OpenedAt: opened, FirstAckAt: opened.Add(90 * time.Second), FirstAckBy: "alice", ResolvedAt: closedAt, ResolvedBy: "bob", More: 3,
		},
		Timeline: []incident.Entry{{Text: "triggered"}},
		Outbox: []incident.Row{
			row(incident.MessageTrigger, incident.RowSent, "alice"), row(incident.MessageTrigger, incident.RowFailed, "carol"),
			row(incident.MessageTrigger, incident.RowSent, "alice", "bob"), row(incident.MessageTrigger, incident.RowMerged, "dave"),
			row(incident.MessageTrigger, incident.RowCancelled, "erin"), row(incident.MessageUpdate, incident.RowSent, "frank"), row(incident.MessageResolve, incident.RowSent, "alice"),
		},
	}
}

func pointOf(t *testing.T, closed state.Closed) influx.Point {
	t.Helper()
	p, err := incidentPoint(closed)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestThePointOfAnIncident(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(*state.Closed)
		want   map[string]string // what differs from the first; "" for what is absent
	}{
		{"as it is", func(*state.Closed) {}, nil},
		{"nobody had it, and it ended by itself", func(c *state.Closed) {
			c.Incident.FirstAckAt, c.Incident.FirstAckBy, c.Incident.ResolvedBy = time.Time{}, "", ""
		}, map[string]string{"acknowledged_at": "", "acknowledged_by": "", "tta": "", "resolved_by": ""}},
		{"of no team and no service", func(c *state.Closed) {
			for key, a := range c.Incident.Alerts {
				a.Labels = nil
				c.Incident.Alerts[key] = a
			}
		}, map[string]string{"team": "", "service": ""}},
		{"nobody was told", func(c *state.Closed) { c.Incident.Suppressed, c.Outbox = "silence", nil }, map[string]string{"unpaged": "true", "pages": "0i", "people": "0i"}},
		{"a part that flaps", func(c *state.Closed) { c.Incident.PartOf, c.Incident.Flapping = "01HEAD", true }, map[string]string{"part_of": `"01HEAD"`, "unpaged": "true", "flapping": "true"}},
		{"at once", func(c *state.Closed) {
			c.Incident.ResolvedAt, c.Incident.FirstAckAt = c.Incident.OpenedAt, c.Incident.OpenedAt
		}, map[string]string{"ttr": "0", "tta": "0", "resolved_at": "1795316400250000000i", "acknowledged_at": "1795316400250000000i"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			want := map[string]string{
				"severity": "page", "team": "web", "service": "shop", "rule": "checkout-slow",
				"id": `"01ABC"`, "summary": `"checkout is slow"`,
				"opened_at": "1795316400250000000i", "acknowledged_at": "1795316490250000000i", "acknowledged_by": `"alice"`, "resolved_at": "1795320000250000000i", "resolved_by": `"bob"`,
				"ttd": "30", "tta": "90", "ttr": "3600", "alerts": "5i", "pages": "2i", "people": "3i", "unpaged": "false", "flapping": "false",
			}
			for name, value := range row.want {
				want[name] = value
				if value == "" {
					delete(want, name)
				}
			}
			closed := closedIncident("01ABC")
			row.change(&closed)
			p := pointOf(t, closed)
			if p.Measurement != "nezuban_incident" || !p.Time.Truncate(time.Second).Equal(closed.Incident.ResolvedAt.Truncate(time.Second)) {
				t.Errorf("found %s at %s, want nezuban_incident in the second in which it was resolved", p.Measurement, p.Time)
			}
			if diff := cmp.Diff(want, written(t, p)); diff != "" {
				t.Errorf("(-want +found):\n%s", diff)
			}
		})
	}
}

// written are the tags and fields of a point as they go to InfluxDB. Each must stand in the table of all names.
func written(t *testing.T, p influx.Point) map[string]string {
	t.Helper()
	measurements := influx.Measurements()
	at := slices.IndexFunc(measurements, func(m influx.Measurement) bool { return m.Name == p.Measurement })
	if at < 0 {
		t.Fatalf("%s is not in the table of names", p.Measurement)
	}
	found := map[string]string{}
	for _, tag := range p.Tags {
		if !slices.Contains(measurements[at].Tags, tag.Key) {
			t.Errorf("tag %s is not in the table of names", tag.Key)
		}
		if tag.Value != "" {
			found[tag.Key] = tag.Value
		}
	}
	for _, field := range p.Fields {
		info, ok := measurements[at].Field(field.Key)
		if !ok || info.Kind != field.Value.Kind() {
			t.Errorf("field %s of kind %v is not in the table of names", field.Key, field.Value.Kind())
		}
		line, err := influx.Encode(nil, []influx.Point{{Measurement: "m", Fields: []influx.Field{field}}})
		if err != nil {
			t.Error(err)
		}
		_, found[field.Key], _ = strings.Cut(strings.TrimSuffix(string(line), "\n"), "=")
	}
	return found
}

// A table and a point that differ in what they name would leave a panel empty.
func TestThePointOfAnIncidentHasEveryName(t *testing.T) {
	closed := closedIncident("01ABC")
	closed.Incident.PartOf = "01HEAD"
	found := written(t, pointOf(t, closed))
	for _, m := range influx.Measurements() {
		if m.Name != influx.Incident {
			continue
		}
		for _, name := range m.Tags {
			if found[name] == "" {
				t.Errorf("tag %s is never written", name)
			}
		}
		for _, field := range m.Fields {
			if found[field.Name] == "" {
				t.Errorf("field %s is never written", field.Name)
			}
		}
	}
}

// Ten thousand incidents that are alike but for their ids, resolved at one instant, have a point each; and the same incident
// has the same point on every router.
func TestIncidentsResolvedAtOneInstantHaveAPointEach(t *testing.T) {
	const n = 10_000
	times := map[int64]bool{}
	for i := range n {
		p := pointOf(t, closedIncident(fmt.Sprintf("06FN5V2T%08d", i)))
		if again := pointOf(t, closedIncident(fmt.Sprintf("06FN5V2T%08d", i))); !again.Time.Equal(p.Time) {
			t.Fatalf("found %s and %s for one incident", p.Time, again.Time)
		}
		if p.Time.Before(closedAt.Truncate(time.Second)) || p.Time.Sub(closedAt.Truncate(time.Second)) >= time.Second {
			t.Fatalf("found %s, want the second of %s", p.Time, closedAt)
		}
		times[p.Time.UnixNano()] = true
	}
	if len(times) != n {
		t.Errorf("%d incidents have %d times", n, len(times))
	}
}

// What senders chose makes no line that InfluxDB refuses, no long one, and no second one.
func TestHostileTextInThePointOfAnIncident(t *testing.T) {
	for name, text := range map[string]string{
		"line breaks": "a\nnezuban_incident ttd=0\r\n", "quotes and escapes": `"\",=\`, "a backslash at the end": `web\`, "control characters": "a\x00\x1b[31m\u202e",
		"no UTF-8": "a\xff\xfe", "long": strings.Repeat("界", 5000), "spaces": "   ",
	} {
		t.Run(name, func(t *testing.T) {
			closed := closedIncident("01ABC")
			for key, a := range closed.Incident.Alerts {
				a.Summary, a.Rule, a.Labels = text, text, map[string]string{"team": text, "service": text}
				closed.Incident.Alerts[key] = a
			}
			closed.Incident.FirstAckBy, closed.Incident.ResolvedBy = text, text
			line, err := influx.Encode(nil, []influx.Point{pointOf(t, closed)})
			if err != nil {
				t.Fatal(err)
			}
			if strings.Count(string(line), "\n") != 1 || len(line) > 8<<10 || !utf8.Valid(line) {
				t.Errorf("found %d bytes: %.200q", len(line), line)
			}
		})
	}
}

// A damaged file of the archive makes no point, and harms nobody.
func TestWhatMakesNoPoint(t *testing.T) {
	for _, row := range []struct{ name, file, want string }{
		{"nothing", `{}`, "no incident that is over"},
		{"no alert", `{"incident":{"id":"A","opened_at":"2026-11-22T03:00:00Z","resolved_at":"2026-11-22T04:00:00Z"}}`, "no incident that is over"},
		{"not over", `{"incident":{"id":"A","opened_at":"2026-11-22T03:00:00Z","alerts":{"a":{}}}}`, "no incident that is over"},
		{"never opened", `{"incident":{"id":"A","resolved_at":"2026-11-22T04:00:00Z","alerts":{"a":{}}}}`, "no incident that is over"},
		{"long ago", `{"incident":{"id":"A","opened_at":"0002-11-22T03:00:00Z","resolved_at":"2026-11-22T04:00:00Z","alerts":{"a":{}}}}`, "found the year 2, expected one from 1970 to 2200"},
		{"far ahead", `{"incident":{"id":"A","opened_at":"2026-11-22T03:00:00Z","resolved_at":"9026-11-22T04:00:00Z","alerts":{"a":{}}}}`, "found the year 9026"},
	} {
		var closed state.Closed
		if err := json.Unmarshal([]byte(row.file), &closed); err != nil {
			t.Fatal(err)
		}
		if _, err := incidentPoint(closed); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: found %v, want %s", row.name, err, row.want)
		}
	}
}
