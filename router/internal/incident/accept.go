package incident

import (
	"maps"
	"slices"
	"time"
)

// Accept takes over a change that is durable.
func (b *Book) Accept(c Change) {
	var turned []string // those that were resolved or opened again
	for _, inc := range c.Incidents {
		if was, known := b.incidents[inc.ID]; known && (was.State == Resolved) != (inc.State == Resolved) {
			turned = append(turned, inc.ID)
		}
		hid := b.hides[inc.ID]
		b.release(inc.ID)
		b.incidents[inc.ID] = inc
		b.hold(inc)
		if !slices.Equal(hid, b.hides[inc.ID]) {
			b.changes++
		}
	}
	for i, row := range c.Rows { // those of one incident stand together
		if i == 0 || row.Incident != c.Rows[i-1].Incident {
			b.rows[row.Incident] = slices.Clone(b.rows[row.Incident]) // the old ones may be in somebody's hands
		}
		b.acceptRow(row)
	}
	maps.Copy(b.picks, c.Picks)
	for _, s := range c.Silences {
		b.silences[s.ID] = s
	}
	for _, id := range c.Unsilenced {
		delete(b.silences, id)
	}
	b.changes += len(c.Silences)
	for _, id := range c.Closed {
		b.release(id)
		for _, row := range b.rows[id] {
			delete(b.into, row.PageID())
			for _, voice := range []string{row.voice(true), row.voice(false)} { // its severity may have risen
				if b.speaking[voice].row == row.Key() && row.Summary {
					delete(b.speaking, voice)
				}
			}
		}
		delete(b.incidents, id)
		delete(b.rows, id)
	}
	for _, inc := range c.Incidents {
		b.appoint(inc.ID)
		b.awaitAll(inc.ID)
	}
	for _, id := range turned {
		for part := range b.partsOver[id] {
			b.appoint(part)
		}
	}
	for i, row := range c.Rows {
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
		enter(b.partsOver, inc)
		return
	}
	b.open++
	for key := range inc.Alerts {
		b.byKey[key] = inc.ID
	}
	b.holdGroup(inc)
	b.holdSources(inc)
	enter(b.parts, inc)
}

// enter puts a part among those of its incident.
func enter(parts map[string]map[string]struct{}, part Incident) {
	if part.PartOf == "" {
		return
	}
	if parts[part.PartOf] == nil {
		parts[part.PartOf] = map[string]struct{}{}
	}
	parts[part.PartOf][part.ID] = struct{}{}
}

// holdGroup makes an incident known to its group, and forgets those whose time to be joined was over at the last tick.
func (b *Book) holdGroup(inc Incident) {
	name := inc.groupName()
	if name == "" || !inc.GroupUntil.After(b.ticked) {
		return
	}
	group := b.groups[name]
	if group == nil {
		group = map[string]struct{}{}
		b.groups[name] = group
	}
	for id := range group {
		if !b.incidents[id].GroupUntil.After(b.ticked) {
			delete(group, id)
		}
	}
	group[inc.ID] = struct{}{}
}

// holdSources makes the alerts of an incident known that hide others.
func (b *Book) holdSources(inc Incident) {
	if len(b.settings.Suppressions) == 0 || inc.SuppressedBy != "" {
		return
	}
	for _, a := range inc.Ordered() {
		if !a.Firing {
			continue
		}
		for _, place := range b.settings.sourceOf(a.Alert) {
			b.sources[place] = append(b.sources[place], source{inc.ID, a.Key})
			b.hides[inc.ID] = append(b.hides[inc.ID], place)
		}
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
	if group := b.groups[inc.groupName()]; group != nil {
		delete(group, id)
		if len(group) == 0 {
			delete(b.groups, inc.groupName())
		}
	}
	for _, place := range b.hides[id] {
		left := slices.DeleteFunc(b.sources[place], func(s source) bool { return s.incident == id })
		if b.sources[place] = left; len(left) == 0 {
			delete(b.sources, place)
		}
	}
	delete(b.hides, id)
	for _, parts := range []map[string]map[string]struct{}{b.parts, b.partsOver} {
		delete(parts[inc.PartOf], id)
		if len(parts[inc.PartOf]) == 0 {
			delete(parts, inc.PartOf)
		}
	}
}

func (b *Book) acceptRow(row Row) {
	var held Row
	if at, found := seek(b.rows[row.Incident], row.Seq); found {
		held = b.rows[row.Incident][at]
	}
	b.count(held, row)
	if row.Into != "" && held.Into != row.Into {
		b.into[row.Into] = append(b.into[row.Into], row.Key())
	}
	if held.Into != row.Into {
		held.Status = RowPending // it was taken back
		b.await(held)
	}
	b.rows[row.Incident] = replace(b.rows[row.Incident], row)
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
