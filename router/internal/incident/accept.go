package incident

import (
	"maps"
	"slices"
	"time"
)

// Accept takes over a change that is durable.
func (b *Book) Accept(c Change) {
	for _, inc := range c.Incidents {
		b.release(inc.ID)
		b.incidents[inc.ID] = inc
		b.hold(inc)
	}
	for _, row := range c.Rows {
		b.acceptRow(row)
	}
	maps.Copy(b.picks, c.Picks)
	for _, id := range c.Closed {
		b.release(id)
		delete(b.incidents, id)
		delete(b.rows, id)
	}
	for _, inc := range c.Incidents {
		b.appoint(inc.ID)
	}
	for i, row := range c.Rows { // those of one incident stand together
		if i == 0 || row.Incident != c.Rows[i-1].Incident {
			b.queue(row.Incident)
			b.appoint(row.Incident)
		}
	}
	for _, id := range c.Closed {
		b.appoint(id)
	}
}

// hold makes an unresolved incident the one that its alerts are looked for in.
func (b *Book) hold(inc Incident) {
	if inc.State == Resolved {
		return
	}
	for key := range inc.Alerts {
		b.byKey[key] = inc.ID
	}
}

// release takes back what hold did.
func (b *Book) release(id string) {
	for key := range b.incidents[id].Alerts {
		if b.byKey[key] == id {
			delete(b.byKey, key)
		}
	}
}

func (b *Book) acceptRow(row Row) {
	b.rows[row.Incident] = replace(slices.Clone(b.rows[row.Incident]), row) // the old ones may be in somebody's hands
}

// appoint enters an incident where it is looked for when its time has come.
func (b *Book) appoint(id string) {
	inc, ok := b.incidents[id]
	if !ok {
		b.ticks.set(id, time.Time{}, false)
		return
	}
	at, ever := b.wake(inc)
	b.ticks.set(id, at, ever)
}
