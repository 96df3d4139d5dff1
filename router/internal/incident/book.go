package incident

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"nezuban/oncall/escalation"
	"nezuban/oncall/schedule"
)

// Book is what the router knows of incidents that are not closed, and of their messages. Its methods compute a
// [Change] and alter nothing; [Book.Accept] takes a change over once it is durable. A Book is not safe for
// concurrent use: the app holds it under one lock.
type Book struct {
	incidents map[string]Incident
	byKey     map[string]string // dedup key → id of the unresolved incident that holds it
	rows      map[string][]Row  // by incident, in order of Seq
	picks     escalation.Picks  // whom steps that take turns told last
	lines     map[string]*line  // by channel: which rows come next, see Due

	// Of the storm guard, see Merge.
	begun    map[string][]time.Time // by channel: when the latest messages that call somebody were begun
	speaking map[string]speaker     // by people and channel: the last message that spoke for others
	into     map[string][]RowKey    // by page id: what was merged into it
}

// NewBook is a book that holds what was stored. The order of the arguments' elements does not matter.
func NewBook(incidents []Incident, rows []Row, picks escalation.Picks) *Book {
	b := &Book{
		incidents: map[string]Incident{}, byKey: map[string]string{}, rows: map[string][]Row{}, picks: escalation.Picks{}, lines: map[string]*line{},
		begun: map[string][]time.Time{}, speaking: map[string]speaker{}, into: map[string][]RowKey{},
	}
	b.Accept(Change{Incidents: incidents, Rows: rows, Picks: picks})
	return b
}

// Env is what a decision needs to know besides the book.
type Env struct {
	Now      time.Time
	Rotation *schedule.File         // the file in force
	Version  string                 // of that file, as timelines name it; "" when it has no name
	NewID    func(time.Time) string // makes an incident's id; ids sort by time
}

// Change is the outcome of a decision. Incidents, entries and rows of one incident belong in one transaction.
type Change struct {
	Incidents []Incident       // to be stored, whole
	Entries   []Entry          // to be appended
	Rows      []Row            // to be stored, whole
	Picks     escalation.Picks // to be stored, each by its key
	Closed    []string         // ids of incidents that are over and whose messages are done: to be filed away
}

// Empty says that nothing is to be stored.
func (c Change) Empty() bool {
	return len(c.Incidents)+len(c.Entries)+len(c.Rows)+len(c.Picks)+len(c.Closed) == 0
}

// Accept takes over a change that is durable.
func (b *Book) Accept(c Change) {
	for _, inc := range c.Incidents {
		for key := range b.incidents[inc.ID].Alerts {
			b.release(key, inc.ID)
		}
		b.incidents[inc.ID] = inc
		if inc.State != Resolved {
			for key := range inc.Alerts {
				b.byKey[key] = inc.ID
			}
		}
	}
	for _, row := range c.Rows {
		rows := b.rows[row.Incident]
		at, found := slices.BinarySearchFunc(rows, row.Seq, func(r Row, seq int) int { return cmp.Compare(r.Seq, seq) })
		var held Row
		if found {
			held = rows[at]
		}
		b.count(held, row)
		if row.Into != "" && held.Into != row.Into {
			b.into[row.Into] = append(b.into[row.Into], row.Key())
		}
		if found {
			rows = slices.Clone(rows)
			rows[at] = row
		} else {
			rows = slices.Insert(slices.Clone(rows), at, row)
		}
		b.rows[row.Incident] = rows
	}
	for i, row := range c.Rows {
		if i == 0 || row.Incident != c.Rows[i-1].Incident {
			b.queue(row.Incident)
		}
	}
	maps.Copy(b.picks, c.Picks)
	for _, id := range c.Closed {
		for key := range b.incidents[id].Alerts {
			b.release(key, id)
		}
		for _, row := range b.rows[id] {
			delete(b.into, row.PageID())
			if b.speaking[row.whom()].row == row.Key() && row.Summary {
				delete(b.speaking, row.whom())
			}
		}
		delete(b.incidents, id)
		delete(b.rows, id)
	}
}

