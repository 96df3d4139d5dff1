// Package replay runs a history of incidents through a rotation file: who would have been told, who would have been
// woken at what hour, and after how long somebody would have been reached.
//
// The command nezuban-oncall simulate prints what it gives. Whom a policy tells is decided by package escalation, as in
// the router, and who is on call by package schedule; this package only lets time pass. It reads no clock and no disk.
package replay

import (
	"maps"
	"slices"
	"time"

	"nezuban/oncall/escalation"
	"nezuban/oncall/schedule"
)

// Outcome is what a rotation file would have made of an incident.
type Outcome struct {
	Incident
	Policy  string
	Matched bool      // a route has matched it; else Policy is the file's first
	Told    []Told    // the messages that would have gone out, in time order
	Woken   []Waking  // who would have been woken, each person once, in time order; also by a ticket that takes such a channel
	Reached time.Time // when the first message would have gone out that counts; zero: none before it was over
}

// Told is one message to one person.
type Told struct {
	Person  string
	Channel string
	At      time.Time
	Why     string
}

// Waking is the first message that wakes a person for an incident.
type Waking struct {
	Person string
	At     time.Time // in the person's own zone
}

// ReachedAfter is how long it would have taken until somebody was reached; false when nobody was before it was over.
func (o Outcome) ReachedAfter() (time.Duration, bool) {
	return o.Reached.Sub(o.At), !o.Reached.IsZero()
}

// longest bounds the time for which an incident that nobody ends is followed.
const longest = 7 * 24 * time.Hour

// Model says when a person ends an escalation.
type Model struct {
	// AnswersAfter is how long after the first message that counts somebody acknowledges. Zero: when the history says
	// that somebody did, whoever would have been told until then.
	AnswersAfter time.Duration
}

// Run lets the incidents, which are in order of time, happen under a rotation file. The whole history is judged by this
// one file. An incident goes on until it is acknowledged, as the model says, or resolved, as the history says; one that
// neither ends goes on until its policy's fallback has been told once.
//
// What counts as reaching somebody is a message on a channel that wakes for a page, and any message for a ticket.
func (m Model) Run(f *schedule.File, incidents []Incident) []Outcome {
	picks := escalation.Picks{}
	outcomes := make([]Outcome, 0, len(incidents))
	for _, inc := range incidents {
		outcomes = append(outcomes, m.one(f, inc, picks))
	}
	return outcomes
}

func (m Model) one(f *schedule.File, inc Incident, picks escalation.Picks) Outcome {
	policy, matched := escalation.PolicyFor(f, labels(inc))
	o := Outcome{Incident: inc, Policy: policy.Name, Matched: matched}
	if inc.Unpaged {
		return o
	}
	end, ends := m.end(inc)
	var pr escalation.Progress
	for now := inc.At; now.Before(end); now = pr.Next {
		before := pr
		var notify []escalation.Notify
		pr, notify = escalation.Next(policy, f, pr, picks, inc.Severity, now)
		maps.Copy(picks, pr.PickedSince(policy.Name, before))
		for _, n := range notify {
			o.Told = append(o.Told, Told{Person: n.Person, Channel: n.Channel, At: n.At, Why: n.Why})
		}
		if reached := o.reached(); m.AnswersAfter > 0 && !reached.IsZero() {
			end, ends = earlier(end, reached.Add(m.AnswersAfter)), true
		}
		tellsNobody := !pr.Next.After(now) // by its severity
		if tellsNobody || (pr.Fallback && !ends) {
			break
		}
	}
	o.finish(f, end)
	return o
}

// end is when an incident stops telling people; ends is false when that is only a bound.
func (m Model) end(inc Incident) (end time.Time, ends bool) {
	end = inc.At.Add(longest)
	recorded := []time.Time{inc.ResolvedAt}
	if m.AnswersAfter == 0 {
		recorded = append(recorded, inc.AckedAt)
	}
	for _, at := range recorded {
		if !at.IsZero() {
			end, ends = earlier(end, at), true
		}
	}
	return end, ends
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// labels are those by which routes match: the incident's own, and its service where they do not name one.
func labels(inc Incident) map[string]string {
	if _, has := inc.Labels["service"]; has || inc.Service == "" {
		return inc.Labels
	}
	all := maps.Clone(inc.Labels)
	if all == nil {
		all = map[string]string{}
	}
	all["service"] = inc.Service
	return all
}

// counts reports whether a message reaches somebody.
func (o *Outcome) counts(channel string) bool {
	return o.Severity == severityTicket || schedule.Channel{Name: channel}.Wakes()
}

const severityTicket = "ticket"

// reached is when the first message that counts goes out, of those so far.
func (o *Outcome) reached() time.Time {
	var first time.Time
	for _, t := range o.Told {
		if o.counts(t.Channel) && (first.IsZero() || t.At.Before(first)) {
			first = t.At
		}
	}
	return first
}

// finish drops what would have gone out after the end, and works out who was woken.
func (o *Outcome) finish(f *schedule.File, end time.Time) {
	o.Told = slices.DeleteFunc(o.Told, func(t Told) bool { return !t.At.Before(end) })
	slices.SortStableFunc(o.Told, func(a, b Told) int { return a.At.Compare(b.At) })
	o.Reached = o.reached()
	for _, t := range o.Told {
		wakes := schedule.Channel{Name: t.Channel}.Wakes()
		if !wakes || slices.ContainsFunc(o.Woken, func(w Waking) bool { return w.Person == t.Person }) {
			continue
		}
		person, _ := f.Person(t.Person)
		o.Woken = append(o.Woken, Waking{Person: t.Person, At: t.At.In(person.Zone)})
	}
}
