package incident

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"nezuban/oncall/escalation"
)

// ReportKind is what somebody did at a provider.
type ReportKind string

// What a report can say.
const (
	ReportAcknowledged   ReportKind = "acknowledged"
	ReportUnacknowledged ReportKind = "unacknowledged" // nobody has it any more
	ReportResolved       ReportKind = "resolved"
	ReportReopened       ReportKind = "reopened" // it is not over
	ReportReassigned     ReportKind = "reassigned"
)

// Report is what somebody did with an incident at a provider that holds it too, such as in PagerDuty's app. It may be an
// echo of what the router did there itself, come twice, late, or after newer ones.
type Report struct {
	Incident string
	Kind     ReportKind
	Channel  string    // where: pagerduty
	Event    string    // identity: the same one again changes nothing; "" for what was looked up
	At       time.Time // when it happened, by the provider's clock; reassigned, looked up: when its status changed last
	By       string    // a person of the rotation file, or else what the provider calls them; "": time has done it
	Person   bool      // By is a person of the rotation file; else a reassignment may be the router's own
	To       []string  // reassigned: to whom, people of the rotation file
	Taken    bool      // reopened: and acknowledged since, by the same
	Keyed    bool      // of what was looked up: it is the one incident there whose state every message of the router has set
	Moves    int       // of what was looked up: what [Moves] said when it was asked for
}

const (
	reportsHeard = 32               // events that an incident remembers
	clockSlack   = 5 * time.Second  // by which a provider's clock may differ
	lookBehind   = 10 * time.Second // by which what is looked up may be behind what the provider has taken
)

// Heed takes in a report. It changes nothing when it is known, older than one that was heeded, about an earlier life of the
// escalation, an echo, or when what it says holds already. What the caller must do besides, when it says that the incident
// is over, is the same as after [Book.Resolve].
func (b *Book) Heed(env Env, r Report) (Change, error) {
	inc, ok := b.Incident(r.Incident)
	if !ok || b.deaf(env, inc, r) || b.moving(env, inc, r) {
		return Change{}, nil
	}
	if inc.State == Resolved {
		switch r.Kind {
		case ReportAcknowledged, ReportResolved, ReportReopened: // its messages may speak for what is open
		case ReportUnacknowledged, ReportReassigned:
			return Change{}, nil
		}
	}
	var change Change
	switch r.Kind {
	case ReportAcknowledged:
		switch inc.State {
		case Acknowledged, Snoozed:
			if inc.AcknowledgedBy == r.By || b.echo(r) {
				return Change{}, nil
			}
		case Triggered:
			if b.lateEcho(env, r) {
				return Change{}, nil
			}
		case Resolved: // its messages may speak for what is open
		}
		change = b.acknowledgedThere(env, inc, r)
	case ReportResolved:
		change = b.resolvedThere(env, inc, r)
	case ReportUnacknowledged:
		change = b.unacknowledged(env, r)
	case ReportReopened:
		change = b.openedAgain(env, r)
	case ReportReassigned:
		if b.echo(r) {
			return Change{}, nil
		}
		change = b.reassigned(env, r)
	}
	for i := range change.Incidents {
		if change.Incidents[i].ID == r.Incident {
			change.Incidents[i].hear(r)
		}
	}
	return change, nil
}

// acknowledgedThere follows an acknowledgement: whoever has read "3 incidents" has taken all three.
func (b *Book) acknowledgedThere(env Env, inc Incident, r Report) Change {
	d := b.draft(env)
	if inc.State != Resolved {
		d.acknowledge(inc, r.By, "in "+display(r.Channel))
	}
	for _, host := range b.rowsOf(inc.ID) {
		if host.Channel != r.Channel || !host.mayHaveArrived() {
			continue
		}
		for _, other := range b.Merged(host) {
			if other.Progress.Started.After(host.FirstTry) && b.deaf(env, other, r) {
				continue // it has called anew since
			}
			other.hear(r)
			d.acknowledge(other, r.By, "in "+display(r.Channel)+", by page "+host.PageID()+", which speaks for it")
		}
	}
	return d.change()
}

