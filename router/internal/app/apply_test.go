package app

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"nezuban/agent/daemon"
	"nezuban/agent/influx"
	"nezuban/oncall/escalation"
	"nezuban/oncall/schedule"
	"nezuban/router/internal/duty"
	"nezuban/router/internal/incident"
	"nezuban/router/internal/state"
	"nezuban/router/internal/state/record"
	"nezuban/router/internal/web"
)

// fed is a router's part that waits for files to be applied, started on what the shelf holds.
func fed(t *testing.T, shelf *shelf, store duty.Committer) *rotations {
	t.Helper()
	r := &rotations{
		source: sourceApply, contactsPath: filepath.Join(t.TempDir(), "contacts.toml"), engine: newEngine(t, store, time.Now), store: shelf,
		log: discard, trouble: daemon.NewCondition(discard, "contacts"), health: &daemon.Health{}, unreachable: Config{}.unreachable, silent: Config{Contacts: "contacts.toml"}.silent,
	}
	r.plight = contactsPlight(r.engine, discard)
	write(t, r.contactsPath, "")
	if err := r.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return r
}

// apply applies a file that must be accepted.
func (r *rotations) apply(t *testing.T, text string) web.Applied {
	t.Helper()
	applied, err := r.Apply(t.Context(), "oncall.toml", "ci", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return applied
}

// notReady is what /readyz says is missing; "" when the router is ready.
func notReady(t *testing.T, h *daemon.Health) string {
	t.Helper()
	answer := httptest.NewRecorder()
	(&daemon.Daemon{Health: h}).Handler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/readyz", nil))
	if answer.Code == http.StatusOK {
		return ""
	}
	return answer.Body.String()
}

func withPeople(name string) string { return strings.ReplaceAll(rotationText, "alice", name) }

func TestAnAppliedFileComesInForceAndStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shelf := &shelf{}
		r := fed(t, shelf, &disk{})
		first := r.apply(t, rotationText)
		if first.Already || first.By != "ci" || first.Hash != state.HashRotation([]byte(rotationText)) || !first.Since.Equal(time.Now()) {
			t.Errorf("found %+v", first)
		}
		time.Sleep(time.Hour)
		again := r.apply(t, rotationText)
		if !again.Already || !again.Since.Equal(first.Since) || len(shelf.versions) != 1 {
			t.Errorf("the same bytes: found %+v and %d records, want the version in force and one", again, len(shelf.versions))
		}
		r.apply(t, withPeople("bob"))
		if who := r.engine.File().OnCall(time.Now()); who[0].People[0] != "bob" {
			t.Errorf("found %v", who)
		}
		r = fed(t, shelf, &disk{})
		if who := r.engine.File().OnCall(time.Now()); who[0].People[0] != "bob" || notReady(t, r.health) != "" {
			t.Errorf("after a restart: found %v, not ready: %s", who, notReady(t, r.health))
		}
	})
}

func TestAnAppliedFileThatReachesNobodyIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shelf := &shelf{}
		r := fed(t, shelf, &disk{})
		r.silent, r.unreachable = provider.silent, provider.unreachable
		r.apply(t, rotationText)
		silent := strings.ReplaceAll(withPeople("bob"), "terminal", "sms")
		_, err := r.Apply(t.Context(), "new.toml", "ci", []byte(silent))
		refused, ok := errors.AsType[*web.RefusedError](err)
		if !ok || len(refused.Problems) != 2 || !strings.HasPrefix(refused.Problems[0], "new.toml:1: people: found nobody whom a page reaches") || shelf.last() != rotationText {
			t.Errorf("found %v", err)
		}
		write(t, r.contactsPath, "[bob]\nsms = \"+4915112345678\"\n")
		r.look(t.Context())
		r.apply(t, silent)
	})
}

func TestWithoutAVersionNothingIsTakenIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := fed(t, &shelf{}, &disk{})
		e := r.engine
		if why := notReady(t, r.health); !strings.Contains(why, "rotation: no rotation file was ever applied: run nezuban-oncall apply") {
			t.Errorf("/readyz says %q", why)
		}
		if err := e.Ingest(t.Context(), []influx.Point{death(time.Now())}); !errors.Is(err, duty.ErrNoRotation) {
			t.Errorf("a sample: found %v", err)
		}
		if err := e.Report(t.Context(), []incident.Alert{{Key: "k", Firing: true}}); !errors.Is(err, duty.ErrNoRotation) {
			t.Errorf("an alert: found %v", err)
		}
		if err := e.Forget(t.Context(), "web1"); !errors.Is(err, duty.ErrNoRotation) {
			t.Errorf("forget: found %v", err)
		}
		if err := e.Tick(t.Context()); err != nil {
			t.Errorf("tick: found %v", err)
		}
		if ids, err := e.Over(t.Context()); len(ids) != 0 || err != nil {
			t.Errorf("over: found %v, %v", ids, err)
		}
		_, err := r.Apply(t.Context(), "oncall.toml", "ci", []byte("[people\n"))
		if _, ok := errors.AsType[*web.RefusedError](err); !ok || notReady(t, r.health) == "" {
			t.Errorf("a bad file: found %v", err)
		}
		r.look(t.Context())
		r.apply(t, rotationText)
		if why := notReady(t, r.health); why != "" {
			t.Errorf("/readyz still says %q", why)
		}
		if err := e.Ingest(t.Context(), []influx.Point{death(time.Now())}); err != nil || len(e.Incidents()) != 1 {
			t.Errorf("found %d incidents, %v", len(e.Incidents()), err)
		}
	})
}

func TestARefusedApplyLeavesTheLastGoodOneAndTells(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shelf, disk := &shelf{}, &disk{}
		r := fed(t, shelf, disk)
		r.apply(t, rotationText)
		time.Sleep(time.Second)
		_, err := r.Apply(t.Context(), "ops/oncall.toml", "ci", []byte("zone = \"Mars\"\nfoo = 1\n"+rotationText[len("zone = \"UTC\"\n"):]))
		refused, ok := errors.AsType[*web.RefusedError](err)
		if !ok || len(refused.Problems) != 2 || !strings.HasPrefix(refused.Problems[0], "ops/oncall.toml:1: zone: found \"Mars\"") || !strings.HasPrefix(refused.Problems[1], "ops/oncall.toml:2: foo") {
			t.Fatalf("found %v, want both mistakes with file and line", err)
		}
		if len(shelf.versions) != 1 || r.engine.File().Zone().String() != "UTC" {
			t.Error("the refused file is in force")
		}
		open := r.engine.Incidents()
		if len(open) != 1 || open[0].Lead().Rule != rotationRefused || open[0].Severity != incident.SeverityTicket || !strings.Contains(open[0].Lead().Summary, "ops/oncall.toml:1: zone") {
			t.Fatalf("found %+v, want a ticket that names the mistake", open)
		}
		time.Sleep(time.Second)
		r.look(t.Context()) // time, and a restart, say nothing of what was refused
		r.announce(t.Context())
		if inc := r.incident(t, open[0].ID); inc.State == incident.Resolved {
			t.Error("resolved though no good file was applied")
		}
		time.Sleep(time.Second)
		r.apply(t, rotationText) // the one in force is what is wanted after all
		if inc := r.incident(t, open[0].ID); inc.State != incident.Resolved {
			t.Errorf("the incident is %s after a good file was applied", inc.State)
		}
	})
}

// A refusal under another path, such as that of the file before oncall_source was changed, is over too.
func TestAGoodFileEndsEveryRefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := fed(t, &shelf{}, &disk{})
		r.apply(t, rotationText)
		r.path = "/etc/nezuban/oncall.toml"
		r.tell(t.Context(), refused(r.path, "it is gone"))
		r.path = ""
		time.Sleep(time.Second)
		r.apply(t, rotationText)
		for _, inc := range r.engine.Incidents() {
			if inc.State != incident.Resolved {
				t.Errorf("still %s: %+v", inc.State, inc.Lead())
			}
		}
	})
}

func TestARefusalThatCannotBeToldIsToldLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := &disk{}
		r := fed(t, &shelf{}, disk)
		r.apply(t, rotationText)
		disk.set(record.ErrTooLarge) // not owed by the engine
		if _, err := r.Apply(t.Context(), "oncall.toml", "ci", []byte("[people\n")); err == nil {
			t.Fatal("accepted")
		}
		disk.set(nil)
		r.look(t.Context())
		if open := r.engine.Incidents(); len(open) != 1 || open[0].Lead().Rule != rotationRefused {
			t.Errorf("found %+v, want the refusal told", open)
		}
	})
}

func TestAFileWithVeryManyMistakesIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := fed(t, &shelf{}, &disk{})
		r.apply(t, rotationText)
		var bad strings.Builder
		for i := range 5000 {
			fmt.Fprintf(&bad, "key%d = 1\n", i)
		}
		_, err := r.Apply(t.Context(), "oncall.toml", "ci", []byte(bad.String()))
		refused, ok := errors.AsType[*web.RefusedError](err)
		if !ok || len(refused.Problems) < 5000 {
			t.Fatalf("found %.200v", err)
		}
		if open := r.engine.Incidents(); len(open) != 1 || len(open[0].Lead().Summary) > 2*maxRefusal {
			t.Errorf("found %d incidents, the first with %d bytes", len(open), len(open[0].Lead().Summary))
		}
	})
}

func TestWhatCannotBeStoredIsNotInForce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shelf := &shelf{}
		r := fed(t, shelf, &disk{})
		r.apply(t, rotationText)
		shelf.err = errFull
		if _, err := r.Apply(t.Context(), "oncall.toml", "ci", []byte(withPeople("bob"))); !errors.Is(err, errFull) {
			t.Fatalf("found %v, want the store's error", err)
		}
		if who := r.engine.File().OnCall(time.Now()); who[0].People[0] != "alice" || len(r.engine.Incidents()) != 0 {
			t.Errorf("found %v on call and %d incidents, want the old file, and nobody told that a good one is refused", who, len(r.engine.Incidents()))
		}
		shelf.err = nil
		r.look(t.Context())
		if got := shelf.last(); got != rotationText {
			t.Error("what was answered with an error came in force by itself")
		}
		r.apply(t, withPeople("bob"))
	})
}

// A version whose answer was lost would be in force after the next start. It must not be found out then.
func TestAVersionThatMayBeStoredIsSettled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shelf := &shelf{}
		r := fed(t, shelf, &disk{})
		r.apply(t, rotationText)
		shelf.err, shelf.lossy = errNoAnswer, true
		if _, err := r.Apply(t.Context(), "oncall.toml", "ci", []byte(withPeople("bob"))); !errors.Is(err, errNoAnswer) {
			t.Fatalf("found %v, want the store's error", err)
		}
		if _, err := r.Apply(t.Context(), "oncall.toml", "ci", []byte(withPeople("carol"))); !errors.Is(err, errNoAnswer) {
			t.Fatalf("before it is settled: found %v", err)
		}
		r.look(t.Context())
		shelf.err = nil
		r.look(t.Context())
		if who := r.engine.File().OnCall(time.Now()); who[0].People[0] != "bob" || len(shelf.versions) != 2 {
			t.Errorf("found %v and %d versions, want what is stored in force", who, len(shelf.versions))
		}
		if again := r.apply(t, withPeople("bob")); !again.Already {
			t.Errorf("applied again: found %+v", again)
		}
	})
}

func TestWithItsFileOnDiskARouterTakesNoOther(t *testing.T) {
	r := watched(t, &shelf{})
	if _, err := r.Apply(t.Context(), "oncall.toml", "ci", []byte(withPeople("bob"))); !errors.Is(err, web.ErrLocalFile) {
		t.Errorf("found %v", err)
	}
}

func TestAStartOnTheSameFileMakesNoNewVersion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shelf := &shelf{}
		r := watched(t, shelf)
		time.Sleep(time.Hour)
		if err := r.start(t.Context()); err != nil || len(shelf.versions) != 1 {
			t.Fatalf("found %d versions, %v", len(shelf.versions), err)
		}
		write(t, r.path, changedText)
		r.look(t.Context())
		if len(shelf.versions) != 2 || shelf.versions[1].Seq != 1 || shelf.versions[1].By != "" {
			t.Errorf("found %+v, want a second version from the router's own disk", shelf.versions)
		}
	})
}

