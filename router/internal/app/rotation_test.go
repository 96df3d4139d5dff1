package app

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"nezuban/agent/daemon"
	"nezuban/oncall/schedule"
	"nezuban/router/internal/duty"
	"nezuban/router/internal/incident"
	"nezuban/router/internal/page/twilio"
	"nezuban/router/internal/state"
	"nezuban/router/internal/state/record"
)

// shelf keeps versions of a rotation file in memory and can be told to refuse, or to keep one and lose the answer.
type shelf struct {
	versions []state.Rotation
	texts    map[string][]byte
	err      error
	lossy    bool
}

func (s *shelf) Rotations(context.Context) ([]state.Rotation, error) {
	return slices.Clone(s.versions), s.err
}

func (s *shelf) RotationText(_ context.Context, hash string) ([]byte, error) {
	return s.texts[hash], s.err
}

func (s *shelf) AddRotation(_ context.Context, r state.Rotation, text []byte) error {
	if s.err == nil || s.lossy {
		if s.texts == nil {
			s.texts = map[string][]byte{}
		}
		s.versions = append(s.versions, r)
		s.texts[r.Hash] = text
	}
	return s.err
}

// last is the text of the version in force after a restart.
func (s *shelf) last() string { return string(s.texts[s.versions[len(s.versions)-1].Hash]) }

// provider is a router that sends text messages.
var provider = Config{Contacts: "contacts.toml", sms: &twilio.Config{}}

// watched is a rotation file on disk that is in force, and what looks at it.
func watched(t *testing.T, shelf *shelf) *rotations { return watchedOn(t, shelf, &disk{}) }

// watchedOn is the same with a store of incidents.
func watchedOn(t *testing.T, shelf *shelf, store duty.Committer) *rotations {
	t.Helper()
	dir := t.TempDir()
	r := &rotations{
		source: sourceFile, path: filepath.Join(dir, "oncall.toml"), contactsPath: filepath.Join(dir, "contacts.toml"),
		engine: newEngine(t, store, time.Now), store: shelf, log: discard, trouble: daemon.NewCondition(discard, "contacts"),
		health: &daemon.Health{}, unreachable: Config{}.unreachable, silent: Config{Contacts: "contacts.toml"}.silent,
	}
	r.plight = contactsPlight(r.engine, discard)
	write(t, r.path, rotationText)
	write(t, r.contactsPath, "[alice]\nsms = \"+4915112345678\"\n")
	if err := r.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return r
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

const changedText = rotationText + "# changed\n"

func TestARotationFileThatDisappearsAndComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := watched(t, &shelf{})
		if err := os.Remove(r.path); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			time.Sleep(time.Second)
			r.look(t.Context())
		}
		open := r.engine.Incidents()
		if len(open) != 1 || open[0].Lead().Rule != rotationRefused || open[0].Entries > 3 {
			t.Fatalf("found %+v, want one incident, told once", open)
		}
		time.Sleep(time.Second)
		write(t, r.path, rotationText)
		r.look(t.Context())
		if inc := r.incident(t, open[0].ID); inc.State != "resolved" {
			t.Errorf("the incident is %s once the file is back, want it resolved", inc.State)
		}
	})
}

// What the start could not store about the file is stored later.
func TestARefusalAtTheStartIsToldWhenItCanBe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := &disk{}
		r := watchedOn(t, &shelf{}, disk)
		write(t, r.path, "[people\n")
		if err := r.start(t.Context()); err != nil {
			t.Fatal(err)
		}
		disk.set(record.ErrTooLarge) // not owed by the engine
		r.announce(t.Context())
		disk.set(nil)
		r.look(t.Context())
		if open := r.engine.Incidents(); len(open) != 1 || open[0].Lead().Rule != rotationRefused {
			t.Errorf("found %+v, want the refusal told", open)
		}
	})
}

