package state

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"nezuban/router/internal/incident"
	"nezuban/router/internal/state/record"
)

// Keys of a restore. The first stands while it is under way: what is there then is a part.
const (
	restoringKey = record.Prefix + "restoring"
	restoredKey  = record.Prefix + "restored"
)

// Restored says that the state came from a backup, and that nobody was told yet.
type Restored struct {
	Version  int       `json:"version"`
	Taken    time.Time `json:"taken"`    // when the backup was
	Restored time.Time `json:"restored"` // when it was brought back
	Held     int       `json:"held"`     // messages that were waiting, or on their way, and are not sent
}

// Restore brings a backup back into an empty state, where no router may run. Messages that were waiting or on their way come
// back held: whether they were sent, and still hold, nobody knows. The router that leads next tells whoever is on call what
// is open, see [Store.Restored]. A restore that was cut off is to be made anew from an empty state; until then no router
// starts on it.
func (c *Conn) Restore(ctx context.Context, b *Backup, now time.Time) (Restored, error) {
	if err := c.empty(ctx); err != nil {
		return Restored{}, err
	}
	report := Restored{Version: 1, Taken: b.Header.Taken, Restored: now.UTC()}
	batches, err := report.batches(b)
	if err != nil {
		return Restored{}, err
	}
	marker, err := json.Marshal(report)
	if err != nil {
		return Restored{}, err
	}
	// Only into a state that is still empty, and in which nobody leads, does the first write go.
	resp, err := c.client.Txn(ctx).
		If(clientv3.Compare(clientv3.CreateRevision(record.LeaderKey), "=", 0), clientv3.Compare(clientv3.CreateRevision(restoringKey), "=", 0)).
		Then(clientv3.OpPut(restoringKey, string(marker))).Commit()
	if err == nil && !resp.Succeeded {
		err = errNotEmpty
	}
	for _, ops := range batches {
		if err != nil {
			break
		}
		_, err = c.client.Txn(ctx).Then(ops...).Commit()
	}
	if err == nil {
		_, err = c.client.Txn(ctx).Then(clientv3.OpPut(restoredKey, string(marker)), clientv3.OpDelete(restoringKey)).Commit()
	}
	if err != nil {
		return Restored{}, fmt.Errorf("restore the state: %w", err)
	}
	return report, nil
}

var errNotEmpty = errors.New("restore the state: it is not empty, or a router runs on it: stop all routers and restore into an empty state")

// empty says that there is nothing that a restore would mix with.
func (c *Conn) empty(ctx context.Context) error {
	resp, err := c.client.Get(ctx, record.Prefix, clientv3.WithPrefix(), clientv3.WithKeysOnly(), clientv3.WithLimit(2))
	if err != nil {
		return fmt.Errorf("restore the state: %w", err)
	}
	if len(resp.Kvs) > 0 {
		return fmt.Errorf("%w (found %q)", errNotEmpty, resp.Kvs[0].Key)
	}
	return nil
}

// batches are the records as they come back, in pieces that etcd takes, and counts the held ones.
func (r *Restored) batches(b *Backup) ([][]clientv3.Op, error) {
	var all [][]clientv3.Op
	var ops []clientv3.Op
	var readable record.Stored
	size := 0
	for _, one := range b.Records {
		key, value := record.Prefix+one.Key, []byte(one.Value)
		if one.Value == nil {
			value = one.Bytes
		}
		if !backedUp(key) {
			return nil, fmt.Errorf("restore the state: found a record %q, which no backup holds", one.Key)
		}
		if err := readable.Add(key, value); err != nil {
			return nil, fmt.Errorf("restore the state: %w", err)
		}
		value, held, err := hold(key, value)
		if err == nil && strings.HasPrefix(key, record.IncidentPrefix) {
			value, err = renumber(value, r.Restored.Sub(r.Taken))
		}
		if err != nil {
			return nil, fmt.Errorf("restore the state: record %q: %w", one.Key, err)
		}
		if held {
			r.Held++
		}
		if n := len(key) + len(value); len(ops) == record.MaxOps || size+n > record.MaxBytes && len(ops) > 0 {
			all, ops, size = append(all, ops), nil, 0
		}
		ops, size = append(ops, clientv3.OpPut(key, string(value))), size+len(key)+len(value)
	}
	if len(ops) > 0 {
		all = append(all, ops)
	}
	return all, nil
}

// hold is a record as it comes back: a message that has not ended is held.
func hold(key string, value []byte) (back []byte, held bool, err error) {
	if !strings.HasPrefix(key, record.OutboxPrefix) {
		return value, false, nil
	}
	var row incident.Row
	if err := json.Unmarshal(value, &row); err != nil {
		return nil, false, err
	}
	if row.Done() {
		return value, false, nil
	}
	back, err = json.Marshal(row.Hold())
	return back, true, err
}

// renumber lets an incident's next messages begin at a number that none can have had between the backup, since which so much time has
// passed, and the restore: the page id of each is known by it at the provider, and to whoever takes each id once. It leaves room for a
// message a second and some more, also after a restore of the same backup before.
func renumber(incident []byte, since time.Duration) ([]byte, error) {
	const some, most = 100, 10_000_000
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(incident, &fields); err != nil {
		return nil, err
	}
	rows := 0
	if text, ok := fields["rows"]; ok {
		if err := json.Unmarshal(text, &rows); err != nil {
			return nil, fmt.Errorf("rows: %w", err)
		}
	}
	next := rows + some + int(min(max(since/time.Second, 0), most))
	fields["rows"] = json.RawMessage(strconv.Itoa(next))
	return json.Marshal(fields)
}

// Restored is what is to be told of a restore; false when there is nothing. Its error is also that of a restore that was
// cut off.
func (s *Store) Restored(ctx context.Context) (Restored, bool, error) {
	cut, err := s.client.Get(ctx, restoringKey)
	if err == nil && len(cut.Kvs) > 0 {
		err = errors.New("a restore was cut off, and what is there is a part: restore again into an empty state")
	}
	if err != nil {
		return Restored{}, false, fmt.Errorf("look for a restore: %w", err)
	}
	var found []Restored
	if err := load(ctx, s, restoredKey, &found); err != nil || len(found) == 0 {
		return Restored{}, false, err
	}
	return found[0], true, nil
}

// RestoreTold notes that somebody was told of the restore, durably.
func (s *Store) RestoreTold(ctx context.Context) error {
	return s.transact(ctx, []clientv3.Op{clientv3.OpDelete(restoredKey)})
}
