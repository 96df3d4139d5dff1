package incident

import (
	"maps"
	"slices"
	"time"

	"nezuban/oncall/escalation"
	"nezuban/oncall/schedule"
)

// Book is what the router knows of incidents that are not closed, and of their messages. Its methods compute a
// [Change] and alter nothing; [Book.Accept] takes a change over once it is durable. A Book is not safe for
// concurrent use: the app holds it under one lock.
type Book struct {
	settings       Settings
	incidents      map[string]Incident
	open           int                            // how many of them are not resolved
	byKey          map[string]string              // dedup key → id of the unresolved incident that holds it
	lately         map[string]string              // dedup key → id of the resolved incident that held it last
	groups         map[string]map[string]struct{} // group → the unresolved incidents that its alerts may still join
	parts          map[string]map[string]struct{} // by incident: its unresolved parts
	partsOver      map[string]map[string]struct{} // by incident: its resolved parts
	sources        map[string][]source            // by place: the alerts that hide others
	hides          map[string][]string            // by incident: the places of its sources
	silences       map[string]Silence
	changes        int // counts what may make another incident page or not
	reviewed       look
	ticked, steady time.Time        // the latest tick, and since when they have come without a gap
	audited        time.Time        // when the audit last found nothing
	rows           map[string][]Row // by incident, in order of Seq
	picks          escalation.Picks // whom steps that take turns told last
	ticks          *agenda          // when time alone changes an incident
	policies       frozen           // of the rotation file in force
	lines, others  map[string]*line // by channel: which triggers come next, and which other rows, see DueWithin

	// Of the storm guard, see Merge.
	begun    map[string][]time.Time         // by channel: when the latest messages that call somebody were begun
	speaking map[string]speaker             // by voice: the last message that spoke for others
	into     map[string][]RowKey            // by page id: what was merged into it
	awaited  map[string]map[RowKey]struct{} // by page id: of that, what belongs to incidents that are open
}

// NewBook is a book that holds what was stored. The order of the arguments' elements does not matter.
func NewBook(incidents []Incident, rows []Row, picks escalation.Picks) *Book {
	b := &Book{
		incidents: map[string]Incident{}, byKey: map[string]string{}, lately: map[string]string{}, groups: map[string]map[string]struct{}{}, parts: map[string]map[string]struct{}{}, partsOver: map[string]map[string]struct{}{},
		sources: map[string][]source{}, hides: map[string][]string{}, silences: map[string]Silence{}, changes: 1,
		rows: map[string][]Row{}, picks: escalation.Picks{},
		lines: map[string]*line{}, others: map[string]*line{}, ticks: newAgenda(),
		begun: map[string][]time.Time{}, speaking: map[string]speaker{}, into: map[string][]RowKey{}, awaited: map[string]map[RowKey]struct{}{},
	}
	b.Accept(Change{Incidents: incidents, Rows: rows, Picks: picks})
	return b
}

// Env is what a decision needs to know besides the book.
type Env struct {
	Now      time.Time
	Ahead    time.Duration          // by how much Now is ahead of the clock, which was put back; mostly 0
	Rotation *schedule.File         // the file in force
	Version  string                 // of that file, as timelines name it; "" when it has no name
	NewID    func(time.Time) string // makes an incident's id; ids sort by time
}

// Change is the outcome of a decision. Incidents, entries and rows of one incident belong in one transaction.
type Change struct {
	Incidents  []Incident       // to be stored, whole
	Entries    []Entry          // to be appended
	Rows       []Row            // to be stored, whole
	Picks      escalation.Picks // to be stored, each by its key
	Silences   []Silence        // to be stored, whole
	Unsilenced []string         // ids of silences to be deleted
	Closed     []string         // ids of incidents that have been filed away, see [Book.Over]
}

// Empty says that nothing is to be stored.
func (c Change) Empty() bool {
	return len(c.Incidents)+len(c.Entries)+len(c.Rows)+len(c.Picks)+len(c.Silences)+len(c.Unsilenced)+len(c.Closed) == 0
}

// Incidents lists the incidents that are not closed, oldest first.
func (b *Book) Incidents() []Incident {
	list := make([]Incident, 0, len(b.incidents))
	for _, id := range b.IDs() {
		list = append(list, b.incidents[id])
	}
	return list
}

// IDs lists the incidents that are not closed by id, oldest first.
func (b *Book) IDs() []string { return slices.Sorted(maps.Keys(b.incidents)) }

// Open counts the incidents that are not resolved.
func (b *Book) Open() int { return b.open }

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

func (b *Book) rowsOf(id string) []Row { return b.rows[id] }