// resolvedThere follows a resolve, which ends the one incident that it names. What the messages of that one spoke for, and nobody
// has, is open at the provider no more, but goes on here: it pages by itself.
func (b *Book) resolvedThere(env Env, inc Incident, r Report) Change {
	d := b.draft(env)
	for _, host := range b.rowsOf(inc.ID) {
		if host.Channel == r.Channel {
			d.split(host, "resolved by "+r.By+" in "+display(r.Channel))
		}
	}
	if inc.State != Resolved {
		d.resolveByHand(inc, r.By, "in "+display(r.Channel))
	}
	return d.change()
}

// deaf says that a report has nothing to say to an incident any more.
func (b *Book) deaf(env Env, inc Incident, r Report) bool {
	lookedUp := r.Event == ""
	switch {
	case lookedUp && r.Kind == ReportReassigned: // nobody knows since when: it holds now, see moving
		return false
	case slices.Contains(inc.Heard, r.Event) && !lookedUp, r.At.Before(inc.HeardAt):
		return true
	case lookedUp && !inc.HeardAt.IsZero() && !r.At.After(inc.HeardAt.Add(time.Second)):
		return true
	}
	earlier := inc.Progress.Started
	switch r.Kind {
	case ReportUnacknowledged:
		earlier = inc.AcknowledgedAt
	case ReportReopened:
		earlier = inc.ResolvedAt
	case ReportAcknowledged, ReportResolved, ReportReassigned:
	}
	return r.At.Before(earlier.Add(-clockSlack-env.Ahead)) && !(lookedUp && b.undid(env, inc, r))
}

// undid says that what was looked up is newer than what the router did there last, whatever the clocks say: that has put an end
// to it, and was taken a while ago.
func (b *Book) undid(env Env, inc Incident, r Report) bool {
	var last Row
	for _, row := range b.rowsOf(inc.ID) {
		if row.Channel == r.Channel && row.Kind != MessageUpdate && row.mayHaveArrived() {
			last = row
		}
	}
	ends := false
	switch r.Kind {
	case ReportAcknowledged:
		ends = last.Kind == MessageTrigger
	case ReportUnacknowledged:
		ends = last.Kind == MessageAcknowledge
	case ReportResolved:
		ends = last.Kind == MessageTrigger || last.Kind == MessageAcknowledge
	case ReportReopened, ReportReassigned:
	}
	return ends && r.Keyed && last.Status == RowSent && env.Now.Sub(last.Began) >= lookBehind
}

func (inc *Incident) hear(r Report) {
	if r.Event != "" {
		inc.Heard = append(slices.Clone(inc.Heard), r.Event)
		inc.Heard = inc.Heard[max(len(inc.Heard)-reportsHeard, 0):]
	}
	if r.At.After(inc.HeardAt) {
		inc.HeardAt = r.At
	}
}

// Moves counts what there is to tell of an incident, and what was tried at a channel; -1 while a message is on its way there, or
// is to be sent again. What is looked up there is of the time in which this number holds.
func Moves(inc Incident, rows []Row, channel string) int {
	n := inc.Rows
	for _, row := range rows {
		if row.Channel == channel {
			if n += row.Attempt; row.Attempt > 0 && !row.Done() {
				return -1
			}
		}
	}
	return n
}

// moving says that what was looked up may be behind what the router is doing there: the next look will tell. Who is assigned there
// is also not to be had from one who is to be told later.
func (b *Book) moving(env Env, inc Incident, r Report) bool {
	if r.Event != "" {
		return false
	}
	rows := b.rowsOf(inc.ID)
	now := Moves(inc, rows, r.Channel)
	return now < 0 || now != r.Moves || slices.ContainsFunc(rows, func(row Row) bool {
		return row.Channel == r.Channel && !row.Done() && (r.Kind == ReportReassigned || !row.NotBefore.After(env.Now))
	})
}

