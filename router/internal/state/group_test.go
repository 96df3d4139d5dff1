package state

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"

	"nezuban/oncall/escalation"
	"nezuban/router/internal/incident"
	"nezuban/router/internal/rule"
	"nezuban/router/internal/state/record"
)

// begun is a change that marks a row of an incident as being sent.
func begun(id string, seq int) incident.Change {
	row := sample(id, seq+1, 0).Rows[seq]
	row.Status = incident.RowSending
	return incident.Change{Rows: []incident.Row{row}}
}

// noted is a change that adds an entry to an incident which has some.
func noted(id string, entries int) incident.Change {
	c := sample(id, 0, entries+1)
	c.Entries = c.Entries[entries:]
	return c
}

func recorded(key, value string) record.Batch {
	return record.Batch{Put: []rule.Record{{Key: key, Value: []byte(value)}}}
}

func TestBatchesShareATransactionAndOfEachKeyTheLastIsKept(t *testing.T) {
	tests := []struct {
		name      string
		batches   []record.Batch
		incidents int
		rows      []incident.RowStatus
		entries   int // of I1
		records   string
		picks     escalation.Picks
	}{
		{name: "nothing", batches: []record.Batch{{}, {}}},
		{
			name: "two incidents", batches: []record.Batch{{Change: sample("I1", 1, 2)}, {Change: sample("I2", 1, 0)}},
			incidents: 2, rows: []incident.RowStatus{"pending", "pending"}, entries: 2,
		},
		{
			name: "an incident whose row is begun", batches: []record.Batch{{Change: sample("I1", 2, 1)}, {Change: begun("I1", 1)}},
			incidents: 1, rows: []incident.RowStatus{"pending", "sending"}, entries: 1,
		},
		{
			name: "an incident with a later entry", batches: []record.Batch{{Change: sample("I1", 0, 2)}, {Change: noted("I1", 2)}},
			incidents: 1, entries: 3,
		},
		{name: "an incident that is opened and closed", batches: []record.Batch{
			{Change: sample("I1", 1, 1)}, {Change: sample("I2", 0, 0)}, {Change: incident.Change{Closed: []string{"I1"}}},
		}, incidents: 1},
		{
			name: "a record written twice, and one deleted", batches: []record.Batch{recorded("a", "1"), recorded("b", "2"), recorded("a", "3"), {Delete: []string{"b"}}},
			records: "a=3 ",
		},
		{name: "a record deleted and written", batches: []record.Batch{{Delete: []string{"a"}}, recorded("a", "1")}, records: "a=1 "},
		{name: "a turn taken twice", batches: []record.Batch{
			{Change: incident.Change{Picks: escalation.Picks{"0/api": "alice"}}}, {Change: incident.Change{Picks: escalation.Picks{"0/api": "bob"}}},
		}, picks: escalation.Picks{"0/api": "bob"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := open(t, t.TempDir())
			if err := s.Commit(t.Context(), tt.batches...); err != nil {
				t.Fatal(err)
			}
			got, err := s.Load(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var rows []incident.RowStatus
			for _, row := range got.Rows {
				rows = append(rows, row.Status)
			}
			records := ""
			for _, r := range got.Records {
				records += fmt.Sprintf("%s=%s ", r.Key, r.Value)
			}
			timeline, err := s.Timeline(t.Context(), "I1")
			if err != nil || len(timeline) != tt.entries {
				t.Errorf("found the timeline %v, %v, want %d entries", timeline, err, tt.entries)
			}
			if len(got.Incidents) != tt.incidents || !reflect.DeepEqual(rows, tt.rows) || records != tt.records || !reflect.DeepEqual(got.Picks, tt.picks) {
				t.Errorf("found %d incidents, rows %v, records %q, turns %v", len(got.Incidents), rows, records, got.Picks)
			}
			if n := transactions(t, s); n > 1 {
				t.Errorf("stored in %d transactions, want 1", n)
			}
		})
	}
}

// transactions counts those whose writes are still there, but for the one that took the lead.
func transactions(t *testing.T, s *Store) int {
	t.Helper()
	resp, err := s.client.Get(t.Context(), record.Prefix, optionsAll()...)
	if err != nil {
		t.Fatal(err)
	}
	revisions := map[int64]bool{}
	for _, kv := range resp.Kvs {
		revisions[kv.ModRevision] = true
	}
	delete(revisions, s.Fence)
	return len(revisions)
}

func TestBatchesOfOneIncidentThatOutgrowATransactionFollowEachOther(t *testing.T) {
	s := open(t, t.TempDir())
	var batches []record.Batch
	for i := range 2 * mostOps {
		batches = append(batches, record.Batch{Change: noted("I1", i)})
	}
	if err := s.Commit(t.Context(), batches...); err != nil {
		t.Fatal(err)
	}
	timeline, err := s.Timeline(t.Context(), "I1")
	if err != nil || len(timeline) != 2*mostOps {
		t.Fatalf("found %d entries, %v, want %d", len(timeline), err, 2*mostOps)
	}
	for i, entry := range timeline {
		if entry.Seq != i {
			t.Fatalf("entry %d is number %d", i, entry.Seq)
		}
	}
	if got, err := s.Load(t.Context()); err != nil || got.Incidents[0].Entries != 2*mostOps {
		t.Errorf("found %+v, %v, want the last form", got.Incidents, err)
	}
}

// Earlier releases wrote one record an entry.
func TestATimelineOfTheReleaseBeforeIsRead(t *testing.T) {
	s := open(t, t.TempDir())
	want := sample("I1", 0, 12).Entries
	for _, entry := range want[:10] {
		value, err := json.Marshal(entry)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.client.Put(t.Context(), record.TimelinePrefix+"I1/"+record.Sequence(entry.Seq), string(value)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Commit(t.Context(), record.Batch{Change: incident.Change{Entries: want[10:]}}); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Timeline(t.Context(), "I1"); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("found %v, %v", got, err)
	}
}
