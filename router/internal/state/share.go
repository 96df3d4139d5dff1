package state

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"nezuban/router/internal/state/record"
)

// closedPrefix is where closed incidents stay for a while, in the form of their files, so that each router of a cluster
// can file them away too.
const closedPrefix = record.Prefix + "closed/"

// Bounds of what is shared.
const (
	sharedClosed = 1000      // the latest so many: a router that was away for longer misses those before
	maxShared    = 256 << 10 // bytes of one, packed
	maxClosed    = 64 << 20  // bytes of one, unpacked
)

// sharedRecord is the stored form of a closed incident.
type sharedRecord struct {
	Version int    `json:"version"`
	Gzip    []byte `json:"gzip"` // of the JSON of a Closed
}

// Share leaves closed incidents for the other routers, before they are deleted, and drops the oldest beyond the bound. One
// that is too large is not shared: the file of the leader has it.
func (s *Store) Share(ctx context.Context, a *Archive, ids []string) error {
	for _, id := range ids {
		closed, err := a.Closed(id)
		if err != nil {
			return fmt.Errorf("share incident %q: %w", id, err)
		}
		value, err := packed(closed)
		if err != nil {
			return fmt.Errorf("share incident %q: %w", id, err)
		}
		if len(value) > maxShared {
			continue
		}
		if err := s.transact(ctx, []clientv3.Op{clientv3.OpPut(closedPrefix+id, value)}); err != nil {
			return err
		}
	}
	return s.prune(ctx)
}

// prune drops the oldest shared incidents beyond the bound, at most as many as fit into one transaction.
func (s *Store) prune(ctx context.Context) error {
	count, err := s.client.Get(ctx, closedPrefix, clientv3.WithPrefix(), clientv3.WithCountOnly())
	if err != nil {
		return fmt.Errorf("read %q from etcd: %w", closedPrefix, err)
	}
	beyond := count.Count - sharedClosed
	if beyond <= 0 {
		return nil
	}
	oldest, err := s.client.Get(ctx, closedPrefix, clientv3.WithPrefix(), clientv3.WithKeysOnly(),
		clientv3.WithSort(clientv3.SortByModRevision, clientv3.SortAscend), clientv3.WithLimit(min(beyond, record.MaxOps)))
	if err != nil {
		return fmt.Errorf("read %q from etcd: %w", closedPrefix, err)
	}
	var ops []clientv3.Op
	for _, kv := range oldest.Kvs {
		ops = append(ops, clientv3.OpDelete(string(kv.Key)))
	}
	return s.transact(ctx, ops)
}

func packed(closed Closed) (string, error) {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	err := errors.Join(json.NewEncoder(w).Encode(closed), w.Close())
	if err != nil {
		return "", err
	}
	value, err := json.Marshal(sharedRecord{Version: 1, Gzip: packed.Bytes()})
	return string(value), err
}

func unpacked(value []byte) (Closed, error) {
	var record sharedRecord
	var closed Closed
	if err := json.Unmarshal(value, &record); err != nil {
		return closed, err
	}
	r, err := gzip.NewReader(bytes.NewReader(record.Gzip))
	if err != nil {
		return closed, err
	}
	return closed, json.NewDecoder(io.LimitReader(r, maxClosed)).Decode(&closed)
}

// Follow files away what the leader has closed: first all that is shared and has no file here, then each as it comes. It
// reports nil after the first part, and each record that cannot be read, which holds up no other. It returns only with an
// error, which is that of ctx when ctx ends.
func (a *Archive) Follow(ctx context.Context, c *Conn, report func(error)) error {
	from, err := c.reader().eachAt(ctx, closedPrefix, 0, func(key string, value []byte) error {
		id := strings.TrimPrefix(key, closedPrefix)
		if _, err := os.Stat(a.path(id)); err == nil {
			return nil
		}
		return a.take(key, value, report)
	})
	if err != nil {
		return err
	}
	report(nil)
	watching, cancel := context.WithCancel(clientv3.WithRequireLeader(ctx))
	defer cancel()
	for news := range c.client.Watch(watching, closedPrefix, clientv3.WithPrefix(), clientv3.WithRev(from+1)) {
		if err := news.Err(); err != nil {
			return err
		}
		for _, event := range news.Events {
			if event.Type != mvccpb.PUT {
				continue
			}
			if err := a.take(string(event.Kv.Key), event.Kv.Value, report); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

// take writes the file of a shared incident. What is no incident, or would leave the folder, is reported and left.
func (a *Archive) take(key string, value []byte, report func(error)) error {
	closed, err := unpacked(value)
	if err == nil && closedPrefix+closed.Incident.ID != key {
		err = fmt.Errorf("found incident %q", closed.Incident.ID)
	}
	if err == nil && !isFileName(closed.Incident.ID) {
		err = errors.New("found an id that is no file's name")
	}
	if err != nil {
		report(fmt.Errorf("read record %q: %w", key, err))
		return nil
	}
	return a.write(closed)
}
