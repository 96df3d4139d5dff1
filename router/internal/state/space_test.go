package state

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"nezuban/packaging/testenv"
	"nezuban/router/internal/access"
	"nezuban/router/internal/incident"
	"nezuban/router/internal/state/record"
)

// small is a store whose state may take so many MiB.
func small(t *testing.T, dir string, mib int64) *Store {
	t.Helper()
	conn, err := Connect(t.Context(), Options{Dir: dir, QuotaBytes: mib << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	term, err := conn.Campaign(t.Context(), candidate("a", 0))
	if err != nil {
		t.Fatal(err)
	}
	return term.Store
}

// put decides nothing, and stores a change as the engine does.
func (s *Store) put(ctx context.Context, change incident.Change) error {
	b := record.Batch{Change: change}
	if err := s.Prepare(&b); err != nil {
		return err
	}
	return s.Commit(ctx, b)
}

// heavy is an incident that takes about 8 KiB.
func heavy(i int) incident.Change {
	c := sample(fmt.Sprintf("I%06d", i), 1, 2)
	c.Entries[0].Text = strings.Repeat("x", 6000)
	return c
}

// What is overwritten takes room until it is cleaned away: a state that is small must not become read-only by that.
func TestARouterThatOverwritesALotNeverStaysFull(t *testing.T) {
	s := small(t, t.TempDir(), 16)
	full := 0
	for i := range 6000 {
		err := s.put(t.Context(), heavy(i%20))
		if err == nil {
			continue
		}
		if !errors.Is(err, rpctypes.ErrNoSpace) && !errors.Is(err, record.ErrFull) {
			t.Fatal(err)
		}
		full++
		space, err := s.conn.Tend(t.Context())
		if err != nil || space.Alarm || space.Size > 4<<20 {
			t.Fatalf("found %+v, %v, want room again", space, err)
		}
	}
	if full == 0 {
		t.Error("the state was never full: the test shows nothing")
	}
	if s.conn.shedding.Load() {
		t.Error("timelines are still not kept")
	}
}

// A cluster outside is tended by whoever leads: old revisions are forgotten before their room is needed. Another router that
// has led, or leads by now, may have done that already. To give the room back to the disk is the cluster's operator's.
func TestTwoRoutersTendOneCluster(t *testing.T) {
	cluster := testenv.Etcd(t, 1, "-quota", fmt.Sprint(16<<20))
	one, other := steady(t, cluster.Endpoints...), connect(t, cluster.Endpoints...)
	term := leads(t, lead(t, one, candidate("one", 0)))
	first, err := one.client.Get(t.Context(), record.LeaderKey)
	if err != nil {
		t.Fatal(err)
	}
	compacted := false
	for i := range 4000 { // of which all together would take twice the quota
		if err := term.Store.put(t.Context(), heavy(i%20)); err != nil {
			t.Fatalf("after %d changes: %v", i, err)
		}
		if i%400 > 0 {
			continue
		}
		for name, c := range map[string]*Conn{"the one": one, "the other": other} {
			if space, err := c.Tend(t.Context()); err != nil || space.Alarm || c.shedding.Load() {
				t.Fatalf("after %d changes %s finds %+v, %v", i, name, space, err)
			}
		}
		_, err := one.client.Get(t.Context(), record.LeaderKey, clientv3.WithRev(first.Header.Revision))
		compacted = errors.Is(err, rpctypes.ErrCompacted)
	}
	if !compacted {
		t.Error("the first revision is still there")
	}
	if space, err := other.Space(t.Context()); err != nil || space.Size < 11<<20 {
		t.Errorf("found %+v, %v, want room that is kept for what comes", space, err)
	}
}

// Near the end incidents and messages are kept, and timelines are not; what was left out is said when there is room again.
func TestTimelinesAreShedBeforeMessages(t *testing.T) {
	s := small(t, t.TempDir(), 16)
	n := 0
	for !s.conn.shedding.Load() {
		for range 50 {
			if err := s.put(t.Context(), heavy(n)); err != nil {
				t.Fatalf("after %d incidents: %v", n, err)
			}
			n++
		}
		if _, err := s.conn.Tend(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	late := heavy(n)
	if err := s.put(t.Context(), late); err != nil {
		t.Fatal(err)
	}
	id := late.Incidents[0].ID
	rows, err := s.Outbox(t.Context(), id)
	lines, failed := s.Timeline(t.Context(), id)
	if err != nil || failed != nil || len(rows) != 1 || len(lines) != 0 {
		t.Errorf("found %d messages, %d lines, %v, %v; want the message alone", len(rows), len(lines), err, failed)
	}
	if s.TakeShed() != nil {
		t.Error("it is said already while lines are still not kept")
	}
	var closed []string
	for i := range n {
		closed = append(closed, heavy(i).Incidents[0].ID)
	}
	if err := s.put(t.Context(), incident.Change{Closed: closed}); err != nil {
		t.Fatal(err)
	}
	if space, err := s.conn.Tend(t.Context()); err != nil || s.conn.shedding.Load() || space.Size > 4<<20 {
		t.Fatalf("found %+v, %v, shedding %t; want the room given back", space, err, s.conn.shedding.Load())
	}
	if got := s.TakeShed(); len(got) != 1 || got[id] != 2 || s.TakeShed()[id] != 0 {
		t.Errorf("found %v, want 2 lines of %s, once", got, id)
	}
}

// What was accepted takes more room when it is told. Were further incidents opened whenever there is a little room, what is open would
// not fit any more in the end, and could be neither told nor resolved.
func TestWhatWasAcceptedFitsWhenNothingElseDoes(t *testing.T) {
	s := small(t, t.TempDir(), 16)
	n, refused := 0, 0
	tend := func() Space {
		space, err := s.conn.Tend(t.Context())
		if err != nil || space.Alarm {
			t.Fatalf("with %d incidents found %+v, %v", n, space, err)
		}
		return space
	}
	tell := func(i int) {
		told := heavy(i)
		told.Entries = told.Entries[1:]
		told.Rows[0].Reason = strings.Repeat("x", 600)
		if err := s.put(t.Context(), told); err != nil {
			t.Fatalf("tell incident %d of %d: %v", i, n, err)
		}
	}
	// A sender that does not let go: what is accepted is told at once, and room is made all the time.
	for range 3000 {
		switch err := s.put(t.Context(), heavy(n)); {
		case err == nil:
			tell(n)
			n++
		case errors.Is(err, record.ErrFull):
			refused++
		default:
			t.Fatal(err)
		}
		if (n+refused)%100 == 0 {
			tend()
		}
	}
	for i := range n {
		tell(i)
	}
	if space := tend(); refused == 0 || space.Full() > openBelow {
		t.Errorf("found %+v, %d incidents, %d refused", space, n, refused)
	}
	// It opens again when a fifth of the room is free, not before.
	closed := 0
	for ; closed < n; closed++ {
		space := tend()
		err := s.put(t.Context(), heavy(n))
		if err == nil {
			if space.Full() >= reopenBelow {
				t.Errorf("opens again with %+v", space)
			}
			break
		}
		if space.Full() < reopenBelow-0.02 {
			t.Fatalf("does not open with %+v: %v", space, err)
		}
		if err := s.put(t.Context(), incident.Change{Closed: []string{heavy(closed).Incidents[0].ID}}); err != nil {
			t.Fatal(err)
		}
	}
	if closed == 0 || closed == n {
		t.Errorf("of %d incidents %d were closed until another was opened", n, closed)
	}
}

func TestPlan(t *testing.T) {
	const mib = 1 << 20
	full := func(size, inUse int64) Space {
		return Space{Quota: 100 * mib, Size: size * mib, InUse: inUse * mib, Free: 1 << 40, hasDir: true}
	}
	alarm, external, scant := full(100, 30), full(80, 30), full(10, 10)
	solid := full(100, 99)
	solid.Alarm = true
	alarm.Alarm, external.hasDir, scant.Free = true, false, 100*mib
	tests := []struct {
		name     string
		space    Space
		shedding bool
		refusing bool
		want     plan
	}{
		{"empty", full(1, 1), false, false, plan{}},
		{"half full", full(50, 50), false, false, plan{}},
		{"filling", full(65, 64), false, false, plan{compact: true}},
		{"large and hollow", full(40, 10), false, false, plan{defragment: true}},
		{"small and hollow", full(10, 1), false, false, plan{}},
		{"the size nears the quota", full(75, 40), false, false, plan{compact: true, defragment: true}},
		{"nine tenths in use", full(95, 90), false, false, plan{compact: true, shed: true}},
		{"below that, and shedding", full(86, 85), true, false, plan{compact: true, shed: true}},
		{"below that, and not shedding", full(86, 85), false, false, plan{compact: true}},
		{"well below, and shedding", full(65, 64), true, false, plan{compact: true}},
		{"refusing, and full", full(95, 81), false, true, plan{compact: true}},
		{"refusing, and room to give back", full(95, 79), false, true, plan{compact: true, defragment: true}},
		{"refusing, and given back", full(79, 78), false, true, plan{compact: true}},
		{"as full, and not refusing", full(90, 79), false, false, plan{compact: true}},
		{"the alarm", alarm, false, false, plan{compact: true, defragment: true, disarm: true, shed: true}},
		{"the alarm, and nothing to give back", solid, false, false, plan{compact: true, disarm: true, shed: true}},
		{"an external cluster", external, false, false, plan{compact: true}},
		{"a disk with little room", scant, false, false, plan{shed: true}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := planFor(tt.space, tt.shedding, tt.refusing); got != tt.want {
				t.Errorf("found %+v, want %+v", got, tt.want)
			}
		})
	}
}

// A disk that is full would end etcd, and with it the process, at some later write. What is refused before that is
// refused in words, and all goes on when there is room again.
func TestAFullDiskIsRefusedBeforeItBreaksEtcd(t *testing.T) {
	testenv.Root(t)
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=400m"); err != nil {
		testenv.LeftOut(t, "mount", "run the tests as a root who may mount")
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	s := small(t, filepath.Join(dir, "etcd"), 64)
	if err := s.put(t.Context(), sample("I1", 1, 1)); err != nil {
		t.Fatal(err)
	}
	free, err := diskFree(dir)
	if err != nil {
		t.Fatal(err)
	}
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, free-20<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		if err := s.put(t.Context(), heavy(i)); !errors.Is(err, record.ErrFull) {
			t.Fatalf("found %v, want record.ErrFull", err)
		}
	}
	// What was decided while there was room, and is stored only now, is refused too, and so are sign-ins.
	decided := record.Batch{Change: sample("I1", 1, 0)}
	if err := decided.Prepare(); err != nil {
		t.Fatal(err)
	}
	if err := s.Commit(t.Context(), decided); !errors.Is(err, record.ErrFull) {
		t.Errorf("what was decided before: found %v, want record.ErrFull", err)
	}
	grant := access.Grant{Version: 1, Use: access.UseSession, Hash: access.HashOf("secret"), Expires: time.Now().Add(time.Hour)}
	if err := s.Grants().PutGrant(t.Context(), grant); !errors.Is(err, record.ErrFull) {
		t.Errorf("a sign-in: found %v, want record.ErrFull", err)
	}
	if err := s.put(t.Context(), incident.Change{Closed: []string{"I1"}}); err != nil {
		t.Errorf("what only deletes: %v", err)
	}
	if space, err := s.conn.Tend(t.Context()); err != nil || !space.DiskScant() || !s.conn.shedding.Load() {
		t.Errorf("found %+v, %v", space, err)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if err := s.put(t.Context(), sample("I2", 1, 1)); err != nil {
		t.Errorf("with room again: %v", err)
	}
	select {
	case err := <-s.conn.Broken():
		t.Errorf("etcd broke: %v", err)
	default:
	}
}

func TestWhatOpensAnIncident(t *testing.T) {
	opening, going, own := sample("I1", 1, 2), sample("I1", 1, 2), sample("I1", 1, 2)
	going.Entries = going.Entries[1:]
	own.Incidents[0].Alerts = map[string]incident.AlertState{"k": {Alert: incident.Alert{Key: "k", Rule: "nezuban-state-filling"}}}
	for name, tt := range map[string]struct {
		change incident.Change
		want   bool
	}{
		"a new one": {opening, true}, "more of one": {going, false}, "the router's own": {own, false}, "a closed one": {incident.Change{Closed: []string{"I1"}}, false},
	} {
		if got := opens(record.Batch{Change: tt.change}); got != tt.want {
			t.Errorf("%s: found %t", name, got)
		}
	}
}
