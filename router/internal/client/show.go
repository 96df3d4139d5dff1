package client

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"nezuban/router/internal/incident"
)

// Story is an incident with its timeline.
type Story struct {
	Record
	Timeline []incident.Entry `json:"timeline"`
}

// Story is one incident, open or closed, with its timeline. It needs a read token.
func (c *Client) Story(ctx context.Context, id string) (Story, error) {
	var reply struct {
		Incident incident.Incident
		Timeline []incident.Entry
	}
	if err := c.do(ctx, http.MethodGet, "/api/v1/incidents/"+url.PathEscape(id), nil, &reply); err != nil {
		return Story{}, fmt.Errorf("show incident %q: %w", id, err)
	}
	return Story{Record: record(reply.Incident), Timeline: reply.Timeline}, nil
}

// WriteStory writes an incident for people; times are in zone.
func WriteStory(w io.Writer, s Story, zone *time.Location) error {
	at := func(t time.Time) string { return t.In(zone).Format("2006-01-02 15:04:05") }
	lines := []string{fmt.Sprintf("%s: %s", printable(s.ID), what(s.Incident)), fmt.Sprintf("%s, %s, opened at %s", state(s.Incident), s.Severity, at(s.OpenedAt))}
	add := func(said bool, format string, args ...any) {
		if said {
			lines = append(lines, fmt.Sprintf(format, args...))
		}
	}
	add(s.Suppressed != "", "suppressed: %s", printable(s.Suppressed))
	add(s.PartOf != "", "part of incident %s", printable(s.PartOf))
	add(s.Flapping, "flapping: it came back %d times", s.Flaps)
	add(!s.SnoozedUntil.IsZero(), "snoozed until %s", at(s.SnoozedUntil))
	for _, a := range s.Ordered() {
		firing := "over"
		if a.Firing {
			firing = "fires"
		}
		add(true, "  %s, %s, %d times since %s: %s", firing, a.Severity, a.Count, at(a.First), printable(cmp.Or(a.Summary, a.Rule)))
	}
	add(s.More > 0, "  and %d more alerts, in incidents of their own", s.More)
	lines = append(lines, "")
	for _, e := range s.Timeline {
		add(true, "%s  %s", at(e.At), printable(e.Text))
	}
	for _, line := range lines {
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	return nil
}

// WriteStoryJSON writes an incident as one object, for other programs.
func WriteStoryJSON(w io.Writer, s Story) error { return json.NewEncoder(w).Encode(s) }