// A file under which nobody at all would be reached is no file to be woken by; one that misses somebody is.
func TestARotationFileThatReachesNobodyIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shelf := &shelf{}
		r := watched(t, shelf)
		r.silent, r.unreachable = provider.silent, provider.unreachable
		silent := strings.ReplaceAll(withPeople("bob"), "terminal", "sms")
		write(t, r.path, silent)
		for range 3 {
			time.Sleep(time.Second)
			r.look(t.Context())
		}
		open := r.engine.Incidents()
		if len(open) != 1 || shelf.last() != rotationText || open[0].Entries > 3 {
			t.Fatalf("found %d incidents, %d versions, want one incident, told once, and the good file in force", len(open), len(shelf.versions))
		}
		if said := open[0].Lead().Summary; !strings.Contains(said, "oncall.toml:1: people: found nobody whom a page reaches, expected somebody with an address in contacts.toml") ||
			!strings.Contains(said, `people.bob: found channel "sms", expected an address for it under [bob]`) {
			t.Errorf("it says %q", said)
		}
		write(t, r.contactsPath, "[bob]\nsms = \"+4915112345678\"\n")
		time.Sleep(time.Second)
		r.look(t.Context())
		if inc := r.incident(t, open[0].ID); inc.State != "resolved" || shelf.last() != silent {
			t.Errorf("the incident is %s once the contacts name somebody, want it resolved and the file in force", inc.State)
		}
		missing := strings.Replace(silent, "[people]", "[people]\ncarol = { page = [\"sms\"] }", 1)
		write(t, r.path, missing)
		r.look(t.Context())
		if shelf.last() != missing {
			t.Error("a file is refused of which one of two people is reached")
		}
	})
}

// A start with nothing but such a file would take in what nobody hears of.
func TestNoRouterStartsWithARotationFileThatReachesNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, stored := range []bool{false, true} {
			shelf := &shelf{}
			r := watched(t, shelf)
			if !stored {
				shelf.versions = nil
			}
			r.silent = provider.silent
			write(t, r.path, strings.ReplaceAll(withPeople("bob"), "terminal", "sms"))
			err := r.start(t.Context())
			if (err == nil) != stored || (err != nil && !strings.Contains(err.Error(), "nobody whom a page reaches")) {
				t.Errorf("a good one is stored: %t: found %v", stored, err)
			}
		}
	})
}

// A store that cannot take the file for a moment says nothing against the file.
func TestAGoodRotationFileComesInForceOnceItCanBeStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shelf := &shelf{}
		r := watched(t, shelf)
		shelf.err = errors.New("no answer")
		write(t, r.path, changedText)
		r.look(t.Context())
		if open := r.engine.Incidents(); len(open) != 0 {
			t.Errorf("found %+v, want nobody told that a good file is refused", open)
		}
		shelf.err = nil
		r.look(t.Context())
		if got := shelf.last(); got != changedText {
			t.Error("the changed file is not in force after the store was back")
		}
	})
}

func TestContactsThatBreakAreATicketUntilTheyLoad(t *testing.T) {
	const good = "[alice]\nsms = \"+4915112345678\"\n"
	for _, tt := range []struct {
		name, says string
		spoil      func(t *testing.T, path string)
	}{
		{"no TOML", "contacts.toml:1: found a syntax error, ", func(t *testing.T, path string) { write(t, path, "[alice\n") }},
		{"a channel that nobody knows", `contacts.toml:2: alice.fax: found`, func(t *testing.T, path string) { write(t, path, "[alice]\nfax = \"+4915112345678\"\n") }},
		{"an address that is none", `contacts.toml:2: alice.sms: found something else`, func(t *testing.T, path string) { write(t, path, "[alice]\nsms = \"015187654321\"\n") }},
		{"others may read it", "mode 0644 lets other users at it", func(t *testing.T, path string) {
			if err := os.Chmod(path, 0o644); err != nil {
				t.Fatal(err)
			}
		}},
		{"it is gone", "no such file", func(t *testing.T, path string) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := watched(t, &shelf{})
				r.look(t.Context())
				tt.spoil(t, r.contactsPath)
				for range 3 {
					time.Sleep(time.Second)
					r.look(t.Context())
				}
				if address, _ := r.contacts.Load().Address("alice", "sms"); address != "+4915112345678" || !r.trouble.Failing() {
					t.Errorf("found address %q, logged %t; want the last good contacts, and it said", address, r.trouble.Failing())
				}
				open := r.engine.Incidents()
				if len(open) != 1 || open[0].Severity != incident.SeverityTicket || open[0].Entries > 3 {
					t.Fatalf("found %+v, want one ticket, told once", open)
				}
				if lead := open[0].Lead(); lead.Rule != "nezuban-contacts-refused" || !strings.Contains(lead.Summary, tt.says) || strings.Contains(lead.Summary, "015187654321") {
					t.Errorf("rule %s says %q, want %q and no address", lead.Rule, lead.Summary, tt.says)
				}
				time.Sleep(time.Second)
				_ = os.Remove(r.contactsPath)
				write(t, r.contactsPath, strings.Replace(good, "678", "679", 1))
				r.look(t.Context())
				if address, _ := r.contacts.Load().Address("alice", "sms"); address != "+4915112345679" || r.trouble.Failing() {
					t.Errorf("found address %q, still failing %t", address, r.trouble.Failing())
				}
				if inc := r.incident(t, open[0].ID); inc.State != incident.Resolved {
					t.Errorf("the incident is %s once the contacts load, want it resolved", inc.State)
				}
			})
		})
	}
}

