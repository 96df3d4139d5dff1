// Package state makes the router's decisions durable: incidents, their timeline, the outbox and the few facts that
// rules must not forget, in etcd. The router's app calls it; package incident decides what is stored.
//
// Whatever belongs to one incident is stored in one transaction, and each transaction succeeds only while the leader key is
// the one that this router made when its term began (the fence). Samples and heartbeats never come here.
//
// [Connect] starts the embedded member, or finds an external cluster; [Conn.Campaign] waits until this router leads; the
// [Store] of its term reads and writes.
package state

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"nezuban/router/internal/incident"
	"nezuban/router/internal/state/record"
)

// Keys in etcd, beside those of package record.
const (
	versionPrefix = record.Prefix + "oncall/version/" // of the rotation file
	textPrefix    = record.Prefix + "oncall/text/"    // by hash
	accessPrefix  = record.Prefix + "access/"
)

// Store is the router's durable state as one term of leadership writes it: from the end of the term on every write is
// refused. It is safe for concurrent use.
type Store struct {
	record.Writer // its Fence is the CreateRevision of the leader key of this term; 0: the store may only be read
	client        *clientv3.Client
	conn          *Conn
	led           context.Context // ends when the lead is lost: nothing is waited for then
	own           bool            // conn is closed with the store
	shed          shed
}

func (c *Conn) kv(led context.Context) etcd { return etcd{c.client, c.full, led} }

func (c *Conn) store(led context.Context, fence int64) *Store {
	return &Store{Writer: record.Writer{KV: c.kv(led), Fence: fence}, client: c.client, conn: c, led: led}
}

// Open starts the embedded etcd member whose data is in dir, takes the lead, and brings what the release before has stored
// into this one's form. Only one process can have dir open.
func Open(ctx context.Context, dir string) (*Store, error) {
	conn, err := Connect(ctx, Options{Dir: dir})
	if err != nil {
		return nil, err
	}
	term, err := conn.Campaign(ctx, Candidate{Name: "router", Now: time.Now})
	if err != nil {
		conn.Close()
		return nil, err
	}
	term.Store.own = true
	return term.Store, nil
}

// Close ends what Open started. What Commit returned nil for is on disk already.
func (s *Store) Close() {
	if s.own {
		s.conn.Close()
	}
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

// How many records one read takes: so many that an answer is about pageBytes, as the one before tells. For each page etcd
// counts all that follow, so that many small ones take long; one of many large records would not fit into memory.
const (
	pageSize  = 500 // of the first page
	mostPage  = 10_000
	pageBytes = 4 << 20
)

// nextPage is how many records the next page takes, after one of so many with so many bytes.
func nextPage(records, bytes int) int {
	if records == 0 {
		return pageSize
	}
	return min(max(pageBytes/max(bytes/records, 1), 1), mostPage)
}

// each calls do for every record under a prefix, in order of keys, all as of one revision.
func (s *Store) each(ctx context.Context, under string, do func(key string, value []byte) error) error {
	_, err := s.eachAt(ctx, under, 0, do)
	return err
}

// eachAt is each as of a revision, which is returned; 0 is the present one.
func (s *Store) eachAt(ctx context.Context, under string, revision int64, do func(key string, value []byte) error) (int64, error) {
	ctx, release := whileLed(ctx, s.led)
	defer release()
	from, end, size := under, clientv3.GetPrefixRangeEnd(under), pageSize
	for {
		resp, err := s.client.Get(ctx, from, clientv3.WithRange(end), clientv3.WithLimit(int64(size)), clientv3.WithRev(revision))
		if err != nil {
			return 0, fmt.Errorf("read %q from etcd: %w", under, because(s.led, err))
		}
		if revision == 0 {
			revision = resp.Header.Revision
		}
		bytes := 0
		for _, kv := range resp.Kvs {
			if err := do(string(kv.Key), kv.Value); err != nil {
				return 0, err
			}
			from = string(kv.Key) + "\x00"
			bytes += len(kv.Value)
		}
		size = nextPage(len(resp.Kvs), bytes)
		if !resp.More {
			return revision, nil
		}
	}
}