// A release may refuse what the one before has accepted.
func TestAStoredFileThatDoesNotLoadAnyMore(t *testing.T) {
	stored := func() *shelf {
		s := &shelf{}
		text := []byte("[people\n")
		_ = s.AddRotation(t.Context(), state.Rotation{Name: "old.toml", Hash: state.HashRotation(text), Since: time.Now().Add(-time.Hour)}, text)
		return s
	}
	shelf := stored()
	r := fed(t, shelf, &disk{})
	if why := notReady(t, r.health); !strings.Contains(why, "accepted last does not load") || !strings.Contains(why, "old.toml:1") {
		t.Errorf("/readyz says %q", why)
	}
	if err := r.engine.Ingest(t.Context(), []influx.Point{death(time.Now())}); !errors.Is(err, duty.ErrNoRotation) {
		t.Errorf("a sample: found %v", err)
	}
	if _, _, err := r.FileAt(t.Context(), time.Now()); err == nil || errors.Is(err, web.ErrNoVersion) {
		t.Errorf("who is on call by it: found %v", err)
	}
	if r.apply(t, rotationText); notReady(t, r.health) != "" || shelf.versions[1].Seq != 1 {
		t.Errorf("a good one: still not ready, or %+v", shelf.versions)
	}
	if r := watched(t, stored()); r.engine.File() == nil || len(r.Versions()) != 2 {
		t.Error("a good file on disk is not in force")
	}
}

func TestWhatWasInForceAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := fed(t, &shelf{}, &disk{})
		if _, _, err := r.FileAt(t.Context(), time.Now()); !errors.Is(err, web.ErrNoVersion) {
			t.Errorf("no version: found %v", err)
		}
		begin := time.Now()
		texts := []string{rotationText, withPeople("bob"), withPeople("carol")}
		for _, text := range texts {
			r.apply(t, text)
			time.Sleep(time.Hour)
		}
		tests := []struct {
			name string
			at   time.Duration
			want int // -1: none
		}{
			{"before the first", -time.Nanosecond, -1},
			{"when the first came", 0, 0},
			{"just before the second", time.Hour - time.Nanosecond, 0},
			{"when the second came", time.Hour, 1},
			{"in the third", 2*time.Hour + time.Minute, 2},
			{"in the future", 24 * 365 * time.Hour, 2},
		}
		for _, tt := range tests {
			v, text, err := r.TextAt(t.Context(), begin.Add(tt.at))
			byFile, f, fileErr := r.FileAt(t.Context(), begin.Add(tt.at))
			if tt.want < 0 {
				if !errors.Is(err, web.ErrNoVersion) || !errors.Is(fileErr, web.ErrNoVersion) || !strings.Contains(err.Error(), begin.UTC().Format(time.RFC3339)) {
					t.Errorf("%s: found %v, %v", tt.name, err, fileErr)
				}
				continue
			}
			want, parseErr := schedule.Parse("oncall.toml", []byte(texts[tt.want]))
			if parseErr != nil {
				t.Fatal(parseErr)
			}
			if err != nil || fileErr != nil || string(text) != texts[tt.want] || v != byFile || f.People()[0].Name != want.People()[0].Name {
				t.Errorf("%s: found %v %q, %v, %v", tt.name, v, text, err, fileErr)
			}
		}
	})
}

func TestAClockThatIsPutBackLeavesTheVersionsInOrder(t *testing.T) {
	r := fed(t, &shelf{}, &disk{})
	now := time.Now()
	r.engine = newEngine(t, &disk{}, func() time.Time { return now })
	first := r.apply(t, rotationText)
	now = now.Add(-time.Hour)
	later := r.apply(t, withPeople("bob"))
	if later.Since.Before(first.Since) {
		t.Errorf("the second is in force since %s, before the first, %s", later.Since, first.Since)
	}
	if v, _, err := r.TextAt(t.Context(), now.Add(2*time.Hour)); err != nil || v != later.Version {
		t.Errorf("found %+v, %v, want the one applied last", v, err)
	}
}