func (b *Book) release(key, id string) {
	if b.byKey[key] == id {
		delete(b.byKey, key)
	}
}

// Incidents lists the incidents that are not closed, oldest first.
func (b *Book) Incidents() []Incident {
	list := make([]Incident, 0, len(b.incidents))
	for _, id := range b.order() {
		list = append(list, b.incidents[id])
	}
	return list
}

// Len counts the incidents that are not closed.
func (b *Book) Len() int { return len(b.incidents) }

// Incident is the incident with the given id, unless it is closed or was never opened.
func (b *Book) Incident(id string) (Incident, bool) {
	inc, ok := b.incidents[id]
	return inc, ok
}

// Rows lists the messages of an incident in order. The caller must not alter it.
func (b *Book) Rows(id string) []Row { return b.rowsOf(id) }

// Firing lists the dedup keys of the alerts that fire in unresolved incidents, sorted.
func (b *Book) Firing() []string {
	var keys []string
	for key, id := range b.byKey {
		if b.incidents[id].Alerts[key].Firing {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

func (b *Book) order() []string        { return slices.Sorted(maps.Keys(b.incidents)) }
func (b *Book) rowsOf(id string) []Row { return b.rows[id] }

// draft collects a change over a book without altering it.
type draft struct {
	book      *Book
	env       Env
	incidents map[string]Incident
	byKey     map[string]string
	rows      map[RowKey]Row
	picks     escalation.Picks
	entries   []Entry
	closed    []string
}

func (b *Book) draft(env Env) *draft {
	return &draft{book: b, env: env, incidents: map[string]Incident{}, byKey: map[string]string{}, rows: map[RowKey]Row{}, picks: escalation.Picks{}}
}

// change is what the draft has come to, in a stable order.
func (d *draft) change() Change {
	c := Change{Entries: d.entries, Closed: d.closed}
	if len(d.picks) > 0 {
		c.Picks = d.picks
	}
	for _, id := range slices.Sorted(maps.Keys(d.incidents)) {
		c.Incidents = append(c.Incidents, d.incidents[id])
	}
	for _, row := range d.rows {
		c.Rows = append(c.Rows, row)
	}
	slices.SortFunc(c.Rows, func(a, b Row) int {
		return cmp.Or(cmp.Compare(a.Incident, b.Incident), cmp.Compare(a.Seq, b.Seq))
	})
	return c
}

// turns are whom steps that take turns told last, as the draft sees them.
func (d *draft) turns() escalation.Picks {
	turns := maps.Clone(d.book.picks)
	maps.Copy(turns, d.picks)
	return turns
}

func (d *draft) incident(id string) (Incident, bool) {
	if inc, ok := d.incidents[id]; ok {
		return inc, true
	}
	inc, ok := d.book.incidents[id]
	inc.Alerts = maps.Clone(inc.Alerts)
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
	d.incidents[inc.ID] = inc
	for key := range inc.Alerts {
		if inc.State != Resolved {
			d.byKey[key] = inc.ID
		}
	}
}

func (d *draft) row(key RowKey) (Row, bool) {
	if row, ok := d.rows[key]; ok {
		return row, true
	}
	rows := d.book.rows[key.Incident]
	at, ok := slices.BinarySearchFunc(rows, key.Seq, func(r Row, seq int) int { return cmp.Compare(r.Seq, seq) })
	if !ok {
		return Row{}, false
	}
	return rows[at], true
}

// rowsOf lists an incident's rows as the draft sees them, in order.
func (d *draft) rowsOf(id string) []Row {
	rows := slices.Clone(d.book.rows[id])
	for key, row := range d.rows {
		if key.Incident != id {
			continue
		}
		if at := slices.IndexFunc(rows, func(r Row) bool { return r.Seq == key.Seq }); at >= 0 {
			rows[at] = row
		} else {
			rows = append(rows, row)
		}
	}
	slices.SortFunc(rows, func(a, b Row) int { return cmp.Compare(a.Seq, b.Seq) })
	return rows
}

func (d *draft) putRow(row Row) {
	row.Version = Version
	d.rows[row.Key()] = row
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
