package incident

import (
	"slices"
	"strings"
	"time"

	"nezuban/oncall/escalation"
)

// ResolveAfter is how long an acknowledged occurrence may stay without a repeat before it counts as over.
const ResolveAfter = 24 * time.Hour

// Apply decides what alerts mean: each opens, updates or resolves an incident, or changes nothing. Remarks go to the
// timeline of the open incident that holds their key, if there is one.
//
// Next on a sample's path: [escalation.Next].
func (b *Book) Apply(env Env, alerts []Alert, remarks []Remark) Change {
	d := b.draft(env)
	for _, alert := range alerts {
		d.take(alert)
	}
	for _, r := range remarks {
		if inc, open := d.open(r.Key); open {
			d.remark(inc, r)
		}
	}
	return d.change()
}

// take decides what one alert means.
func (d *draft) take(alert Alert) {
	if d.known(alert) {
		return
	}
	inc, open := d.open(alert.Key)
	switch {
	case alert.Firing && open:
		d.again(inc, alert)
	case alert.Firing && (d.reopened(alert) || d.joined(alert)):
	case alert.Firing:
		d.begin(alert)
	case open:
		d.calm(inc, alert)
	}
}

// known says that an alert changes nothing: what it reports has been taken in already. Most are of this kind, as senders
// repeat what goes on.
func (d *draft) known(alert Alert) bool {
	inc, open := d.open(alert.Key)
	if !open {
		return !alert.Firing || d.passed(alert)
	}
	held := inc.Alerts[alert.Key]
	switch {
	case !alert.Firing:
		return !held.Firing || !alert.At.After(held.At) // only news newer than the firing can resolve it
	case alert.Rule == RuleManual:
		return alert.saysLike(held.Alert)
	case alert.Event != "" && alert.Event == held.Event:
		return true // the same event, re-sent
	}
	return alert.Kind == KindState && held.Firing && alert.Severity == held.Severity
}

// passed says that an event is one that a resolved incident has taken in: re-sent, it opens nothing. The event of an incident
// that a person opens is their own word, and counts each time.
func (d *draft) passed(alert Alert) bool {
	if alert.Event == "" || alert.Rule == RuleManual {
		return false
	}
	inc, ok := d.closing(alert.Key)
	return ok && inc.Alerts[alert.Key].Event == alert.Event
}

// remark writes a remark down, unless its event was remarked on lately.
func (d *draft) remark(inc Incident, r Remark) {
	const remembered = 32
	if slices.Contains(inc.Remarked, r.Event) {
		return
	}
	inc.Remarked = append(slices.Clone(inc.Remarked), r.Event)
	inc.Remarked = inc.Remarked[max(len(inc.Remarked)-remembered, 0):]
	d.note(&inc, "%s", r.Text)
}

// begin opens an incident and takes the first step of its policy.
func (d *draft) begin(alert Alert) {
	policy, matched := d.book.policyFor(d.env.Rotation, alert.Labels)
	inc := Incident{
		ID: d.env.NewID(d.env.Now), State: Triggered, Severity: alert.Severity, OpenedAt: d.env.Now, Policy: policy,
		Alerts: map[string]AlertState{alert.Key: {Alert: alert, Count: 1, First: alert.At}},
	}
	d.joinGroup(&inc, alert)
	d.appears(inc.ID, alert)
	d.note(&inc, "opened by %s: %s", alert.Rule, alert.Summary)
	if d.env.Version != "" {
		d.note(&inc, "version %s of the rotation file is in force", d.env.Version)
	}
	if !matched {
		d.note(&inc, "no route matches its labels: taking policy %q", policy.Name)
	}
	if h := d.hush(alert); h.why != "" {
		d.suppress(&inc, h)
	}
	d.escalate(&inc)
}

// again takes in an alert that fires while its incident is open.
func (d *draft) again(inc Incident, alert Alert) {
	held := inc.Alerts[alert.Key]
	refired, grew := !held.Firing, alert.Severity.Rank() > held.Severity.Rank()
	if alert.Rule == RuleManual && len(alert.Labels) == 0 {
		alert.Labels = held.Labels
	}
	inc.fire(alert)
	inc.flap()
	d.putIncident(inc)
	if count := inc.Alerts[alert.Key].Count; (refired && !inc.Flapping) || isMilestone(count) || alert.Rule == RuleManual {
		d.note(&inc, "again (%d times): %s", count, alert.Summary)
	}
	d.appears(inc.ID, alert)
	if head, ok := d.incident(inc.PartOf); ok {
		if speaks := head.PartSpeaks; head.seePart(alert) || (speaks != nil && speaks.Key == alert.Key) {
			d.putIncident(head)
		}
		d.stir(&head, alert, grew)
	}
	switch {
	case (refired || inc.Suppressed != "") && d.reconsider(&inc):
	case alert.Severity.Rank() <= inc.Severity.Rank():
	case inc.Suppressed == "" && d.hush(alert).why != "":
		d.note(&inc, "would rise to %s, but: %s", alert.Severity, d.hush(alert).why)
	default:
		d.rise(&inc, alert.Severity)
	}
}

