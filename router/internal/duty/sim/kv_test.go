package sim

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"nezuban/router/internal/state/record"
)

// kv plays etcd: transactions with a guard, all or nothing, one after the other.
type kv struct {
	world *world

	mu     sync.Mutex
	data   map[string]string
	rev    int64
	leader int64               // revision of the leader key
	below  map[string][]string // by incident: the keys of its timeline and rows, in the order in which they were made
	filed  map[string][]string // by incident: the values that were filed away
}

func newKV(w *world) *kv {
	return &kv{world: w, data: map[string]string{}, below: map[string][]string{}, filed: map[string][]string{}}
}

// lead writes the leader key and returns its revision.
func (k *kv) lead() int64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.rev++
	k.leader = k.rev
	return k.rev
}

// load is what a router reads at its start.
func (k *kv) load() (record.Stored, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	var all record.Stored
	for _, key := range slices.Sorted(maps.Keys(k.data)) {
		if err := all.Add(key, []byte(k.data[key])); err != nil {
			return all, err
		}
	}
	return all, nil
}

// file copies an incident into the archive, as the app does before it is deleted.
func (k *kv) file(id string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, key := range k.below[id] {
		k.filed[id] = append(k.filed[id], k.data[key])
	}
}

// said says that a text is in an incident's timeline, or was when it was filed away.
func (k *kv) said(id, text string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	has := func(value string) bool { return strings.Contains(value, text) }
	return slices.ContainsFunc(k.below[id], func(key string) bool { return has(k.data[key]) }) || slices.ContainsFunc(k.filed[id], has)
}

// run runs a transaction.
func (k *kv) run(n *node, guard record.Guard, ops []record.Op) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if guard != (record.Guard{}) && (guard.Key != record.LeaderKey || guard.Fence != k.leader) {
		k.world.oracle.meet(fenced)
		return false
	}
	if n.fence != k.leader {
		k.world.oracle.blameLocked("fence", "router %d writes %q though another one leads", n.number, ops[0].Key)
	}
	k.rev++
	for _, op := range ops {
		switch op.Kind {
		case record.Put:
			if _, known := k.data[op.Key]; !known {
				if id, ok := incidentOf(op.Key); ok {
					k.below[id] = append(k.below[id], op.Key)
				}
			}
			k.data[op.Key] = op.Value
		case record.Delete:
			delete(k.data, op.Key)
		case record.DeleteBelow:
			id, _ := incidentOf(op.Key)
			k.below[id] = slices.DeleteFunc(k.below[id], func(key string) bool {
				if !strings.HasPrefix(key, op.Key) {
					return false
				}
				delete(k.data, key)
				return true
			})
		}
	}
	k.world.oracle.stored(ops)
	return true
}

// incidentOf is the incident that a key of a timeline or an outbox belongs to.
func incidentOf(key string) (id string, ok bool) {
	for _, prefix := range []string{record.TimelinePrefix, record.OutboxPrefix} {
		if id, ok := strings.CutPrefix(key, prefix); ok {
			id, _, _ = strings.Cut(id, "/")
			return id, true
		}
	}
	return "", false
}

var errCrash = errors.New("the router has crashed")

// Txn is the database as a router reaches it: slow at times, gone at times, and its answers are lost at times.
func (n *node) Txn(ctx context.Context, guard record.Guard, ops []record.Op) (bool, error) {
	w := n.world
	r := w.rand("transaction", n.number, ops[0].Key, n.count(ops[0].Key))
	fate := r.IntN(40)
	wait := between(r, 200*time.Microsecond, 3*time.Millisecond)
	bad := w.storming() && w.oracle.storeTrouble()
	switch {
	case bad && fate < 10: // hangs
		wait = between(r, time.Second, 8*time.Second)
	case fate == 0 && w.storming():
		wait = between(r, 10*time.Millisecond, time.Second)
	}
	if n.gone() || n.burn(beforeTxn) {
		return false, errCrash
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		if one(r, 2) {
			return false, ctx.Err()
		}
		n.apply(guard, ops) // though nobody hears of it
		return false, ctx.Err()
	}
	if n.gone() {
		return false, errCrash
	}
	if bad && fate >= 25 { // said after a while: a pause that begins at once ends together with others of its length
		return false, errors.New("etcd: no quorum")
	}
	ok := n.apply(guard, ops)
	if n.burn(afterTxn) {
		return false, errCrash
	}
	if bad && fate >= 20 {
		return false, errors.New("etcd: the answer is lost")
	}
	return ok, nil
}

// count is how often the router has begun to write a key. Transactions of one router come one after the other.
func (n *node) count(key string) int {
	n.writes[key]++
	return n.writes[key]
}

func (n *node) apply(guard record.Guard, ops []record.Op) bool {
	ok := n.world.kv.run(n, guard, ops)
	if n.world.tracing {
		keys := make([]string, 0, len(ops))
		var entries record.Timeline
		for _, op := range ops {
			keys = append(keys, strings.TrimPrefix(op.Key, record.Prefix))
			if op.Kind == record.Put && strings.HasPrefix(op.Key, record.TimelinePrefix) {
				var more record.Timeline
				_ = more.UnmarshalJSON([]byte(op.Value))
				entries = append(entries, more...)
			}
		}
		n.world.say("router %d: transaction %t: %s", n.number, ok, strings.Join(keys, " "))
		for _, e := range entries {
			n.world.say("    %s: %s", e.Incident, e.Text)
		}
	}
	return ok
}
