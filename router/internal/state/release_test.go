package state_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"nezuban/agent/influx"
	"nezuban/agent/tomlfile"
	"nezuban/oncall/escalation"
	"nezuban/oncall/schedule"
	"nezuban/router/internal/duty"
	"nezuban/router/internal/incident"
	"nezuban/router/internal/page"
	"nezuban/router/internal/rule"
	"nezuban/router/internal/state"
	"nezuban/router/internal/state/record"
)

// recorded is the state of an earlier release, by key.
func recorded(t *testing.T, file string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	records := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		var one struct {
			Key, Text string
			Value     json.RawMessage
		}
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			t.Fatal(err)
		}
		if one.Value != nil {
			one.Text = string(one.Value)
		}
		records[one.Key] = one.Text
	}
	return records
}

// watch is today's router, but for its listener, on a state.
type watch struct {
	*duty.Engine
	store *state.Store
	now   atomic.Pointer[time.Time]
	sent  chan string // "trigger webhook bob repeat: to be handed on …"
}

// takeOver starts it at a time, with the rules that the state was recorded with.
func takeOver(t *testing.T, dir string, at time.Time) *watch {
	t.Helper()
	w := &watch{sent: make(chan string, 100)}
	w.now.Store(&at)
	var err error
	if w.store, err = state.Open(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.store.Close)
	stored, err := w.store.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	below, after := 100.0, tomlfile.Duration(2*time.Minute)
	rules, problems := rule.Compile(rule.Config{Rules: []rule.RuleConfig{
		{ID: "container-died", Kind: "container_died"},
		{ID: "disk-free", Kind: "threshold", Measurement: "disk", Field: "free", Below: &below, By: []string{"host"}, Severity: "ticket"},
		{ID: "agent-gone", Kind: "absence", Measurement: "nezuban_agent", After: &after},
	}}, nil, nil)
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	w.Engine = duty.New(duty.Options{Store: w.store, Now: w.time, NewID: duty.NewID, Log: slog.New(slog.DiscardHandler), Rules: rules}, stored)
	versions, err := w.store.Rotations(t.Context())
	if err != nil || len(versions) != 1 {
		t.Fatalf("found %v, %v, want the version in force", versions, err)
	}
	text, err := w.store.RotationText(t.Context(), versions[0].Hash)
	if err != nil {
		t.Fatal(err)
	}
	file, err := schedule.Parse(versions[0].Name, text)
	if err != nil {
		t.Fatal(err)
	}
	w.SetRotation(file, versions[0].Short())
	if err := w.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.deliver(t)
	return w
}

func (w *watch) time() time.Time { return *w.now.Load() }

// deliver sends what is due, until the test ends.
func (w *watch) deliver(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	d := &duty.Deliverer{
		Engine: w.Engine, Log: slog.New(slog.DiscardHandler), Link: func(id string) string { return id },
		Contacts: func() *escalation.Contacts { return &escalation.Contacts{} },
		Guard:    func(f func() error) func() error { return f },
		Pagers:   map[string]page.Pager{"terminal": pager{w, "terminal"}, "webhook": pager{w, "webhook"}},
	}
	ended := make(chan struct{})
	go func() { defer close(ended); d.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-ended })
}

type pager struct {
	w       *watch
	channel string
}

func (p pager) Page(_ context.Context, m page.Message) (string, error) {
	said := string(m.Kind) + " " + p.channel + " " + m.People[0].Person
	if m.Repeat {
		said += " repeat"
	}
	p.w.sent <- said + ": " + m.Title
	return "", nil
}

// expect is what must be sent next, in any order.
func (w *watch) expect(t *testing.T, wanted ...string) {
	t.Helper()
	var found []string
	for range wanted {
		select {
		case said := <-w.sent:
			found = append(found, said)
		case <-time.After(30 * time.Second):
		}
	}
	slices.Sort(found)
	slices.Sort(wanted)
	if len(found) != len(wanted) {
		t.Fatalf("sent was\n%s\nexpected\n%s", strings.Join(found, "\n"), strings.Join(wanted, "\n"))
	}
	for i := range wanted {
		if !strings.HasPrefix(found[i], wanted[i]) {
			t.Fatalf("sent was\n%s\nexpected\n%s", strings.Join(found, "\n"), strings.Join(wanted, "\n"))
		}
	}
}

