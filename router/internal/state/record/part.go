package record

import (
	"maps"
	"slices"
)

// group is operations that belong into one transaction.
type group []Op

func (g group) bytes() int {
	total := 0
	for _, op := range g {
		total += len(op.Key) + len(op.Value)
	}
	return total
}

// part is all that a batch writes of one incident, or one record: it must not be torn apart.
type part struct {
	name  string // what it is about; parts of one name are merged
	rank  rank
	ops   group
	bytes int
}

// rank is the order in which parts are stored.
type rank int8

const (
	rankIncident rank = iota
	rankClosed
	rankPick
	rankRecord
)

// overlay is p with what a later part of the same name writes: of each key the later value, in the later order. One that
// deletes the incident, and one about a single record, replace what was before.
func (p part) overlay(later part) part {
	if later.rank != p.rank || p.rank != rankIncident {
		return later
	}
	written := make(map[string]bool, len(later.ops))
	for _, op := range later.ops {
		written[op.Key] = true
	}
	var ops group
	for _, op := range p.ops {
		if !written[op.Key] {
			ops = append(ops, op)
		}
	}
	return newPart(p.name, p.rank, append(ops, later.ops...))
}

func newPart(name string, rank rank, ops group) part { return part{name, rank, ops, ops.bytes()} }

// incidents sorts what a batch writes of incidents into one part each.
func (b *Batch) incidents() ([]part, error) {
	const usual = 3 // operations of an incident that is opened: a message, its timeline, itself
	c := &b.Change
	e := newEncoder()
	groups, order := make(map[string]group, len(c.Incidents)), make([]string, 0, len(c.Incidents))
	put := func(id, key string, value any) error {
		g, ok := groups[id]
		if !ok {
			g = make(group, 0, usual)
			order = append(order, id)
		}
		op, err := e.put(key, value)
		if err == nil {
			groups[id] = append(g, op)
		}
		return err
	}
	for i := range c.Rows {
		row := &c.Rows[i]
		if err := put(row.Incident, OutboxPrefix+row.Incident+"/"+Sequence(row.Seq), row); err != nil {
			return nil, err
		}
	}
	timelines := perIncident(c.Entries)
	for i := range timelines {
		first := &timelines[i][0]
		if err := put(first.Incident, TimelinePrefix+first.Incident+"/"+Sequence(first.Seq), &timelines[i]); err != nil {
			return nil, err
		}
	}
	for i := range c.Incidents {
		inc := &c.Incidents[i]
		if err := put(inc.ID, IncidentPrefix+inc.ID, inc); err != nil {
			return nil, err
		}
	}
	parts := make([]part, 0, len(order)+len(c.Closed)+len(c.Picks)+len(b.Put)+len(b.Delete))
	for _, id := range order {
		parts = append(parts, newPart(IncidentPrefix+id, rankIncident, groups[id]))
	}
	return parts, nil
}

// encode sorts a batch into one part an incident, then the closed ones, then the rule records. An incident comes after its
// rows and entries: should the part need two transactions and a crash come between them, the incident does not yet say
// that those people were called.
func (b *Batch) encode() ([]part, error) {
	parts, err := b.incidents()
	if err != nil {
		return nil, err
	}
	c := b.Change
	for _, id := range c.Closed {
		parts = append(parts, newPart(IncidentPrefix+id, rankClosed, group{
			{Kind: Delete, Key: IncidentPrefix + id}, {Kind: DeleteBelow, Key: TimelinePrefix + id + "/"}, {Kind: DeleteBelow, Key: OutboxPrefix + id + "/"},
		}))
	}
	for _, key := range slices.Sorted(maps.Keys(c.Picks)) {
		op, err := NewPut(PickPrefix+key, pick{Version: 1, Key: key, Name: c.Picks[key]})
		if err != nil {
			return nil, err
		}
		parts = append(parts, newPart(op.Key, rankPick, group{op}))
	}
	for _, silence := range c.Silences {
		op, err := NewPut(SilencePrefix+silence.ID, silence)
		if err != nil {
			return nil, err
		}
		parts = append(parts, newPart(op.Key, rankRecord, group{op}))
	}
	for _, id := range c.Unsilenced {
		parts = append(parts, newPart(SilencePrefix+id, rankRecord, group{{Kind: Delete, Key: SilencePrefix + id}}))
	}
	for _, record := range b.Put {
		key := RulePrefix + record.Key
		parts = append(parts, newPart(key, rankRecord, group{{Put, key, string(record.Value)}}))
	}
	for _, key := range b.Delete {
		parts = append(parts, newPart(RulePrefix+key, rankRecord, group{{Kind: Delete, Key: RulePrefix + key}}))
	}
	return parts, nil
}
