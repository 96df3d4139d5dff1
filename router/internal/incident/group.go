package incident

import (
	"cmp"
	"iter"
	"maps"
	"slices"
	"time"
)

// Bounds of what one incident's record holds. Whatever else belongs to its group is held in records of its own, its parts.
const (
	maxAlerts     = 25
	maxAlertBytes = 64 << 10 // of all its alerts' labels and texts
)

// joined takes an alert into the open incident of its group; false when there is none that takes it.
func (d *draft) joined(alert Alert) bool {
	name, _ := d.book.settings.group(alert)
	if name == "" {
		return false
	}
	inc, ok := d.leading(groupName(name, d.hush(alert).why != ""))
	if !ok || !d.env.Now.Before(inc.GroupUntil) {
		return false
	}
	inc.QuietAt = time.Time{} // of one that flaps: something of it fires again
	if inc.room(alert) {
		inc.set(AlertState{Alert: alert, Count: 1, First: alert.At, Nth: len(inc.Alerts)})
		d.appears(inc.ID, alert)
		d.note(&inc, "joined by %s: %s", alert.Rule, alert.Summary)
	} else {
		d.part(&inc, alert)
	}
	if alert.Severity.Rank() > inc.Severity.Rank() {
		d.rise(&inc, alert.Severity)
	}
	if inc.Suppressed != "" { // perhaps by what ended while nothing of it fired
		d.reconsider(&inc)
	}
	d.update(&inc)
	return true
}

// leading is the unresolved incident that a group's alerts join: of several the one that they join for longest, which may be
// one that was opened again. Of those the oldest leads; ids sort by time.
func (d *draft) leading(name string) (first Incident, ok bool) {
	for _, id := range slices.AppendSeq(slices.Clone(d.groups[name]), maps.Keys(d.book.groups[name])) {
		inc, known := d.incident(id)
		if !known || inc.State == Resolved || inc.groupName() != name {
			continue
		}
		if by := cmp.Or(inc.GroupUntil.Compare(first.GroupUntil), cmp.Compare(first.ID, inc.ID)); !ok || by > 0 {
			first, ok = inc, true
		}
	}
	return first, ok
}

// groupName is by what alerts find the incident that they join. What is suppressed and what pages do not join each other.
func groupName(group string, suppressed bool) string {
	if group != "" && suppressed {
		return group + "\x00"
	}
	return group
}

func (inc Incident) groupName() string { return groupName(inc.Group, inc.Suppressed != "") }

// room says that the incident's record can hold an alert besides those it has.
func (inc Incident) room(alert Alert) bool {
	size := alert.size()
	for _, a := range inc.Alerts {
		size += a.size()
	}
	return len(inc.Alerts) < maxAlerts && size <= maxAlertBytes
}

func (a Alert) size() int {
	size := len(a.Key) + len(a.Summary) + len(a.Event) + len(a.Reason) + len(a.Runbook) + len(a.Source)
	for name, value := range a.Labels {
		size += len(name) + len(value)
	}
	return size
}

// part keeps an alert for which the record of its incident has no room in one of its own. It is the incident's in all but
// that: nobody is paged for it, and the incident is over when its parts are.
func (d *draft) part(head *Incident, alert Alert) {
	part := Incident{
		ID: d.env.NewID(d.env.Now), State: Triggered, Severity: alert.Severity, OpenedAt: d.env.Now, Policy: head.Policy, PartOf: head.ID,
		Alerts: map[string]AlertState{alert.Key: {Alert: alert, Count: 1, First: alert.At}},
	}
	d.appears(part.ID, alert)
	d.note(&part, "opened by %s as a part of incident %s: %s", alert.Rule, head.ID, alert.Summary)
	head.More++
	head.OpenParts++
	head.MoreStates = head.MoreStates || alert.Kind == KindState
	head.seePart(alert)
	if isMilestone(head.More) || head.More == 1 {
		d.note(head, "joined by more alerts than it lists: %d more by now, the last of %s: %s", head.More, alert.Rule, alert.Summary)
	}
	d.putIncident(*head)
}

// partsOf goes through the open parts of an incident as the draft sees them, in no order.
func (d *draft) partsOf(head Incident) iter.Seq[Incident] {
	return func(yield func(Incident) bool) {
		if head.OpenParts == 0 {
			return
		}
		for _, ids := range []map[string]struct{}{d.book.parts[head.ID], d.parts[head.ID]} {
			for id := range ids {
				if part, ok := d.incident(id); ok && part.State != Resolved && part.PartOf == head.ID && !yield(part) {
					return
				}
			}
		}
	}
}

