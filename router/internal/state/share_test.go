package state

import (
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"testing"

	"nezuban/packaging/testenv"
	"nezuban/router/internal/incident"
	"nezuban/router/internal/state/record"
)

// filed opens incidents and closes them as a leader does: its own file, what the others make theirs of, then out of the
// store.
func filed(t *testing.T, s *Store, a *Archive, from, n int) {
	t.Helper()
	var all incident.Change
	var ids []string
	for i := range n {
		c := sample(fmt.Sprintf("I%06d", from+i), 1, 1)
		all.Incidents, all.Rows, all.Entries = append(all.Incidents, c.Incidents...), append(all.Rows, c.Rows...), append(all.Entries, c.Entries...)
		ids = append(ids, c.Incidents[0].ID)
	}
	for _, step := range []func() error{
		func() error { return s.Commit(t.Context(), record.Batch{Change: all}) },
		func() error { return a.File(t.Context(), s, ids) },
		func() error { return s.Share(t.Context(), a, ids) },
		func() error { return s.Commit(t.Context(), record.Batch{Change: incident.Change{Closed: ids}}) },
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
}

func newArchive(t *testing.T) *Archive {
	t.Helper()
	a, err := OpenArchive(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (a *Archive) has(i int) bool {
	_, err := os.Stat(a.path(fmt.Sprintf("I%06d", i)))
	return err == nil
}

func TestEveryRouterFilesWhatTheLeaderHasClosed(t *testing.T) {
	cluster := testenv.Etcd(t, 1)
	leader, follower := steady(t, cluster.Endpoints...), connect(t, cluster.Endpoints...)
	store, own, other := leads(t, lead(t, leader, candidate("a", 0))).Store, newArchive(t), newArchive(t)
	filed(t, store, own, 0, 3) // while the other one was away
	for key, value := range map[string]string{closedPrefix + "broken": "{", closedPrefix + "../I9": `{"version":1}`} {
		if _, err := leader.client.Put(t.Context(), key, value); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	caughtUp, ended := make(chan struct{}), make(chan error, 1)
	var said []error
	go func() {
		ended <- other.Follow(ctx, follower, func(err error) {
			if err != nil {
				said = append(said, err)
				return
			}
			close(caughtUp)
		})
	}()
	<-caughtUp
	if !other.has(0) || !other.has(2) || len(said) != 2 {
		t.Errorf("caught up without some, or said %v; want both records named that are none", said)
	}
	filed(t, store, own, 3, 1)
	until(t, "what is closed now is filed", func() bool { return other.has(3) })
	mine, err := own.Closed("I000003")
	theirs, failed := other.Closed("I000003")
	if err != nil || failed != nil || !reflect.DeepEqual(mine, theirs) {
		t.Errorf("found %+v, %v\nand %+v, %v", mine, err, theirs, failed)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("ended by %v", err)
	}
}

func TestOnlyTheLatestClosedIncidentsStayShared(t *testing.T) {
	s, own := open(t, t.TempDir()), newArchive(t)
	for from := 0; from < sharedClosed+200; from += 50 {
		filed(t, s, own, from, 50)
	}
	resp, err := s.client.Get(t.Context(), closedPrefix, optionsAll()...)
	if err != nil || len(resp.Kvs) != sharedClosed || string(resp.Kvs[0].Key) != closedPrefix+"I000200" {
		t.Errorf("found %d from %s, %v; want the latest %d", len(resp.Kvs), resp.Kvs[0].Key, err, sharedClosed)
	}
}
