package state

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"nezuban/oncall/escalation"
	"nezuban/router/internal/access"
	"nezuban/router/internal/incident"
	"nezuban/router/internal/rule"
	"nezuban/router/internal/state/record"
)

// backedUpState is a backup of a state with some of everything in it.
func backedUpState(t *testing.T) []byte {
	t.Helper()
	s := open(t, t.TempDir())
	change := sample("I1", 4, 3)
	for i, status := range []incident.RowStatus{incident.RowPending, incident.RowSending, incident.RowSent, incident.RowFailed} {
		change.Rows[i].Status, change.Rows[i].Attempt = status, i
	}
	change.Picks = escalation.Picks{"0/api": "alice"}
	if err := s.Commit(t.Context(), record.Batch{Change: change, Put: []rule.Record{{Key: "series/x", Value: []byte(`{"version":1}`)}, {Key: "odd", Value: []byte{0xff, 0}}}}); err != nil {
		t.Fatal(err)
	}
	r, text := version(0, "a")
	if err := s.AddRotation(t.Context(), r, text); err != nil {
		t.Fatal(err)
	}
	grant := access.Grant{Version: 1, Use: access.UseSession, Hash: access.HashOf("secret"), Person: "alice", Expires: time.Now().Add(time.Hour)}
	if err := s.Grants().PutGrant(t.Context(), grant); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Secret(t.Context(), "links"); err != nil {
		t.Fatal(err)
	}
	data, err := s.conn.Backup(t.Context(), at, "v1")
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestARestoreBringsEverythingBackButWhatWouldBeSentAgain(t *testing.T) {
	b, err := ReadBackup(bytes.NewReader(backedUpState(t)))
	if err != nil {
		t.Fatal(err)
	}
	var dump strings.Builder
	if err := b.WriteLines(&dump); err != nil || strings.Contains(dump.String(), access.HashOf("secret").String()) || strings.Contains(dump.String(), "access/") || strings.Contains(dump.String(), "secret/") || strings.Contains(dump.String(), `"leader"`) {
		t.Errorf("the dump holds secrets, or who led: %v\n%s", err, &dump)
	}
	conn, err := Connect(t.Context(), Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	report, err := conn.Restore(t.Context(), b, at.Add(time.Hour))
	if err != nil || report.Held != 2 || !report.Taken.Equal(at) {
		t.Fatalf("found %+v, %v, want two held messages", report, err)
	}
	if _, err := conn.Restore(t.Context(), b, at); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("restored twice: %v", err)
	}
	term, err := conn.Campaign(t.Context(), candidate("a", 0))
	if err != nil {
		t.Fatal(err)
	}
	stored, err := term.Store.Load(t.Context())
	if err != nil || len(stored.Incidents) != 1 || len(stored.Rows) != 4 || len(stored.Records) != 2 || stored.Picks["0/api"] != "alice" {
		t.Fatalf("found %+v, %v", stored, err)
	}
	if got := stored.Incidents[0].Rows - len(stored.Rows); got < 3600 || got > 4000 {
		t.Errorf("an hour after the backup the next message's number is %d further on, expected more than there can have been", got)
	}
	for i, want := range []incident.RowStatus{incident.RowCancelled, incident.RowCancelled, incident.RowSent, incident.RowFailed} {
		if row := stored.Rows[i]; row.Status != want || row.Held != (i < 2) {
			t.Errorf("row %d: found %s, held %t", i, row.Status, row.Held)
		}
	}
	if lines, err := term.Store.Timeline(t.Context(), "I1"); err != nil || len(lines) != 3 {
		t.Errorf("found %d lines, %v", len(lines), err)
	}
	if versions, err := term.Store.Rotations(t.Context()); err != nil || len(versions) != 1 {
		t.Errorf("found %v, %v", versions, err)
	}
	for _, r := range stored.Records {
		if r.Key == "odd" && !bytes.Equal(r.Value, []byte{0xff, 0}) {
			t.Errorf("found %x", r.Value)
		}
	}
	told, ok, err := term.Store.Restored(t.Context())
	if err != nil || !ok || told.Held != 2 {
		t.Errorf("found %+v, %t, %v", told, ok, err)
	}
	if err := term.Store.RestoreTold(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := term.Store.Restored(t.Context()); ok || err != nil {
		t.Errorf("it is told twice: %t, %v", ok, err)
	}
}

func TestARestoreThatWasCutOffIsNoState(t *testing.T) {
	s := open(t, t.TempDir())
	if _, err := s.client.Put(t.Context(), restoringKey, "{}"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Restored(t.Context()); err == nil || !strings.Contains(err.Error(), "cut off") {
		t.Errorf("found %v", err)
	}
}

// What was written while a backup was read is in it as a whole or not at all.
func TestABackupIsOfOneInstant(t *testing.T) {
	s := open(t, t.TempDir())
	var change incident.Change
	for i := range 3 * pageSize {
		c := sample(fmt.Sprintf("I%06d", i), 1, 0)
		change.Incidents, change.Rows = append(change.Incidents, c.Incidents...), append(change.Rows, c.Rows...)
	}
	if err := s.Commit(t.Context(), record.Batch{Change: change}); err != nil {
		t.Fatal(err)
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() { // moves one mark from the last incident to the first, in one transaction
		defer close(stopped)
		for n := 1; ; n++ {
			first, last := change.Incidents[0], change.Incidents[len(change.Incidents)-1]
			first.AcknowledgedBy, last.AcknowledgedBy = fmt.Sprint(n), fmt.Sprint(n)
			if err := s.Commit(t.Context(), record.Batch{Change: incident.Change{Incidents: []incident.Incident{first, last}}}); err != nil {
				t.Error(err)
				return
			}
			select {
			case <-stop:
				return
			default:
			}
		}
	}()
	for range 10 {
		data, err := s.conn.Backup(t.Context(), at, "v1")
		if err != nil {
			t.Fatal(err)
		}
		b, err := ReadBackup(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		marks := map[string]bool{}
		for _, r := range b.Records {
			if r.Key == "incident/I000000" || r.Key == fmt.Sprintf("incident/I%06d", 3*pageSize-1) {
				_, mark, _ := strings.Cut(string(r.Value), `"acknowledged_by":`)
				mark, _, _ = strings.Cut(mark, ",")
				marks[mark] = true
			}
		}
		if len(marks) != 1 {
			t.Fatalf("found marks %v, want one", marks)
		}
	}
	close(stop)
	<-stopped
}

func TestWhatIsNoWholeBackupIsRefused(t *testing.T) {
	good := backedUpState(t)
	plain := func(data []byte) string {
		r, err := gzip.NewReader(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	packed := func(text string) []byte {
		var out bytes.Buffer
		w := gzip.NewWriter(&out)
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	text := plain(good)
	flipped := bytes.Clone(good)
	flipped[len(flipped)/2] ^= 1
	lines := strings.SplitAfter(text, "\n")
	tests := []struct {
		name string
		data []byte
		want string
	}{
		{"empty", nil, "found no gzip file"},
		{"something else", []byte("PK\x03\x04"), "found no gzip file"},
		{"another gzip", packed("hello\n"), "found no header"},
		{"of a newer release", packed(strings.Replace(text, `"version":1,"taken"`, `"version":2,"taken"`, 1)), `found version 2, made by release "v1", expected 1`},
		{"cut in the file", good[:len(good)/2], "it is cut off"},
		{"cut at a line", packed(strings.Join(lines[:3], "")), "it ends after 2 records"},
		{"a bit flipped", flipped, ""},
		{"a record altered", packed(strings.Replace(text, "alice", "alicf", 1)), "it was altered"},
		{"a record left out", packed(lines[0] + strings.Join(lines[2:], "")), "it was altered"},
		{"two in one", packed(text + text), "found more behind its last line"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if b, err := ReadBackup(bytes.NewReader(tt.data)); err == nil || b != nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("found %v, want %q", err, tt.want)
			}
		})
	}
	if _, err := ReadBackup(bytes.NewReader(good)); err != nil {
		t.Errorf("the good one: %v", err)
	}
}
