package web

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"nezuban/oncall/schedule"
	"nezuban/router/internal/incident"
	"nezuban/router/internal/reach"
)

// The views are what the templates show: text and yes or no, nothing left to decide.

type statusPage struct {
	Person, CSRF string
	Now          stampView
	OnCall       []onCallView
	Incidents    []incidentView
	Watched      []watchedView
}

type incidentPage struct {
	Person, CSRF string
	Incident     incidentView
	News         []entryView // what came of the button that was pressed
	Timeline     []entryView
}

type onCallView struct {
	Schedule, People, Shadow string
	Until                    stampView
}

type incidentView struct {
	ID, Title, State, Severity, By string
	Suppressed                     string // why nobody is paged for it; "": it pages
	Unreached                      bool   // it asks somebody to act, and has reached nobody yet
	Reached                        string // whom else, by which channels
	Opened                         stampView
	Age                            string
	Alerts                         []alertView
	CanAcknowledge, CanResolve     bool
	GoesOn                         bool // a condition fires in it: resolved by hand it comes back
}

type alertView struct {
	Rule, Summary, State, Labels string
	Count                        int
	At                           stampView
	Reason, Runbook, Source      string
	Before                       []entryView // what changed on its host just before
}

type watchedView struct {
	Kind, Name, State, Age, Detail string
}

type entryView struct {
	At   stampView
	Text string
}

// stampView is a time for people and for machines; both are empty for no time.
type stampView struct{ Text, Machine string }

func stamp(t time.Time) stampView {
	if t.IsZero() {
		return stampView{}
	}
	return stampView{Text: t.Format("2006-01-02 15:04:05 MST"), Machine: t.Format(time.RFC3339)}
}

func viewOnCall(a schedule.Answer) onCallView {
	v := onCallView{Schedule: a.Schedule, People: strings.Join(a.People, ", "), Shadow: strings.Join(a.Shadow, ", "), Until: stamp(a.Until)}
	if v.People == "" {
		v.People = "nobody"
	}
	return v
}

func viewIncident(inc reach.Listed, now time.Time) incidentView {
	v := incidentView{
		ID: inc.ID, State: string(inc.State), Severity: string(inc.Severity), Opened: stamp(inc.OpenedAt), Age: age(inc.OpenedAt, now),
		Unreached: inc.NobodyReached, Reached: inc.By(),
		CanAcknowledge: inc.State == incident.Triggered, CanResolve: inc.State != incident.Resolved,
		GoesOn: len(inc.FiringKeys(incident.KindState)) > 0,
	}
	switch inc.State {
	case incident.Acknowledged, incident.Snoozed:
		v.By = inc.AcknowledgedBy
	case incident.Resolved:
		v.By = inc.ResolvedBy
	case incident.Triggered:
	}
	switch {
	case inc.PartOf != "":
		v.Suppressed = "part of incident " + inc.PartOf
	case inc.Suppressed != "":
		v.Suppressed = inc.Suppressed
	}
	alerts := inc.Ordered()
	for _, a := range alerts {
		v.Alerts = append(v.Alerts, viewAlert(a))
	}
	if len(alerts) > 0 {
		v.Title = alerts[0].Summary
	}
	return v
}

func viewAlert(a incident.AlertState) alertView {
	state := "resolved"
	if a.Firing {
		state = "firing"
	}
	labels := make([]string, 0, len(a.Labels))
	for _, name := range slices.Sorted(maps.Keys(a.Labels)) {
		labels = append(labels, name+"="+a.Labels[name])
	}
	v := alertView{
		Rule: a.Rule, Summary: a.Summary, State: state, Labels: strings.Join(labels, " "), Count: a.Count, At: stamp(a.At), Reason: a.Reason, Runbook: a.Runbook, Source: a.Source,
	}
	for _, mark := range a.Before {
		v.Before = append(v.Before, entryView{At: stamp(mark.At), Text: mark.Text})
	}
	return v
}

func viewWatched(w Watched, now time.Time) watchedView {
	return watchedView{Kind: w.Kind, Name: w.Name, State: w.State, Age: age(w.Seen, now), Detail: w.Detail}
}

// sorted puts what most needs a person first: triggered and not suppressed, then the severest, then the newest.
func sorted(incidents []incident.Incident) []incident.Incident {
	triggered := func(i incident.Incident) int {
		if i.State == incident.Triggered && !i.Quiet() {
			return 0
		}
		return 1
	}
	return slices.SortedFunc(slices.Values(incidents), func(a, b incident.Incident) int {
		return cmp.Or(
			cmp.Compare(triggered(a), triggered(b)),
			cmp.Compare(b.Severity.Rank(), a.Severity.Rank()),
			b.OpenedAt.Compare(a.OpenedAt),
			cmp.Compare(a.ID, b.ID),
		)
	})
}

// age is how long ago t was, in the coarsest unit that still says something; "" for no time.
func age(t, now time.Time) string {
	d := now.Sub(t)
	switch {
	case t.IsZero():
		return ""
	case d < 10*time.Second:
		return "just now"
	case d < time.Hour:
		d = d.Round(time.Second)
	default:
		d = d.Round(time.Minute)
	}
	text := d.String()
	if d >= time.Hour {
		text = strings.TrimSuffix(text, "0s")
	}
	return text + " ago"
}

// maxNote bounds what a person may add to an acknowledgement, in characters.
const maxNote = 1000

func clip(note string) string {
	if runes := []rune(strings.TrimSpace(note)); len(runes) > maxNote {
		return string(runes[:maxNote])
	}
	return strings.TrimSpace(note)
}
