package state

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	clientv3 "go.etcd.io/etcd/client/v3"

	"nezuban/router/internal/incident"
	"nezuban/router/internal/rule"
)

// Bounds of one transaction: etcd refuses more than 128 operations and 1.5 MiB.
const (
	maxOps   = 100
	maxBytes = 1 << 20
)

// ErrTooLarge is returned for a batch that no store takes, whatever happens: nothing of it is stored.
var ErrTooLarge = errors.New("what belongs to one incident or one rule's series is too large to store")

// Batch is what one decision wants to be durable.
type Batch struct {
	Change incident.Change
	Put    []rule.Record
	Delete []string // keys of rule records
}

// Empty says that there is nothing to store.
func (b Batch) Empty() bool { return b.Change.Empty() && len(b.Put)+len(b.Delete) == 0 }

// Commit makes a batch durable. Whatever belongs to one incident goes in one transaction; several incidents share one
// while they fit. Whose turn comes next in a step that takes turns follows: should a crash come between, somebody has two
// turns running. Rule records go last: a crash in between leaves an event unapplied, and when it is sent again the
// incident knows it by its identity. On an error other than [ErrTooLarge] and [ErrFull] a part, or all, may be stored;
// committing the same batch again is safe.
//
// Next on a sample's path: duty's Deliverer.attempt, woken by the commit.
func (s *Store) Commit(ctx context.Context, b Batch) error {
	if b.writes() {
		if err := s.roomFor(b.opens()); err != nil {
			return fmt.Errorf("commit to etcd: %w", err)
		}
	}
	groups, err := s.lighten(b).groups()
	if err != nil {
		return err
	}
	for _, group := range groups {
		if n := group.bytes(); n > maxBytes {
			return fmt.Errorf("commit %.200q: found %d bytes, expected at most %d: %w", group[0].KeyBytes(), n, maxBytes, ErrTooLarge)
		}
	}
	var ops []clientv3.Op
	size := 0
	for _, group := range groups {
		bytes := group.bytes()
		if len(ops) > 0 && (len(ops)+len(group) > maxOps || size+bytes > maxBytes) {
			if err := s.transact(ctx, ops); err != nil {
				return err
			}
			ops, size = nil, 0
		}
		ops, size = append(ops, group...), size+bytes
	}
	return s.transact(ctx, ops)
}

// transact runs one fenced transaction; operations beyond the bound, which only a step that calls very many people can
// bring, follow in further ones.
func (s *Store) transact(ctx context.Context, ops []clientv3.Op) error {
	if s.fence == 0 && len(ops) > 0 {
		return fmt.Errorf("commit to etcd: %w", ErrFenced)
	}
	for len(ops) > 0 {
		n := min(len(ops), maxOps)
		resp, err := s.client.Txn(ctx).
			If(clientv3.Compare(clientv3.CreateRevision(leaderKey), "=", s.fence)).
			Then(ops[:n]...).Commit()
		if err != nil {
			return fmt.Errorf("commit to etcd: %w", err)
		}
		if !resp.Succeeded {
			return fmt.Errorf("commit to etcd: %w", ErrFenced)
		}
		ops = ops[n:]
	}
	return nil
}

// group is the operations that must not be torn apart.
type group []clientv3.Op

func (g group) bytes() int {
	total := 0
	for _, op := range g {
		total += len(op.KeyBytes()) + len(op.ValueBytes())
	}
	return total
}

func (g *group) put(key string, record any) error {
	value, err := json.Marshal(record)
	if err != nil {
		return fmt.Errorf("encode record %q: %w", key, err)
	}
	*g = append(*g, clientv3.OpPut(key, string(value)))
	return nil
}

// groups sorts a batch into one group an incident, then the closed ones, then the rule records. An incident comes after its
// rows and entries: should the group need two transactions and a crash come between them, the incident does not yet say
// that those people were called.
func (b Batch) groups() ([]group, error) {
	byIncident := map[string]*group{}
	var order []string
	of := func(id string) *group {
		if byIncident[id] == nil {
			byIncident[id] = &group{}
			order = append(order, id)
		}
		return byIncident[id]
	}
	for _, row := range b.Change.Rows {
		if err := of(row.Incident).put(outboxPrefix+row.Incident+"/"+sequence(row.Seq), row); err != nil {
			return nil, err
		}
	}
	for _, entry := range b.Change.Entries {
		if err := of(entry.Incident).put(timelinePrefix+entry.Incident+"/"+sequence(entry.Seq), entry); err != nil {
			return nil, err
		}
	}
	for _, inc := range b.Change.Incidents {
		if err := of(inc.ID).put(incidentPrefix+inc.ID, inc); err != nil {
			return nil, err
		}
	}
	groups := make([]group, 0, len(order)+len(b.Change.Closed)+len(b.Put)+len(b.Delete))
	for _, id := range order {
		groups = append(groups, *byIncident[id])
	}
	for _, id := range b.Change.Closed {
		groups = append(groups, group{
			clientv3.OpDelete(incidentPrefix + id),
			clientv3.OpDelete(timelinePrefix+id+"/", clientv3.WithPrefix()),
			clientv3.OpDelete(outboxPrefix+id+"/", clientv3.WithPrefix()),
		})
	}
	for _, key := range slices.Sorted(maps.Keys(b.Change.Picks)) {
		var g group
		if err := g.put(pickPrefix+key, pick{Version: 1, Key: key, Name: b.Change.Picks[key]}); err != nil {
			return nil, err
		}
		groups = append(groups, g)
	}
	for _, record := range b.Put {
		groups = append(groups, group{clientv3.OpPut(rulePrefix+record.Key, string(record.Value))})
	}
	for _, key := range b.Delete {
		groups = append(groups, group{clientv3.OpDelete(rulePrefix + key)})
	}
	return groups, nil
}