// echo says that a report only repeats what the router did there itself: an acknowledgement that it passed on, or whom it
// assigned. Of a person who is known to have done it, only what holds already counts as an echo.
func (b *Book) echo(r Report) bool {
	rows := b.rowsOf(r.Incident)
	if r.Kind == ReportReassigned && (r.Person || r.Event == "") {
		return equalSets(r.To, b.draft(Env{}).assigned(r.Incident))
	}
	want, people := MessageTrigger, r.To
	if r.Kind == ReportAcknowledged {
		want, people = MessageAcknowledge, []string{r.By}
	}
	return slices.ContainsFunc(rows, func(row Row) bool {
		return row.Channel == r.Channel && row.Kind == want && row.Attempt > 0 && equalSets(row.People, people)
	})
}

// lateEcho says that a report tells of an acknowledgement that the router passed on, after which it was given away here, or nobody had
// it any more: it happened when that was passed on, and before the provider was told of anything since. What is looked up holds now: when
// the provider was told since, it is news.
func (b *Book) lateEcho(env Env, r Report) bool {
	at := r.At.Add(env.Ahead)
	passed, ended := false, false
	for _, row := range b.rowsOf(r.Incident) {
		switch {
		case row.Channel != r.Channel || !row.mayHaveArrived():
		case row.Kind == MessageAcknowledge:
			passed, ended = equalSets(row.People, []string{r.By}) && at.Sub(row.Began) < lookBehind, false
		case row.Kind == MessageTrigger && passed && !ended:
			ended = r.Event == "" || !at.Before(row.FirstTry)
		}
	}
	return passed && !ended
}

func equalSets(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// reassigned follows what was done at a provider: the incident is those people's, who were told there and are told on their
// other channels; unanswered, its escalation goes on after the wait of the step taken last.
func (b *Book) reassigned(env Env, r Report) Change {
	d := b.draft(env)
	inc, _ := d.incident(r.Incident)
	if len(r.To) == 0 {
		d.note(&inc, "reassigned by %s in %s, to nobody whom the contacts have: this changes nothing here", r.By, display(r.Channel))
		return d.change()
	}
	progress := inc.Progress
	var notify []escalation.Notify
	var untold []string
	for _, person := range r.To {
		next, told := escalation.Hand(*inc.policy(), env.Rotation, inc.Progress, string(inc.Severity), person, r.By, env.Now)
		if len(told) > 0 {
			progress = next
		} else {
			untold = append(untold, person)
		}
		notify = append(notify, told...)
	}
	if len(notify) == 0 {
		progress = escalation.Wait(*inc.policy(), progress, env.Now)
	}
	d.note(&inc, "reassigned to %s by %s in %s", strings.Join(r.To, ", "), r.By, display(r.Channel))
	for _, person := range untold {
		d.note(&inc, "%s %s: told in %s alone", person, whyUntold(env.Rotation, person), display(r.Channel))
	}
	d.withdraw(&inc, "reassigned before it was sent")
	inc.untake()
	inc.Progress = progress
	d.putIncident(inc)
	d.heard(&inc, r)
	if inc.untellable() != nil {
		return d.change() // they are told there alone
	}
	for _, row := range rowsFor(slices.DeleteFunc(notify, func(n escalation.Notify) bool { return n.Channel == r.Channel })) {
		d.note(&inc, "paging %s by %s: %s", strings.Join(row.People, ", "), row.Channel, row.Why)
		d.send(&inc, row)
	}
	return d.change()
}

// heard is the row of a message that the provider has delivered on its own account.
func (d *draft) heard(inc *Incident, r Report) {
	row := Row{
		Kind: MessageTrigger, Channel: r.Channel, People: r.To, Pass: inc.Progress.Pass, Step: inc.Progress.Step,
		Why: fmt.Sprintf("reassigned: %s has given it to you", r.By), NotBefore: d.env.Now,
	}
	seq := inc.Rows
	d.send(inc, row)
	row, _ = d.row(RowKey{inc.ID, seq})
	row.Status, row.Attempt = RowSent, 1
	d.putRow(row)
}

// display is how a channel is called in a timeline.
func display(channel string) string {
	if channel == ChannelPagerDuty {
		return "PagerDuty"
	}
	return channel
}
