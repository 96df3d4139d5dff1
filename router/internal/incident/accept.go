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
		for key := range inc.Alerts {
			if b.lately[key] <= inc.ID { // the newest; ids sort by time
				b.lately[key] = inc.ID
			}
		}
		return
	}
	b.open++
	for key := range inc.Alerts {
		b.byKey[key] = inc.ID
	}
	if inc.Group != "" && b.groups[inc.Group] <= inc.ID { // the newest leads; ids sort by time
		b.groups[inc.Group] = inc.ID
	}
	if inc.PartOf != "" {
		if b.parts[inc.PartOf] == nil {
			b.parts[inc.PartOf] = map[string]struct{}{}
		}
		b.parts[inc.PartOf][inc.ID] = struct{}{}
	}
}

// release takes back what hold did.
func (b *Book) release(id string) {
	inc, ok := b.incidents[id]
	if !ok {
		return
	}
	if inc.State != Resolved {
		b.open--
	}
	for key := range inc.Alerts {
		if b.byKey[key] == id {
			delete(b.byKey, key)
		}
		if b.lately[key] == id {
			delete(b.lately, key)
		}
	}
	if b.groups[inc.Group] == id {
		delete(b.groups, inc.Group)
	}
	delete(b.parts[inc.PartOf], id)
	if len(b.parts[inc.PartOf]) == 0 {
		delete(b.parts, inc.PartOf)
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