func TestManyApplyAtOnce(t *testing.T) {
	shelf := &shelf{}
	r := fed(t, shelf, &disk{})
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			r.apply(t, withPeople(fmt.Sprint("person", i%10)))
			_, _, _ = r.FileAt(t.Context(), time.Now())
		})
	}
	all.Wait()
	for i, v := range shelf.versions {
		if v.Seq != i || i > 0 && v.Hash == shelf.versions[i-1].Hash {
			t.Fatalf("found %+v", shelf.versions)
		}
	}
	h := r.known.Load()
	if v, _ := h.current(); v.Hash != shelf.versions[len(shelf.versions)-1].Hash || r.engine.File() != h.file {
		t.Error("what is in force is not what was stored last")
	}
}

func TestSomebodyWhoCannotBeReachedIsAWarning(t *testing.T) {
	r := fed(t, &shelf{}, &disk{})
	applied := r.apply(t, strings.ReplaceAll(rotationText, `alice = { page = ["terminal"] }`, "alice = { page = [\"sms\"] }\nbob = { page = [\"terminal\"] }"))
	if len(applied.Warnings) != 2 || !strings.HasPrefix(applied.Warnings[0], "oncall.toml:3: people.alice") {
		t.Errorf("found %q, want neither an address nor a provider", applied.Warnings)
	}
}

// A channel without a provider is named once for each key that has it.
func TestAChannelWithoutAProviderIsNamedByItsKeys(t *testing.T) {
	f, err := schedule.Parse("oncall.toml", []byte(strings.ReplaceAll(rotationText, `["terminal"]`, `["sms", "terminal", "10m sms"], ticket = ["sms", "email"]`)))
	if err != nil {
		t.Fatal(err)
	}
	contacts := filepath.Join(t.TempDir(), "contacts.toml")
	write(t, contacts, "[alice]\nsms = \"+4915112345678\"\nemail = \"alice@example.org\"\n")
	known, err := escalation.LoadContacts(contacts)
	if err != nil {
		t.Fatal(err)
	}
	const expected = ", expected a channel through which this router can send: terminal"
	want := []string{
		`oncall.toml:3: people.alice.page: found channel "sms"` + expected,
		`oncall.toml:3: people.alice.ticket: found channel "sms"` + expected,
		`oncall.toml:3: people.alice.ticket: found channel "email"` + expected,
	}
	if got := problems(Config{}.unreachable(known, f).Err()); !slices.Equal(got, want) {
		t.Errorf("found\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// An incident keeps the policy that it was opened with, and its timeline says by which version that was; people are looked
// up in the file that is in force when a step starts.
func TestARunningIncidentKeepsItsPolicy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := &disk{}
		r := fed(t, &shelf{}, disk)
		two := strings.Replace(rotationText, `steps = [{ page = "primary", wait = "5m" }]`, `steps = [{ page = "alice", wait = "5m" }, { page = "primary", wait = "5m" }]`, 1)
		first := r.apply(t, two)
		if err := r.engine.Ingest(t.Context(), []influx.Point{death(time.Now())}); err != nil {
			t.Fatal(err)
		}
		opened := disk.batches[len(disk.batches)-1].Change.Entries
		if want := "version " + first.Hash[:12] + " of the rotation file is in force"; len(opened) < 2 || opened[1].Text != want {
			t.Errorf("found %v, want the second entry to be %q", opened, want)
		}
		// The new file has a policy of one long step; bob is on call by it.
		next := strings.Replace(rotationText, `wait = "5m"`, `wait = "100h"`, 1)
		next = strings.Replace(next, `who = ["alice"]`, `who = ["bob"]`, 1)
		next = strings.Replace(next, "[people]\n", "[people]\nbob = { page = [\"terminal\"] }\n", 1)
		r.apply(t, next)
		time.Sleep(5 * time.Minute)
		if err := r.engine.Tick(t.Context()); err != nil {
			t.Fatal(err)
		}
		if row := disk.row(); row.Step != 1 || row.People[0] != "bob" {
			t.Errorf("found %+v, want the second step of the old policy, and who is on call by the new file", row)
		}
	})
}
