package state

import (
	"reflect"
	"testing"
	"time"

	"nezuban/router/internal/incident"
	"nezuban/router/internal/state/record"
)

func TestASilenceIsThereAfterARestartUntilItIsDropped(t *testing.T) {
	dir := t.TempDir()
	m, err := incident.ParseMatcher("host=~web.*")
	if err != nil {
		t.Fatal(err)
	}
	one := incident.Silence{Version: 1, ID: "S1", Matchers: incident.Matchers{m}, From: at, Until: at.Add(time.Hour), Reason: "kernel update", By: "alice", Created: at}
	s := open(t, dir)
	if err := s.Commit(t.Context(), record.Batch{Change: incident.Change{Silences: []incident.Silence{one}}}); err != nil {
		t.Fatal(err)
	}
	s.Close()
	s = open(t, dir)
	got, err := s.Load(t.Context())
	if err != nil || len(got.Silences) != 1 {
		t.Fatalf("found %+v, %v", got.Silences, err)
	}
	if found := got.Silences[0]; found.Matchers.String() != one.Matchers.String() || !found.Matchers.Match(incident.Alert{Labels: map[string]string{"host": "web1"}}) {
		t.Errorf("found %+v", found)
	}
	got.Silences[0].Matchers = one.Matchers
	if !reflect.DeepEqual(got.Silences[0], one) {
		t.Errorf("found %+v, want %+v", got.Silences[0], one)
	}
	if err := s.Commit(t.Context(), record.Batch{Change: incident.Change{Unsilenced: []string{"S1"}}}); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Load(t.Context()); err != nil || len(got.Silences) != 0 {
		t.Errorf("found %+v, %v", got.Silences, err)
	}
}