// rise makes an open incident graver: whoever has it, the escalation begins anew.
func (d *draft) rise(inc *Incident, to Severity) {
	d.anew(inc, "severity rises from %s to %s", inc.Severity, to)
	inc.Severity = to
	inc.untake()
	inc.Progress = escalation.Progress{}
	d.withdraw(inc, "severity rose before it was sent")
	d.escalate(inc)
}

// isMilestone keeps the timeline short under a flood: the 2nd, 10th, 100th, 1000th … repeat are written down.
func isMilestone(n int) bool {
	for n >= 10 && n%10 == 0 {
		n /= 10
	}
	return n == 1 || n == 2
}

// calm takes in an alert that resolves; when none of the incident's alerts fires any more, the incident is over.
func (d *draft) calm(inc Incident, alert Alert) {
	held := inc.Alerts[alert.Key]
	held.Firing, held.At = false, alert.At
	inc.set(held)
	d.putIncident(inc)
	if inc.firing() || inc.OpenParts > 0 {
		d.note(&inc, "%s: %s", alert.Rule, alert.Summary)
		d.reconsider(&inc)
		return
	}
	d.over(&inc, "resolved: "+alert.Summary)
}

// resolve ends an incident and tells everyone who heard of it.
func (d *draft) resolve(inc *Incident, by, text string) {
	inc.State, inc.ResolvedAt, inc.ResolvedBy, inc.QuietAt = Resolved, d.env.Now, by, time.Time{}
	inc.ReleaseAt = time.Time{}
	d.note(inc, "%s", text)
	d.withdraw(inc, "resolved before it was sent")
	d.tellEnd(inc, text)
	if inc.SuppressedBy != "" {
		d.sayTo(inc.SuppressedBy, "over, nobody was paged: incident "+inc.ID)
	}
	d.endParts(inc)
	if inc.PartOf != "" {
		d.endPart(*inc)
	}
}

// escalate takes the policy's due steps: the rows for the people they name, and when to come back.
func (d *draft) escalate(inc *Incident) {
	if inc.Severity == SeverityInfo || inc.PartOf != "" || inc.Suppressed != "" {
		return
	}
	progress, notify := escalation.Next(*inc.policy(), d.env.Rotation, inc.Progress, d.turns(), string(inc.Severity), d.env.Now)
	d.pick(progress.PickedSince(inc.policy().Name, inc.Progress))
	inc.Progress = progress
	d.putIncident(*inc)
	earlier := inc.Rows
	for _, row := range rowsFor(notify) {
		row.Repeat = d.supersede(inc, row, earlier)
		d.note(inc, "paging %s by %s: %s", strings.Join(row.People, ", "), row.Channel, row.Why)
		d.send(inc, row)
	}
	switch {
	case progress.Held:
		d.note(inc, "held by policy %q until %s", inc.policy().Name, progress.Next.UTC().Format(time.RFC3339))
	case len(notify) == 0:
		d.note(inc, "nobody is on call for policy %q: asking again at %s", inc.policy().Name, progress.Next.UTC().Format(time.RFC3339))
	}
}

// supersede withdraws what should have arrived by now where a trigger goes and has not, of the rows before a number: whoever
// is called does not hear the older one afterwards, and PagerDuty's incident is created by the later one. It reports whether the
// receiver may have heard the older one all the same.
func (d *draft) supersede(inc *Incident, next Row, before int) (heard bool) {
	if next.Channel != ChannelPagerDuty && next.NotBefore.After(d.env.Now) {
		return false // what goes until then is older news, and not stale
	}
	for _, row := range d.rowsOf(inc.ID) {
		stuck := row.Status == RowPending && (row.Attempt > 0 || !row.NotBefore.After(d.env.Now))
		if row.Channel != ChannelPagerDuty && len(d.merged(row)) > 0 {
			continue // it tells of other incidents, which the later one does not
		}
		if row.Seq < before && row.Kind == MessageTrigger && row.sharesLine(next) && stuck {
			heard = heard || row.mayHaveArrived() && row.Channel != ChannelPagerDuty // which knows its incident by our id
			d.cancel(inc, row, "overtaken by a later step")
		}
	}
	return heard
}

// rowsFor turns the people to notify into rows: one a person and channel, but PagerDuty holds one incident for all, so
// there each row names everybody whom the step has called by its time.
func rowsFor(notify []escalation.Notify) []Row {
	notify = slices.Clone(notify)
	slices.SortStableFunc(notify, func(a, b escalation.Notify) int { return a.At.Compare(b.At) })
	var rows []Row
	last := -1 // the last row for PagerDuty
	for _, n := range notify {
		row := Row{Kind: MessageTrigger, Channel: n.Channel, People: []string{n.Person}, Pass: n.Pass, Step: n.Step, Why: n.Why, NotBefore: n.At}
		if n.Channel != ChannelPagerDuty {
			rows = append(rows, row)
			continue
		}
		if last >= 0 {
			row.People = union(rows[last].People, row.People)
		}
		if last >= 0 && rows[last].NotBefore.Equal(n.At) {
			rows[last].People = row.People
			continue
		}
		last = len(rows)
		rows = append(rows, row)
	}
	return rows
}