// texted is the rotation file whose people get text messages alone.
func texted(names ...string) string {
	text := strings.ReplaceAll(withPeople(names[0]), "terminal", "sms")
	for _, name := range names[1:] {
		text = strings.Replace(text, "[people]", "[people]\n"+name+" = { page = [\"sms\"] }", 1)
	}
	return text
}

// byText is a router that sends text messages, by which alice is reached.
func byText(t *testing.T, shelf *shelf, text string) *rotations {
	t.Helper()
	r := watched(t, shelf)
	r.silent, r.unreachable = provider.silent, provider.unreachable
	write(t, r.path, text)
	r.look(t.Context())
	if shelf.last() != text {
		t.Fatal("the rotation file is not in force")
	}
	return r
}

// Contacts under which nobody at all would be reached are refused like broken ones.
func TestContactsByWhichNobodyIsReachedAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := byText(t, &shelf{}, texted("alice"))
		for _, text := range []string{"", "[carol]\nsms = \"+4915100000001\"\n", "[alice]\nemail = \"alice@example.org\"\n"} {
			write(t, r.contactsPath, text)
			for range 3 {
				time.Sleep(time.Second)
				r.look(t.Context())
			}
			if address, _ := r.contacts.Load().Address("alice", "sms"); address != "+4915112345678" || !r.trouble.Failing() {
				t.Errorf("found address %q, logged %t; want the last good contacts, and it said", address, r.trouble.Failing())
			}
		}
		open := r.engine.Incidents()
		if len(open) != 1 || open[0].Lead().Rule != contactsRefused || open[0].Entries > 3 {
			t.Fatalf("found %+v, want one ticket, told once", open)
		}
		for _, want := range []string{
			"contacts.toml: a page reaches nobody by them", `people.alice: found channel "sms", expected an address for it under [alice]`,
		} {
			if said := open[0].Lead().Summary; !strings.Contains(said, want) {
				t.Errorf("it says %q, want %q", said, want)
			}
		}
		write(t, r.contactsPath, "[alice]\nsms = \"+4915112345679\"\n")
		time.Sleep(time.Second)
		r.look(t.Context())
		if address, _ := r.contacts.Load().Address("alice", "sms"); address != "+4915112345679" || r.trouble.Failing() {
			t.Errorf("found address %q, still failing %t", address, r.trouble.Failing())
		}
		if inc := r.incident(t, open[0].ID); inc.State != incident.Resolved {
			t.Errorf("the incident is %s once somebody is reached, want it resolved", inc.State)
		}
	})
}

