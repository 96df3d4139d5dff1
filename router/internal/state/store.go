// Package state makes the router's decisions durable: incidents, their timeline, the outbox and the few facts that
// rules must not forget, in etcd. The router's app calls it; package incident decides what is stored.
//
// Whatever belongs to one incident is stored in one transaction, and each transaction succeeds only while this process
// is the one that opened the store last (the fence). Samples and heartbeats never come here.
package state

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"

	"nezuban/router/internal/incident"
	"nezuban/router/internal/state/record"
)

// Keys in etcd, beside those of package record.
const (
	versionPrefix = record.Prefix + "oncall/version/" // of the rotation file
	textPrefix    = record.Prefix + "oncall/text/"    // by hash
	accessPrefix  = record.Prefix + "access/"
)

// Store is the router's durable state; its Commit is that of [record.Writer]. It is safe for concurrent use.
type Store struct {
	record.Writer
	client *clientv3.Client
	server *embed.Etcd // nil against an external cluster
	close  sync.Once
}

// Open starts the embedded etcd member whose data is in dir, takes the lead, and brings what the release before has stored
// into this one's form. Only one process can have dir open.
func Open(ctx context.Context, dir string) (*Store, error) {
	server, client, err := startEmbedded(ctx, dir)
	if err != nil {
		return nil, err
	}
	s := &Store{Writer: record.Writer{KV: etcd{client}}, client: client, server: server}
	for _, step := range []func(context.Context) error{s.lead, s.upgrade} {
		if err := step(ctx); err != nil {
			s.Close()
			return nil, err
		}
	}
	return s, nil
}

// lead writes the leader key: transactions of whoever led before fail from now on.
func (s *Store) lead(ctx context.Context) error {
	resp, err := s.client.Put(ctx, record.LeaderKey, "router")
	if err != nil {
		return fmt.Errorf("take the lead in etcd: %w", err)
	}
	s.Fence = resp.Header.Revision
	return nil
}

// Close ends the client and the embedded member. What Commit returned nil for is on disk already.
func (s *Store) Close() {
	s.close.Do(func() {
		_ = s.client.Close() // in process: there is nothing it could fail to do
		if s.server != nil {
			s.server.Close()
		}
	})
}

// Load reads what a router needs at its start, which is everything but timelines.
func (s *Store) Load(ctx context.Context) (record.Stored, error) {
	var all record.Stored
	for _, under := range []string{record.IncidentPrefix, record.OutboxPrefix, record.PickPrefix, record.RulePrefix, record.SilencePrefix} {
		if err := s.each(ctx, under, all.Add); err != nil {
			return record.Stored{}, err
		}
	}
	return all, nil
}

// Timeline reads the timeline of one incident, in order.
func (s *Store) Timeline(ctx context.Context, id string) ([]incident.Entry, error) {
	var records []record.Timeline
	err := load(ctx, s, record.TimelinePrefix+id+"/", &records)
	return slices.Concat(records...), err
}

// Outbox reads the rows of one incident, in order.
func (s *Store) Outbox(ctx context.Context, id string) ([]incident.Row, error) {
	var rows []incident.Row
	err := load(ctx, s, record.OutboxPrefix+id+"/", &rows)
	return rows, err
}

// load appends every record under a prefix.
func load[T any](ctx context.Context, s *Store, under string, into *[]T) error {
	return s.each(ctx, under, func(key string, value []byte) error {
		var one T
		if err := json.Unmarshal(value, &one); err != nil {
			return fmt.Errorf("read record %q: %w", key, err)
		}
		*into = append(*into, one)
		return nil
	})
}

// pageSize is how many records one read takes, so that no answer grows without bound.
const pageSize = 500

// each calls do for every record under a prefix, in order of keys, all as of one revision.
func (s *Store) each(ctx context.Context, under string, do func(key string, value []byte) error) error {
	from, end, revision := under, clientv3.GetPrefixRangeEnd(under), int64(0)
	for {
		resp, err := s.client.Get(ctx, from, clientv3.WithRange(end), clientv3.WithLimit(pageSize), clientv3.WithRev(revision))
		if err != nil {
			return fmt.Errorf("read %q from etcd: %w", under, err)
		}
		for _, kv := range resp.Kvs {
			if err := do(string(kv.Key), kv.Value); err != nil {
				return err
			}
			from = string(kv.Key) + "\x00"
		}
		if !resp.More {
			return nil
		}
		revision = resp.Header.Revision
	}
}
