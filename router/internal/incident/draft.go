package incident

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"nezuban/oncall/escalation"
)

// draft collects a change over a book without altering it.
type draft struct {
	book       *Book
	env        Env
	incidents  map[string]Incident
	byKey      map[string]string
	groups     map[string][]string            // by group: its incidents that change
	parts      map[string]map[string]struct{} // by incident: parts that are open and change
	rows       map[string][]Row               // of the incidents whose rows change: those that do, in order of Seq
	picks      escalation.Picks
	sources    map[string][]source
	inForce    []curtain // when looked
	looked     bool
	unsilenced []string
	entries    []Entry
}

// draft begins one. Its maps are made when something is put into them: most decisions change nothing.
func (b *Book) draft(env Env) *draft { return &draft{book: b, env: env} }

// change is what the draft has come to, in a stable order.
func (d *draft) change() Change {
	c := Change{Entries: d.entries, Unsilenced: d.unsilenced}
	if len(d.picks) > 0 {
		c.Picks = d.picks
	}
	if len(d.incidents) > 0 {
		c.Incidents = make([]Incident, 0, len(d.incidents))
	}
	for _, id := range slices.Sorted(maps.Keys(d.incidents)) {
		inc := d.incidents[id]
		inc.PartSpeaks = d.speaker(inc)
		c.Incidents = append(c.Incidents, inc)
	}
	for _, id := range slices.Sorted(maps.Keys(d.rows)) {
		c.Rows = append(c.Rows, d.rows[id]...)
	}
	return c
}

// turns are whom steps that take turns told last, as the draft sees them.
func (d *draft) turns() escalation.Picks {
	if len(d.picks) == 0 {
		return d.book.picks
	}
	turns := maps.Clone(d.book.picks)
	maps.Copy(turns, d.picks)
	return turns
}

func (d *draft) pick(picks escalation.Picks) {
	if d.picks == nil && len(picks) > 0 {
		d.picks = escalation.Picks{}
	}
	maps.Copy(d.picks, picks)
}

// incident is an incident as the draft sees it. Its alerts are shared: [Incident.set] changes one.
func (d *draft) incident(id string) (Incident, bool) {
	if inc, ok := d.incidents[id]; ok {
		return inc, true
	}
	inc, ok := d.book.incidents[id]
	return inc, ok
}

// open is the unresolved incident that holds the dedup key.
func (d *draft) open(key string) (Incident, bool) {
	id, ok := d.byKey[key]
	if !ok {
		id, ok = d.book.byKey[key]
	}
	if !ok {
		return Incident{}, false
	}
	inc, ok := d.incident(id)
	return inc, ok && inc.State != Resolved
}

func (d *draft) putIncident(inc Incident) {
	inc.Version = Version
	if d.incidents == nil {
		d.incidents, d.byKey, d.groups = map[string]Incident{}, map[string]string{}, map[string][]string{}
	}
	d.incidents[inc.ID] = inc
	if name := inc.groupName(); name != "" && inc.State != Resolved && !slices.Contains(d.groups[name], inc.ID) {
		d.groups[name] = append(d.groups[name], inc.ID)
	}
	if inc.State == Resolved {
		return
	}
	for key := range inc.Alerts {
		d.byKey[key] = inc.ID
	}
	if inc.PartOf != "" && d.parts == nil {
		d.parts = map[string]map[string]struct{}{}
	}
	enter(d.parts, inc)
}

func (d *draft) row(key RowKey) (Row, bool) {
	for _, rows := range [][]Row{d.rows[key.Incident], d.book.rows[key.Incident]} {
		if at, ok := seek(rows, key.Seq); ok {
			return rows[at], true
		}
	}
	return Row{}, false
}

// seek is where among some rows, in order, one is, or would be.
func seek(rows []Row, seq int) (at int, found bool) {
	return slices.BinarySearchFunc(rows, seq, func(r Row, seq int) int { return cmp.Compare(r.Seq, seq) })
}

// replace puts a row into others, in order. It may alter the slice that it is given.
func replace(rows []Row, row Row) []Row {
	at, found := seek(rows, row.Seq)
	if found {
		rows[at] = row
		return rows
	}
	return slices.Insert(rows, at, row)
}

// rowsOf lists an incident's rows as the draft sees them, in order. The caller must not alter it.
func (d *draft) rowsOf(id string) []Row {
	rows := d.book.rows[id]
	if len(d.rows[id]) == 0 {
		return rows
	}
	rows = slices.Clone(rows)
	for _, row := range d.rows[id] {
		rows = replace(rows, row)
	}
	return rows
}

func (d *draft) putRow(row Row) {
	row.Version = Version
	if d.rows == nil {
		d.rows = map[string][]Row{}
	}
	d.rows[row.Incident] = replace(d.rows[row.Incident], row)
}

// send adds a row to the incident's outbox.
func (d *draft) send(inc *Incident, row Row) {
	row.Incident, row.Seq, row.Status, row.Created = inc.ID, inc.Rows, RowPending, d.env.Now
	inc.Rows++
	d.putIncident(*inc)
	d.putRow(row)
}

func (d *draft) cancel(inc *Incident, row Row, reason string) {
	row.Status, row.Reason = RowCancelled, reason
	d.putRow(row)
	d.note(inc, "cancelled %s: %s", row.describe(), reason)
	d.parted(row)
}

// note appends to the incident's timeline and puts the incident.
func (d *draft) note(inc *Incident, format string, args ...any) {
	d.entries = append(d.entries, Entry{
		Version: Version, Incident: inc.ID, Seq: inc.Entries, At: d.env.Now, Text: clip(fmt.Sprintf(format, args...)),
	})
	inc.Entries++
	d.putIncident(*inc)
}

// anew notes why the incident is about to call anew, which the messages say too.
func (d *draft) anew(inc *Incident, format string, args ...any) {
	inc.Again = clip(fmt.Sprintf(format, args...))
	d.note(inc, "%s", inc.Again)
}

// describe names a row in the timeline.
func (r Row) describe() string {
	return fmt.Sprintf("%s to %s by %s", r.Kind, strings.Join(r.People, ", "), r.Channel)
}

// clip bounds text from outside to one line of a sensible length.
func clip(text string) string {
	const longest = 1000
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text)
	if len(text) > longest {
		text = strings.ToValidUTF8(text[:longest], "") + "…"
	}
	return text
}
