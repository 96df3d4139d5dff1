package incident

import (
	"strconv"
	"strings"
	"time"

	"nezuban/oncall/escalation"
)

// Suppression hides alerts behind their cause: while a source fires, the targets that agree with it in some labels page
// nobody.
type Suppression struct {
	ID             string
	Source, Target Matchers
	Equal          []string // labels that both must have, with the same value
}

// ReleaseAfter is how long after the end of its source a suppressed incident waits: a host that is back tells within that
// time which of its containers run.
const ReleaseAfter = 30 * time.Second

// hush is why an alert pages nobody now. The zero value: it pages.
type hush struct {
	why string // named in timelines
	by  string // id of the source's incident, of a suppression
}

// source is a firing alert that may hide others.
type source struct{ incident, key string }

// place is where a suppression's sources and targets meet; false when one of the labels is missing.
func (s Suppression) place(number int, a Alert) (string, bool) {
	values := []string{strconv.Itoa(number)}
	for _, label := range s.Equal {
		value := a.Labels[label]
		if value == "" {
			return "", false
		}
		values = append(values, value)
	}
	return DedupKey("", values...), true
}

// sourceOf lists the places at which an alert hides others.
func (s Settings) sourceOf(a Alert) []string {
	var places []string
	for i, one := range s.Suppressions {
		if place, ok := one.place(i, a); ok && one.Source.Match(a) {
			places = append(places, place)
		}
	}
	return places
}

// appears makes it known to this decision that an alert fires.
func (d *draft) appears(id string, a Alert) {
	for _, place := range d.book.settings.sourceOf(a) {
		if d.sources == nil {
			d.sources = map[string][]source{}
		}
		d.sources[place] = append(d.sources[place], source{id, a.Key})
	}
}

// hush is why an alert pages nobody.
func (d *draft) hush(a Alert) hush {
	for i, s := range d.book.settings.Suppressions {
		place, ok := s.place(i, a)
		if !ok || !s.Target.Hush(a) {
			continue
		}
		if by, ok := d.hiding(place, a); ok {
			return by
		}
	}
	for _, c := range d.curtains() {
		if c.matchers.Hush(a) {
			return hush{why: c.why}
		}
	}
	return hush{}
}

// hiding is the first source at a place that fires and is not hidden itself.
func (d *draft) hiding(place string, a Alert) (hush, bool) {
	var first hush
	for _, sources := range [][]source{d.sources[place], d.book.sources[place]} {
		for _, s := range sources {
			inc, ok := d.incident(s.incident)
			held := inc.Alerts[s.key]
			if !ok || inc.State == Resolved || inc.SuppressedBy != "" || !held.Firing || s.key == a.Key {
				continue
			}
			if first.by == "" || s.incident < first.by {
				first = hush{why: held.Rule + ": " + held.Summary + " (incident " + s.incident + ")", by: s.incident}
			}
		}
	}
	return first, first.by != ""
}

// Hidden says that the open incident which holds an alert pages nobody because of an alert that is its cause, or was until
// [ReleaseAfter] ago.
func (b *Book) Hidden(key string) bool {
	inc := b.incidents[b.byKey[key]]
	if inc.PartOf != "" {
		inc = b.incidents[inc.PartOf]
	}
	return inc.SuppressedBy != ""
}

// hushOf is why an incident pages nobody: all alerts that fire in it and in its parts have a reason.
func (d *draft) hushOf(inc Incident) hush {
	var first hush
	for _, a := range inc.Ordered() {
		if !a.Firing {
			continue
		}
		h := d.hush(a.Alert)
		if h.why == "" {
			return hush{}
		}
		if first.why == "" {
			first = h
		}
	}
	oldest := "" // of the parts: they come in no order, and the reason that is named must not change by that
	for part := range d.partsOf(inc) {
		h := d.hush(part.Lead().Alert)
		if h.why == "" {
			return hush{}
		}
		if first.why == "" || (oldest != "" && part.ID < oldest) {
			first, oldest = h, part.ID
		}
	}
	return first
}

// suppress keeps an incident from paging. What a restore has put off stays so, should the reason end before.
func (d *draft) suppress(inc *Incident, h hush) {
	inc.Suppressed, inc.SuppressedBy = h.why, h.by
	if !inc.putOff(d.env.Now) {
		inc.ReleaseAt = time.Time{}
	}
	d.note(inc, "suppressed, nobody is paged: %s", h.why)
	d.withdraw(inc, "suppressed before it was sent")
	d.sayTo(h.by, "hides incident "+inc.ID+": "+inc.Lead().Summary)
}

