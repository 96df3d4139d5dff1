package state

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	clientv3 "go.etcd.io/etcd/client/v3"

	"nezuban/router/internal/incident"
)

// group is operations that belong into one transaction.
type group []clientv3.Op

func (g *group) put(key string, record any) error {
	value, err := json.Marshal(record)
	if err != nil {
		return fmt.Errorf("encode record %q: %w", key, err)
	}
	*g = append(*g, clientv3.OpPut(key, string(value)))
	return nil
}

func (g group) bytes() int {
	total := 0
	for _, op := range g {
		total += len(op.KeyBytes()) + len(op.ValueBytes())
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
		written[string(op.KeyBytes())] = true
	}
	var ops group
	for _, op := range p.ops {
		if !written[string(op.KeyBytes())] {
			ops = append(ops, op)
		}
	}
	return newPart(p.name, p.rank, append(ops, later.ops...))
}

func newPart(name string, rank rank, ops group) part { return part{name, rank, ops, ops.bytes()} }

// encode sorts a batch into one part an incident, then the closed ones, then the rule records. An incident comes after its
// rows and entries: should the part need two transactions and a crash come between them, the incident does not yet say
// that those people were called.
func (b *Batch) encode() ([]part, error) {
	c := b.Change
	byIncident, order := map[string]*group{}, make([]string, 0, len(c.Incidents))
	of := func(id string) *group {
		if byIncident[id] == nil {
			byIncident[id] = &group{}
			order = append(order, id)
		}
		return byIncident[id]
	}
	for _, row := range c.Rows {
		if err := of(row.Incident).put(outboxPrefix+row.Incident+"/"+sequence(row.Seq), row); err != nil {
			return nil, err
		}
	}
	for _, entries := range perIncident(c.Entries) {
		id := entries[0].Incident
		if err := of(id).put(timelinePrefix+id+"/"+sequence(entries[0].Seq), entries); err != nil {
			return nil, err
		}
	}
	for _, inc := range c.Incidents {
		if err := of(inc.ID).put(incidentPrefix+inc.ID, inc); err != nil {
			return nil, err
		}
	}
	parts := make([]part, 0, len(order)+len(c.Closed)+len(c.Picks)+len(b.Put)+len(b.Delete))
	for _, id := range order {
		parts = append(parts, newPart(incidentPrefix+id, rankIncident, *byIncident[id]))
	}
	for _, id := range c.Closed {
		parts = append(parts, newPart(incidentPrefix+id, rankClosed, group{
			clientv3.OpDelete(incidentPrefix + id),
			clientv3.OpDelete(timelinePrefix+id+"/", clientv3.WithPrefix()),
			clientv3.OpDelete(outboxPrefix+id+"/", clientv3.WithPrefix()),
		}))
	}
	for _, key := range slices.Sorted(maps.Keys(c.Picks)) {
		var g group
		if err := g.put(pickPrefix+key, pick{Version: 1, Key: key, Name: c.Picks[key]}); err != nil {
			return nil, err
		}
		parts = append(parts, newPart(pickPrefix+key, rankPick, g))
	}
	for _, record := range b.Put {
		key := rulePrefix + record.Key
		parts = append(parts, newPart(key, rankRecord, group{clientv3.OpPut(key, string(record.Value))}))
	}
	for _, key := range b.Delete {
		parts = append(parts, newPart(rulePrefix+key, rankRecord, group{clientv3.OpDelete(rulePrefix + key)}))
	}
	return parts, nil
}

// timeline is entries of one incident that were written as one record, in order. Earlier releases wrote a record an entry.
type timeline []incident.Entry

// perIncident sorts the entries of a batch by incident; those of one stay in their order, and are one record.
func perIncident(entries []incident.Entry) []timeline {
	var lists []timeline
	at := map[string]int{}
	for _, entry := range entries {
		i, ok := at[entry.Incident]
		if !ok {
			i = len(lists)
			at[entry.Incident] = i
			lists = append(lists, nil)
		}
		lists[i] = append(lists[i], entry)
	}
	return lists
}

// UnmarshalJSON reads a list of entries, or the single entry that earlier releases wrote.
func (t *timeline) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '[' {
		return json.Unmarshal(data, (*[]incident.Entry)(t))
	}
	var entry incident.Entry
	if err := json.Unmarshal(data, &entry); err != nil {
		return err
	}
	*t = timeline{entry}
	return nil
}

// merge collects the parts of several batches, each name once.
type merge struct {
	byName map[string]part
	order  []string // by first appearance
}

func newMerge() *merge { return &merge{byName: map[string]part{}} }

// fits says that no incident in the merge grows beyond one transaction when the batch joins it.
func (m *merge) fits(b Batch) bool {
	for _, p := range b.parts {
		held, ok := m.byName[p.name]
		if ok && held.rank == rankIncident && (len(held.ops)+len(p.ops) > maxOps || held.bytes+p.bytes > maxBytes) {
			return false
		}
	}
	return true
}

func (m *merge) add(b Batch) {
	for _, p := range b.parts {
		held, ok := m.byName[p.name]
		if ok {
			p = held.overlay(p)
		} else {
			m.order = append(m.order, p.name)
		}
		m.byName[p.name] = p
	}
}

// parts lists what was collected in the order in which it is to be stored.
func (m *merge) parts() []part {
	all := make([]part, 0, len(m.order))
	for _, name := range m.order {
		all = append(all, m.byName[name])
	}
	slices.SortStableFunc(all, func(a, b part) int { return cmp.Compare(a.rank, b.rank) })
	return all
}