// Those whom a change of the contacts puts out of reach are named, once.
func TestWhoLosesTheirAddressIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shelf := &shelf{}
		r := byText(t, shelf, texted("alice", "bob", "carol"))
		var log strings.Builder
		r.log = slog.New(slog.NewTextHandler(&log, nil))
		for _, text := range []string{"[alice]\nsms = \"+4915112345678\"\n[bob]\nsms = \"+4915100000001\"\n", "[bob]\nsms = \"+4915100000001\"\n"} {
			write(t, r.contactsPath, text)
			for range 3 {
				r.look(t.Context())
			}
		}
		if n := strings.Count(log.String(), "cannot be reached"); n != 1 || !strings.Contains(log.String(), "people.alice: found channel") {
			t.Errorf("found %s, want alice named once: carol had no address before either", &log)
		}
		if address, _ := r.contacts.Load().Address("bob", "sms"); address != "+4915100000001" || len(r.engine.Incidents()) != 0 {
			t.Errorf("bob's address is %q, with %d incidents; want the contacts in force", address, len(r.engine.Incidents()))
		}
	})
}

// A rotation file and contacts that name others than before reach nobody with their predecessors; together they do.
func TestARotationFileAndItsContactsComeInForceTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shelf := &shelf{}
		r := byText(t, shelf, texted("alice"))
		write(t, r.contactsPath, "[bob]\nsms = \"+4915100000001\"\n")
		write(t, r.path, texted("bob"))
		r.look(t.Context())
		if address, _ := r.contacts.Load().Address("bob", "sms"); address != "+4915100000001" || shelf.last() != texted("bob") {
			t.Errorf("found address %q, new rotation file in force: %t", address, shelf.last() == texted("bob"))
		}
		if open := r.engine.Incidents(); len(open) != 0 {
			t.Errorf("found %+v, want nothing refused", open)
		}
	})
}

// Contacts that reach nobody do not let a router look well, be its rotation file on disk, stored or applied.
func TestNoRouterStartsWithContactsByWhichNobodyIsReached(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, source := range []string{sourceFile, sourceApply} {
			r := byText(t, &shelf{}, texted("alice"))
			r.source = source
			write(t, r.contactsPath, "")
			err := r.start(t.Context())
			if err == nil || !strings.Contains(err.Error(), "contacts.toml: a page reaches nobody by them: ") || !strings.Contains(err.Error(), "under [alice]") {
				t.Errorf("%s: found %v, want the contacts refused", source, err)
			}
			write(t, r.contactsPath, "[alice]\nsms = \"+4915112345678\"\n")
			if err := r.start(t.Context()); err != nil {
				t.Errorf("%s: with an address: %v", source, err)
			}
		}
	})
}

// roomless is a store that has no room for anything.
type roomless struct {
	disk

	err error
}

func (s *roomless) Prepare(*record.Batch) error { return s.err }

// What cannot be stored is told later, and what an earlier life of the router has told ends too.
func TestThatContactsLoadAgainIsToldWhenItCanBe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &roomless{err: record.ErrFull}
		r := watchedOn(t, &shelf{}, store)
		write(t, r.contactsPath, "[alice\n")
		r.look(t.Context())
		store.err = nil
		if open := r.engine.Incidents(); len(open) != 0 {
			t.Fatalf("found %+v, which could not be stored", open)
		}
		r.look(t.Context())
		open := r.engine.Incidents()
		if len(open) != 1 {
			t.Fatalf("found %+v, want the refusal told", open)
		}
		r.plight = contactsPlight(r.engine, discard) // as after a restart
		write(t, r.contactsPath, "")
		r.look(t.Context()) // at the same instant: that is no news of a condition
		time.Sleep(time.Second)
		r.look(t.Context())
		if inc := r.incident(t, open[0].ID); inc.State != incident.Resolved {
			t.Errorf("the incident is %s, want it resolved", inc.State)
		}
	})
}

// What is read must fit into the store.
func TestTheLargestRotationFileCanBeStored(t *testing.T) {
	store, err := state.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	text := []byte(rotationText + strings.Repeat("#", schedule.MaxBytes-len(rotationText)))
	if err := store.AddRotation(t.Context(), state.Rotation{Name: "oncall.toml", Hash: state.HashRotation(text)}, text); err != nil {
		t.Error(err)
	}
}