// sayTo writes into the timeline of an incident that hides others, which stays short however many they are.
func (d *draft) sayTo(id, text string) {
	const lines = 40
	inc, ok := d.incident(id)
	if id == "" || !ok || inc.State == Resolved {
		return
	}
	if inc.Hides++; inc.Hides <= lines || isMilestone(inc.Hides) {
		d.note(&inc, "%s", text)
	}
	d.putIncident(inc)
}

// reconsider decides anew whether an open incident pages; it reports whether anything has changed.
func (d *draft) reconsider(inc *Incident) bool {
	if inc.State == Resolved || inc.PartOf != "" || (!inc.firing() && inc.OpenParts == 0) {
		return false
	}
	h := d.hushOf(*inc)
	switch {
	case h.why == "" && inc.Suppressed == "":
		return d.catchRise(inc)
	case h.why == "":
		return d.release(inc)
	case inc.Suppressed == "":
		d.suppress(inc, h)
	case inc.Suppressed != h.why || (!inc.ReleaseAt.IsZero() && !inc.putOff(d.env.Now)):
		d.suppress(inc, h)
	default:
		return false
	}
	return true
}

// release lets a suppressed incident page whose reason is over: at once after a silence, after [ReleaseAfter] when it
// was hidden, so that what ended with its cause has the time to say so. One that a restore has put off waits until then.
func (d *draft) release(inc *Incident) bool {
	switch {
	case inc.SuppressedBy == "" && inc.ReleaseAt.IsZero():
		d.unsuppress(inc)
	case inc.ReleaseAt.IsZero():
		inc.ReleaseAt = d.env.Now.Add(ReleaseAfter)
		d.note(inc, "its cause is over: what still holds in %s pages", ReleaseAfter)
	default:
		return false
	}
	return true
}

// putOff says that a restore has put off the release of a suppressed incident.
func (inc Incident) putOff(now time.Time) bool { return inc.ReleaseAt.Sub(now) > ReleaseAfter }

// unsuppress lets an incident page. Of what nobody has heard of and what nothing says to go on, such as an error that was
// seen, nobody is told afterwards.
func (d *draft) unsuppress(inc *Incident) {
	why := inc.Suppressed
	inc.Suppressed, inc.SuppressedBy, inc.ReleaseAt = "", "", time.Time{}
	for _, a := range inc.Ordered() {
		if a.Firing {
			d.appears(inc.ID, a.Alert)
		}
	}
	if inc.Rows == 0 && inc.FirstAckAt.IsZero() && !d.lasts(*inc) {
		inc.Suppressed = why
		d.resolve(inc, "", "dropped, nobody is paged: it happened while suppressed, and nothing says that it goes on: "+why)
		return
	}
	d.anew(inc, "no longer suppressed, it still holds: %s", why)
	if inc.State == Triggered {
		inc.Progress = escalation.Progress{}
		d.escalate(inc)
	}
}

// lasts says that something of the incident, or of a part of it, goes on as long as nothing says that it does not.
func (d *draft) lasts(inc Incident) bool {
	for _, a := range inc.Alerts {
		if a.Firing && (a.Kind == KindState || a.Lasting) {
			return true
		}
	}
	for part := range d.partsOf(inc) {
		if d.lasts(part) {
			return true
		}
	}
	return false
}

// catchRise makes up for a rise in severity of an alert that was silenced then, of the incident itself or of a part of it.
func (d *draft) catchRise(inc *Incident) bool {
	if inc.Severity == SeverityPage {
		return false
	}
	gravest := inc.Severity
	look := func(a AlertState) {
		if a.Firing && a.Severity.Rank() > gravest.Rank() && d.hush(a.Alert).why == "" {
			gravest = a.Severity
		}
	}
	for _, a := range inc.Alerts {
		look(a)
	}
	for part := range d.partsOf(*inc) {
		look(part.Lead())
	}
	if gravest == inc.Severity {
		return false
	}
	d.rise(inc, gravest)
	return true
}

// look is what the last review of everything has seen.
type look struct {
	changes int    // of silences and sources
	inForce string // ids of silences and windows
}

// review reconsiders open incidents when the silences, the windows or the sources are not what they were.
func (d *draft) review() {
	b := d.book
	ids := make([]string, 0, len(d.curtains()))
	for _, c := range d.curtains() {
		ids = append(ids, c.id)
	}
	now := look{b.changes, strings.Join(ids, " ")}
	if now == b.reviewed {
		return
	}
	changed := false
	for _, id := range b.IDs() {
		inc, _ := d.incident(id)
		changed = d.reconsider(&inc) || changed
	}
	b.reviewed = now // nothing that is stored: only that looking again would find nothing
	if changed {
		b.reviewed = look{} // it would: what is decided now may not be stored
	}
}
