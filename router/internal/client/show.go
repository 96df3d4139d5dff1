package client

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"nezuban/router/internal/incident"
	"nezuban/router/internal/reach"
)

// How times are written for people: to the second, and to the millisecond where the order matters.
const (
	timeForm  = "2006-01-02 15:04:05 MST"
	exactForm = "2006-01-02 15:04:05.000 MST"
)

// Story is an incident with its timeline.
type Story struct {
	Record
	Timeline []incident.Entry `json:"timeline"`
}

// Story is one incident, open or closed, with its timeline. It needs a read token.
func (c *Client) Story(ctx context.Context, id string) (Story, error) {
	var reply struct {
		Incident reach.Listed
		Timeline []incident.Entry
	}
	if err := c.do(ctx, http.MethodGet, "/api/v1/incidents/"+url.PathEscape(id), nil, &reply); err != nil {
		return Story{}, fmt.Errorf("show incident %q: %w", id, err)
	}
	return Story{Record: record(reply.Incident), Timeline: reply.Timeline}, nil
}

// WriteStory writes an incident for people; times are in zone.
func WriteStory(w io.Writer, s Story, zone *time.Location) error {
	p := &prose{zone: zone}
	p.add("%s: %s", s.ID, what(s.Listed))
	p.add("%s, %s, opened at %s", state(s.Listed, zone), s.Severity, s.OpenedAt.In(zone).Format(exactForm))
	p.add("%s", s.took())
	p.standing(s.Listed)
	for _, a := range s.Ordered() {
		p.alert(a)
	}
	if s.More > 0 {
		p.add("  and %d more alerts, in incidents of their own", s.More)
	}
	p.lines = append(p.lines, "")
	for _, e := range s.Timeline {
		p.add("%s  %s", e.At.In(zone).Format(exactForm), e.Text)
	}
	_, err := fmt.Fprintln(w, strings.Join(p.lines, "\n"))
	return err
}

// prose collects lines for people. Text that senders chose cannot move the cursor or begin a line.
type prose struct {
	zone  *time.Location
	lines []string
}

func (p *prose) add(format string, args ...any) {
	p.lines = append(p.lines, printable(fmt.Sprintf(format, args...)))
}

// took says how long things took.
func (r Record) took() string {
	text := "detected after " + took(r.TTD)
	if r.TTA != nil {
		text += ", acknowledged after " + took(*r.TTA) + " by " + r.AckedBy
	}
	if r.TTR != nil {
		text += ", resolved after " + took(*r.TTR)
	}
	return text
}

// took is a length of time as people read it, with more of it where it is short.
func took(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	if d < time.Minute {
		return d.Round(time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

// standing says whom an incident has reached, and what it waits for.
func (p *prose) standing(inc reach.Listed) {
	if by := inc.By(); by != "" {
		p.add("reached: %s", by)
	}
	if inc.Suppressed != "" {
		p.add("suppressed: %s", inc.Suppressed)
	}
	if inc.PartOf != "" {
		p.add("part of incident %s", inc.PartOf)
	}
	if inc.Flapping {
		p.add("flapping: it came back %d times", inc.Flaps)
	}
	if inc.State == incident.Triggered && !inc.Quiet() && inc.Policy != nil && !inc.Progress.Next.IsZero() {
		p.add("policy %s, next step at %s", inc.Policy.Name, inc.Progress.Next.In(p.zone).Format(timeForm))
	}
}

func (p *prose) alert(a incident.AlertState) {
	firing, times := "over", "once"
	if a.Firing {
		firing = "fires"
	}
	if a.Count > 1 {
		times = fmt.Sprintf("%d times", a.Count)
	}
	p.add("  %s, %s, %s since %s: %s", firing, a.Severity, times, a.First.In(p.zone).Format(timeForm), cmp.Or(a.Summary, a.Rule))
	labels := []string{"    rule " + a.Rule}
	for _, name := range slices.Sorted(maps.Keys(a.Labels)) {
		labels = append(labels, fmt.Sprintf("%s=%q", name, a.Labels[name]))
	}
	p.add("%s", strings.Join(labels, " "))
	if a.Reason != "" {
		p.add("    why: %s", a.Reason)
	}
	if a.Runbook != "" {
		p.add("    runbook: %s", a.Runbook)
	}
	if a.Source != "" {
		p.add("    source: %s", a.Source)
	}
	for _, mark := range a.Before {
		p.add("    before: %s  %s", mark.At.In(p.zone).Format(timeForm), mark.Text)
	}
}

// WriteStoryJSON writes an incident as one object, for other programs.
func WriteStoryJSON(w io.Writer, s Story) error { return json.NewEncoder(w).Encode(s) }