// states are the open incidents by what they say.
func (w *watch) states() map[string]incident.Incident {
	all := map[string]incident.Incident{}
	for _, inc := range w.Incidents() {
		all[inc.Lead().Summary] = inc
	}
	return all
}

// TestTheStateOfTheReleaseBeforeGoesOn starts today's router on the state of a router of the release before that was killed
// while it was sending, and lets each thing that was open come to its end.
func TestTheStateOfTheReleaseBeforeGoesOn(t *testing.T) {
	dir := t.TempDir()
	state.Plant(t, dir, recorded(t, "testdata/release-f0d35da.jsonl"))
	killed := time.Date(2026, 11, 28, 8, 43, 54, 0, time.UTC)
	w := takeOver(t, dir, killed.Add(10*time.Second))

	before := w.states()
	const shop, cart = "container shop died with exit 137 on web1", "container cart died with exit 1 on web1"
	const disk, snoozed = "disk free of web1 is 5, below 100", "to be snoozed (opened by alice)"
	if len(before) != 6 || before[cart].AcknowledgedBy != "alice" || before[snoozed].State != incident.Snoozed || before[disk].Severity != incident.SeverityTicket {
		t.Fatalf("found %+v", before)
	}
	lines, err := w.store.Timeline(t.Context(), before[cart].ID)
	if err != nil || len(lines) != 8 || lines[7].Text != "bob: a remark" {
		t.Errorf("found %+v, %v, want the whole timeline", lines, err)
	}
	// What was on its way goes again and says so; what was waiting goes once, when its time has come.
	w.expect(t, "trigger webhook bob repeat: to be handed on")
	due := killed.Add(2 * time.Minute)
	w.now.Store(&due)
	if err := w.Note(t.Context(), before[shop].ID, "alice", "still here"); err != nil { // wakes the deliverer
		t.Fatal(err)
	}
	w.expect(t, "trigger webhook alice: "+shop, "trigger webhook alice: opened by hand")

	ingest := func(measurement string, tags []influx.Tag, fields ...influx.Field) {
		t.Helper()
		if err := w.Ingest(t.Context(), []influx.Point{{Measurement: measurement, Time: w.time(), Tags: tags, Fields: fields}}); err != nil {
			t.Fatal(err)
		}
	}
	host := influx.Tag{Key: "host", Value: "web1"}
	ingest("container_event", []influx.Tag{host, {Key: "container_name", Value: "shop"}, {Key: "action", Value: "start"}}, influx.String("container_id", "c1"))
	w.expect(t, "resolve terminal alice", "resolve webhook alice")
	if err := w.Resolve(t.Context(), before[cart].ID, "alice", ""); err != nil {
		t.Fatal(err)
	}
	w.expect(t, "resolve terminal alice")

	later := killed.Add(3 * time.Minute)
	w.now.Store(&later)
	if again, err := w.Page(t.Context(), "k1", "alice", "opened by hand", incident.SeverityPage, map[string]string{"team": "turns"}); err != nil || again != before["opened by hand (opened by alice)"].ID {
		t.Errorf("the same key opened %s, %v", again, err)
	}
	if next, err := w.Page(t.Context(), "k9", "alice", "the next turn", incident.SeverityPage, map[string]string{"team": "turns"}); err != nil || next == "" {
		t.Error(err)
	}
	w.expect(t, "trigger webhook bob: the next turn") // alice had the last one
	woken := killed.Add(3 * time.Hour)
	w.now.Store(&woken)
	if err := w.Tick(t.Context()); err != nil {
		t.Fatal(err)
	}
	ingest("disk", []influx.Tag{host}, influx.Float("free", 5000))
	if inc := w.states()[disk]; inc.State != incident.Resolved {
		t.Errorf("the disk has room again, and its incident is %s", inc.State)
	}
	if inc := w.states()[snoozed]; inc.State != incident.Triggered {
		t.Errorf("what was snoozed is %s after its time", inc.State)
	}
}