// speaker is the alert of a part that speaks for an incident of which only parts fire: the one that did so far, or that of the
// oldest part.
func (d *draft) speaker(inc Incident) *AlertState {
	if inc.State == Resolved || inc.OpenParts == 0 || inc.firing() {
		return nil
	}
	var oldest Incident
	if inc.PartSpeaks != nil {
		if part, open := d.open(inc.PartSpeaks.Key); open && part.PartOf == inc.ID {
			oldest = part
		}
	}
	if oldest.ID == "" {
		for part := range d.partsOf(inc) {
			if oldest.ID == "" || part.ID < oldest.ID {
				oldest = part
			}
		}
	}
	if oldest.ID == "" {
		return nil
	}
	speaks := oldest.Lead()
	return &speaks
}

// seePart remembers when an alert of a part was last reported, and reports whether that is worth storing: what repeats by the
// thousand writes the incident once a minute.
func (inc *Incident) seePart(alert Alert) bool {
	if alert.At.Sub(inc.PartsAt) < time.Minute {
		return false
	}
	inc.PartsAt = alert.At
	return true
}

// stir decides what it means for an open incident that an alert fires in one of its parts; grew says that the alert is graver than
// it was there. What is hidden as the incident is changes nothing, however many parts there are.
func (d *draft) stir(head *Incident, alert Alert, grew bool) {
	why := d.hush(alert).why
	switch {
	case alert.Severity.Rank() <= head.Severity.Rank():
	case head.Suppressed != "" || why == "":
		d.rise(head, alert.Severity)
	case grew:
		d.note(head, "would rise to %s, but: %s", alert.Severity, why)
	}
	if why != head.Suppressed || !head.ReleaseAt.IsZero() {
		d.reconsider(head)
	}
}

// endPart takes an ended part off its incident, which is over when nothing of it fires any more, and pages nobody when all else
// that fires in it has a reason.
func (d *draft) endPart(part Incident) {
	head, ok := d.incident(part.PartOf)
	if !ok || head.State == Resolved {
		return
	}
	head.OpenParts = max(head.OpenParts-1, 0)
	d.putIncident(head)
	if head.OpenParts == 0 && !head.firing() {
		d.over(&head, "resolved: the last of its alerts is over")
		return
	}
	if head.Suppressed == "" && d.hush(part.Lead().Alert).why == "" { // else it was not this part that kept it paging
		if h := d.hushOf(head); h.why != "" {
			d.suppress(&head, h)
		}
	}
}

// endParts ends the parts of an incident that is over.
func (d *draft) endParts(head *Incident) {
	if head.OpenParts == 0 {
		return
	}
	head.OpenParts, head.MoreStates = 0, false
	d.putIncident(*head)
	for _, id := range slices.Sorted(maps.Keys(d.book.parts[head.ID])) {
		if part, ok := d.incident(id); ok && part.State != Resolved {
			part.State, part.ResolvedAt, part.ResolvedBy = Resolved, d.env.Now, head.ResolvedBy
			part.quieten()
			d.note(&part, "resolved with incident %s", head.ID)
		}
	}
}

// quieten says of every alert that it does not fire any more.
func (inc *Incident) quieten() {
	for _, a := range inc.Ordered() {
		a.Firing = false
		inc.set(a)
	}
}

// Holds lists the dedup keys of the state alerts that fire in an incident and its parts, sorted: what a person who resolves
// it says of the rules too.
func (b *Book) Holds(id string) []string {
	keys := b.incidents[id].FiringKeys(KindState)
	for part := range b.parts[id] {
		keys = append(keys, b.incidents[part].FiringKeys(KindState)...)
	}
	slices.Sort(keys)
	return keys
}

// firing says that an alert of the incident itself fires.
func (inc Incident) firing() bool {
	for _, a := range inc.Alerts {
		if a.Firing {
			return true
		}
	}
	return false
}

// joinGroup makes a new incident the one that its group's alerts join.
func (d *draft) joinGroup(inc *Incident, alert Alert) {
	if name, within := d.book.settings.group(alert); name != "" {
		inc.Group, inc.GroupUntil = name, d.env.Now.Add(within)
	}
}

// updateWithin is how long after it joined an alert is told of at the latest, if the channel is quick; further ones are told
// of together.
const updateWithin = 3 * time.Second
