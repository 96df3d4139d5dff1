package rule

import (
	"time"

	"nezuban/router/internal/incident"
)

// Step is what a batch or a tick comes to. Its alerts, records and notes belong in one transaction; once that is
// durable the step goes to [Engine.Accept]. A step is only good until the next one is asked for.
type Step struct {
	Alerts []incident.Alert // in the order in which they came about
	Put    []Record         // to be stored
	Delete []string         // keys of records to be deleted; a key is never also in Put
	Notes  []Note           // for the timelines of incidents, if any hold their keys
	Hidden []incident.Alert // they resolve occurrences, of those only that were hidden: what has paged is for a person to resolve

	effects []func() // what changes in the engine when the step is accepted
}

// Empty says that nothing is to be stored or told.
func (s Step) Empty() bool {
	return len(s.Alerts)+len(s.Put)+len(s.Delete)+len(s.Notes)+len(s.Hidden)+len(s.effects) == 0
}

// Note is something worth a line in a timeline that neither opens nor resolves: a deploy, or an event that came after
// newer ones. Without an open incident for its key it may be dropped.
type Note struct {
	Key   string // dedup key of the alert that it would belong to
	Event string // identity of the event: one note each
	At    time.Time
	Text  string
}

// Record is what must survive a crash. Its key is a path below a prefix of the store's choice.
type Record struct {
	Key   string
	Value []byte // versioned JSON
}

// store puts or deletes one record when next is accepted.
func (s *Step) store(key string, value []byte) {
	if value == nil {
		s.Delete = append(s.Delete, key)
		return
	}
	s.Put = append(s.Put, Record{Key: key, Value: value})
}

func (s *Step) onAccept(effect func()) { s.effects = append(s.effects, effect) }