// TestAStormOfTheReleaseBeforeComesToItsEnd goes on from a state in which a page spoke for five other incidents.
func TestAStormOfTheReleaseBeforeComesToItsEnd(t *testing.T) {
	dir := t.TempDir()
	state.Plant(t, dir, recorded(t, "testdata/release-571c14f.jsonl"))
	store, err := state.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	stored, err := store.Load(t.Context())
	if err != nil || len(stored.Silences) != 1 || len(stored.Records) == 0 {
		t.Fatalf("found %+v, %v", stored, err)
	}
	book := incident.NewBook(stored.Incidents, stored.Rows, stored.Picks)
	env := incident.Env{Now: time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)}
	book.Accept(book.Recover(env))
	ends := func(ids ...string) (others []int) {
		var all incident.Change
		for _, id := range ids {
			c, err := book.Resolve(env, id, "alice", "")
			if err != nil {
				t.Fatal(err)
			}
			book.Accept(c)
			all.Rows = append(all.Rows, c.Rows...)
		}
		tick := book.Tick(env)
		book.Accept(tick)
		for _, row := range append(all.Rows, tick.Rows...) {
			if row.Kind == incident.MessageResolve && row.Others > 0 {
				others = append(others, row.Others)
			}
		}
		return others
	}
	var named []string // but for the one that was over already
	for _, row := range stored.Rows {
		if inc, ok := book.Incident(row.Incident); row.Status == incident.RowMerged && ok && inc.State != incident.Resolved {
			named = append(named, row.Incident)
		}
	}
	if len(named) != 4 {
		t.Fatalf("found %q, want four", named)
	}
	if told := ends("06H23VP4DZ1W3JH1", named[0], named[1], named[2]); told != nil {
		t.Errorf("told too early: %v", told)
	}
	if told := ends(named[3]); !slices.Equal(told, []int{5}) {
		t.Errorf("when all was over found %v, want one message about five others", told)
	}
}

// TestNoFieldOfTheReleaseBeforeIsLost reads each recorded incident, message and line and writes it again: whatever the
// release before wrote must come out as it went in.
func TestNoFieldOfTheReleaseBeforeIsLost(t *testing.T) {
	for _, file := range []string{"testdata/release-f0d35da.jsonl", "testdata/release-571c14f.jsonl"} {
		t.Run(file, func(t *testing.T) { nothingIsLost(t, recorded(t, file)) })
	}
}

func nothingIsLost(t *testing.T, records map[string]string) {
	seen := 0
	for key, text := range records {
		var into any
		switch strings.Split(key, "/")[3] {
		case "incident":
			into = &incident.Incident{}
		case "outbox":
			into = &incident.Row{}
		case "silence":
			into = &incident.Silence{}
		case "timeline":
			into = &incident.Entry{}
			if strings.HasPrefix(text, "[") {
				into = &record.Timeline{}
			}
		default:
			continue
		}
		seen++
		if err := json.Unmarshal([]byte(text), into); err != nil {
			t.Errorf("%s: %v", key, err)
			continue
		}
		again, err := json.Marshal(into)
		if err != nil {
			t.Fatal(err)
		}
		var before, after any
		if err := errors.Join(json.Unmarshal([]byte(text), &before), json.Unmarshal(again, &after)); err != nil {
			t.Fatal(err)
		}
		lost(t, key, before, after)
	}
	if seen < 40 {
		t.Errorf("found only %d records", seen)
	}
}

// lost compares what was written with what is written now; more fields may have come.
func lost(t *testing.T, at string, before, after any) {
	t.Helper()
	fields, ok := before.(map[string]any)
	if !ok {
		if !reflect.DeepEqual(before, after) {
			t.Errorf("%s: wrote %v, reads %v", at, before, after)
		}
		return
	}
	now, _ := after.(map[string]any)
	for name, value := range fields {
		lost(t, at+"."+name, value, now[name])
	}
}
