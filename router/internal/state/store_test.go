package state

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"nezuban/oncall/escalation"
	"nezuban/router/internal/access"
	"nezuban/router/internal/incident"
	"nezuban/router/internal/rule"
	"nezuban/router/internal/state/record"
)

func open(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// take begins another term on the same etcd.
func take(t *testing.T, s *Store) *Store {
	t.Helper()
	term, err := s.conn.Campaign(t.Context(), Candidate{Name: "other", Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	return term.Store
}

// mostOps is how many operations one transaction may hold.
const mostOps = 100

var at = time.Date(2026, 3, 4, 10, 0, 0, 123456789, time.UTC)

func sample(id string, rows, entries int) incident.Change {
	c := incident.Change{Incidents: []incident.Incident{{
		Version: 1, ID: id, State: incident.Triggered, Severity: incident.SeverityPage, OpenedAt: at, Rows: rows, Entries: entries,
		Alerts: map[string]incident.AlertState{"k": {Alert: incident.Alert{Key: "k", Rule: "r", Firing: true, At: at}, Count: 2, First: at}},
		Policy: &escalation.Policy{
			Name: "api", Steps: []escalation.Step{{Page: []string{"api", "bob"}, Rotate: true, Wait: escalation.Duration(5 * time.Minute)}},
			Repeat: 2, Fallback: "carol", AckTimeout: escalation.Duration(time.Hour), Unmatched: true,
		},
		Progress: escalation.Progress{Pass: 1, Step: 1, Started: at, Next: at.Add(5 * time.Minute), Found: true, Picked: []string{"bob"}},
	}}}
	for i := range rows {
		c.Rows = append(c.Rows, incident.Row{Version: 1, Incident: id, Seq: i, Channel: "terminal", People: []string{"alice"}, Status: incident.RowPending})
	}
	for i := range entries {
		c.Entries = append(c.Entries, incident.Entry{Version: 1, Incident: id, Seq: i, At: at, Text: fmt.Sprint("entry ", i)})
	}
	return c
}

func TestWhatWasCommittedIsThereAfterARestart(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	change := sample("I1", 2, 12)
	change.Picks = escalation.Picks{"0/api": "alice", "1/a/b": "bob"}
	batch := record.Batch{Change: change, Put: []rule.Record{{Key: "container/web1/shop", Value: []byte(`{"v":1}`)}}}
	if err := s.Commit(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	s.Close()
	s = open(t, dir)
	got, err := s.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got.Incidents, change.Incidents) || !reflect.DeepEqual(got.Rows, change.Rows) || !reflect.DeepEqual(got.Records, batch.Put) || !maps.Equal(got.Picks, change.Picks) {
		t.Errorf("found %+v\nwant %+v", got, batch)
	}
	timeline, err := s.Timeline(t.Context(), "I1")
	if err != nil || !reflect.DeepEqual(timeline, change.Entries) {
		t.Errorf("timeline: found %v, %v", timeline, err)
	}
}

func TestABatchOfManyIncidentsIsSplitBetweenThemNeverWithinOne(t *testing.T) {
	s := open(t, t.TempDir())
	var all incident.Change
	for i := range 70 {
		c := sample(fmt.Sprintf("I%03d", i), 2, 3) // six operations each: 420 in all
		all.Incidents, all.Rows, all.Entries = append(all.Incidents, c.Incidents...), append(all.Rows, c.Rows...), append(all.Entries, c.Entries...)
	}
	if err := s.Commit(t.Context(), record.Batch{Change: all}); err != nil {
		t.Fatal(err)
	}
	resp, err := s.client.Get(t.Context(), record.Prefix, optionsAll()...)
	if err != nil {
		t.Fatal(err)
	}
	revisions := map[string]map[int64]bool{}
	perRevision := map[int64]int{}
	for _, kv := range resp.Kvs {
		parts := strings.Split(strings.TrimPrefix(string(kv.Key), record.Prefix), "/")
		if len(parts) < 2 {
			continue
		}
		if revisions[parts[1]] == nil {
			revisions[parts[1]] = map[int64]bool{}
		}
		revisions[parts[1]][kv.ModRevision] = true
		perRevision[kv.ModRevision]++
	}
	if len(revisions) != 70 {
		t.Fatalf("found %d incidents, want 70", len(revisions))
	}
	for id, in := range revisions {
		if len(in) != 1 {
			t.Errorf("incident %s was stored in %d transactions, want 1", id, len(in))
		}
	}
	for revision, n := range perRevision {
		if n > mostOps {
			t.Errorf("transaction %d holds %d operations, want at most %d", revision, n, mostOps)
		}
	}
}

func TestABatchThatIsTooLargeIsRefusedAsAWhole(t *testing.T) {
	s := open(t, t.TempDir())
	all := sample("I1", 1, 1)
	huge := sample("I2", 1, 1)
	huge.Incidents[0].Alerts["k"] = incident.AlertState{Alert: incident.Alert{Key: "k", Summary: strings.Repeat("x", 2<<20)}}
	all.Incidents, all.Rows, all.Entries = append(all.Incidents, huge.Incidents...), append(all.Rows, huge.Rows...), append(all.Entries, huge.Entries...)
	if err := s.Commit(t.Context(), record.Batch{Change: all}); !errors.Is(err, record.ErrTooLarge) || len(err.Error()) > 1000 {
		t.Errorf("found %v, want it refused for its size", err)
	}
	if left, err := s.Load(t.Context()); err != nil || len(left.Incidents)+len(left.Rows) != 0 {
		t.Errorf("found %+v, %v, want nothing", left, err)
	}
}

func TestAnIncidentIsStoredAfterItsRowsAndEntries(t *testing.T) {
	s := open(t, t.TempDir())
	if err := s.Commit(t.Context(), record.Batch{Change: sample("I1", 2*mostOps, 3)}); err != nil {
		t.Fatal(err)
	}
	resp, err := s.client.Get(t.Context(), record.Prefix, optionsAll()...)
	if err != nil {
		t.Fatal(err)
	}
	last := map[bool]int64{} // revision of the incident, and the last of what belongs to it
	for _, kv := range resp.Kvs {
		isIncident := string(kv.Key) == record.IncidentPrefix+"I1"
		last[isIncident] = max(last[isIncident], kv.ModRevision)
	}
	if last[true] < last[false] {
		t.Errorf("the incident was stored at revision %d, its last row or entry at %d", last[true], last[false])
	}
}

func TestALaterOpenerFencesTheEarlierOne(t *testing.T) {
	s := open(t, t.TempDir())
	later := take(t, s)
	err := s.Commit(t.Context(), record.Batch{Change: sample("I1", 1, 1)})
	if !errors.Is(err, record.ErrFenced) {
		t.Errorf("found %v, want ErrFenced", err)
	}
	if err := later.Commit(t.Context(), record.Batch{Change: sample("I1", 1, 1)}); err != nil {
		t.Errorf("the later one: %v", err)
	}
}

func TestAClosedIncidentMovesToItsFile(t *testing.T) {
	s := open(t, t.TempDir())
	archive, err := OpenArchive(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	change := sample("I1", 2, 3)
	for _, batch := range []record.Batch{{Change: change}, {Change: sample("I2", 1, 1)}} {
		if err := s.Commit(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
	}
	if err := archive.File(t.Context(), s, []string{"I1"}); err != nil {
		t.Fatal(err)
	}
	if err := s.Commit(t.Context(), record.Batch{Change: incident.Change{Closed: []string{"I1"}}}); err != nil {
		t.Fatal(err)
	}
	left, err := s.Load(t.Context())
	if err != nil || len(left.Incidents) != 1 || len(left.Rows) != 1 {
		t.Errorf("found %+v, %v, want only I2", left, err)
	}
	closed, err := archive.Closed("I1")
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(closed, Closed{Incident: change.Incidents[0], Timeline: change.Entries, Outbox: change.Rows}) {
		t.Errorf("found %+v", closed)
	}
	if latest, err := archive.Latest(10, ""); err != nil || len(latest) != 1 {
		t.Errorf("latest: found %d, %v", len(latest), err)
	}
}

func TestArchiveNamesCannotLeaveTheFolder(t *testing.T) {
	archive, err := OpenArchive(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"../x", "/etc/passwd", "", "a/b", `a\b`, "a\x00b", strings.Repeat("a", 300)} {
		if _, err := archive.Closed(id); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%q: found %v, want not found", id, err)
		}
	}
}

func TestAClosedIncidentThatCannotBeReadHidesNoOther(t *testing.T) {
	dir := t.TempDir()
	archive, err := OpenArchive(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := archive.write(Closed{Incident: sample("I1", 0, 0).Incidents[0]}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(archive.path("I2"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	latest, err := archive.Latest(10, "")
	if len(latest) != 1 || err == nil || !strings.Contains(err.Error(), `"I2"`) {
		t.Errorf("found %d incidents, %v; want the one that can be read, and the other named", len(latest), err)
	}
}

func TestTheLatestClosedIncidents(t *testing.T) {
	archive, err := OpenArchive(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"I1", "I2", "I3", "I4"} {
		if err := archive.write(Closed{Incident: sample(id, 0, 0).Incidents[0]}); err != nil {
			t.Fatal(err)
		}
	}
	for _, row := range []struct {
		limit  int
		before string
		want   string
	}{{10, "", "I4 I3 I2 I1"}, {2, "", "I4 I3"}, {2, "I3", "I2 I1"}, {1, "I3", "I2"}, {10, "I1", ""}, {10, "I9", "I4 I3 I2 I1"}, {0, "", ""}} {
		latest, err := archive.Latest(row.limit, row.before)
		var ids []string
		for _, inc := range latest {
			ids = append(ids, inc.ID)
		}
		if got := strings.Join(ids, " "); got != row.want || err != nil {
			t.Errorf("%d before %q: found %s, %v, want %s", row.limit, row.before, got, err, row.want)
		}
	}
}

func TestAGrantIsTakenOnce(t *testing.T) {
	grants := open(t, t.TempDir()).Grants()
	hash := access.HashOf("secret")
	grant := access.Grant{Version: 1, Use: access.UseLink, Hash: hash, Person: "alice", Expires: time.Now().Add(time.Minute)}
	if err := grants.PutGrant(t.Context(), grant); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := grants.Grant(t.Context(), access.UseSession, hash); ok || err != nil {
		t.Errorf("a link passes for a session: %t, %v", ok, err)
	}
	taken := make(chan bool)
	for range 8 {
		go func() {
			got, ok, err := grants.TakeGrant(context.WithoutCancel(t.Context()), access.UseLink, hash)
			if err != nil || ok && got.Person != "alice" {
				t.Errorf("found %+v, %v", got, err)
			}
			taken <- ok
		}()
	}
	count := 0
	for range 8 {
		if <-taken {
			count++
		}
	}
	if count != 1 {
		t.Errorf("the link was taken %d times, want once", count)
	}
}

func TestAnUnreadableRecordIsNamed(t *testing.T) {
	s := open(t, t.TempDir())
	if _, err := s.client.Put(t.Context(), record.IncidentPrefix+"I1", "{"); err != nil {
		t.Fatal(err)
	}
	_, err := s.Load(t.Context())
	var syntax *json.SyntaxError
	if !errors.As(err, &syntax) || !strings.Contains(err.Error(), record.IncidentPrefix+"I1") {
		t.Errorf("found %v, want a syntax error that names the record", err)
	}
}

// A state, or a backup, of a later release holds what this one would lose.
func TestARecordOfALaterReleaseIsRefused(t *testing.T) {
	for _, key := range []string{"incident/I1", "outbox/I1/00000000", "silence/S1"} {
		t.Run(key, func(t *testing.T) {
			value := []byte(`{"version":2,"id":"I1"}`)
			const want = "found version 2, expected at most 1: a later release wrote it"
			conn, err := Connect(t.Context(), Options{Dir: t.TempDir()})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(conn.Close)
			later := &Backup{Records: []BackupRecord{{Key: key, Value: value}}}
			if _, err := conn.Restore(t.Context(), later, at); !errors.Is(err, record.ErrNewer) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), key) {
				t.Errorf("a restore: found %v, want %q", err, want)
			}
			if err := conn.empty(t.Context()); err != nil {
				t.Errorf("something was restored: %v", err)
			}
			if _, err := conn.client.Put(t.Context(), record.Prefix+key, string(value)); err != nil {
				t.Fatal(err)
			}
			if _, err := conn.reader().Load(t.Context()); !errors.Is(err, record.ErrNewer) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), key) {
				t.Errorf("a start: found %v, want %q", err, want)
			}
		})
	}
}

func TestNextPage(t *testing.T) {
	for _, tt := range []struct{ records, bytes, want int }{
		{0, 0, pageSize}, {500, 500 * 1024, 4096}, {500, 500, mostPage}, {500, 0, mostPage}, {500, 500 << 20, 4}, {1, 64 << 20, 1},
	} {
		if got := nextPage(tt.records, tt.bytes); got != tt.want {
			t.Errorf("after %d records of %d bytes: found %d, want %d", tt.records, tt.bytes, got, tt.want)
		}
	}
}
