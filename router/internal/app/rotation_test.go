package app

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"nezuban/agent/daemon"
	"nezuban/router/internal/state"
)

// shelf keeps a rotation file in memory and can be told to refuse.
type shelf struct {
	kept state.Rotation
	err  error
}

func (s *shelf) Rotation(context.Context) (state.Rotation, bool, error) {
	return s.kept, s.kept.Name != "", s.err
}

func (s *shelf) PutRotation(_ context.Context, r state.Rotation) error {
	if s.err == nil {
		s.kept = r
	}
	return s.err
}

// watched is a rotation file on disk that is in force, and what looks at it.
func watched(t *testing.T, shelf *shelf) *rotations {
	t.Helper()
	dir := t.TempDir()
	r := &rotations{
		path: filepath.Join(dir, "oncall.toml"), contactsPath: filepath.Join(dir, "contacts.toml"),
		engine: newEngine(t, &disk{}), store: shelf, log: discard, trouble: daemon.NewCondition(discard, "contacts"),
	}
	write(t, r.path, rotationText)
	write(t, r.contactsPath, "[alice]\nsms = \"+4915112345678\"\n")
	f, err := r.start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r.engine.setRotation(f)
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
		open := r.engine.incidents()
		if len(open) != 1 || open[0].Lead().Rule != rotationRefused || open[0].Entries > 3 {
			t.Fatalf("found %+v, want one incident, told once", open)
		}
		time.Sleep(time.Second)
		write(t, r.path, rotationText)
		r.look(t.Context())
		if inc, _ := r.engine.book.Incident(open[0].ID); inc.State != "resolved" {
			t.Errorf("the incident is %s once the file is back, want it resolved", inc.State)
		}
	})
}

// What the start could not store about the file is stored later.
func TestARefusalAtTheStartIsToldWhenItCanBe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := watched(t, &shelf{})
		write(t, r.path, "[people\n")
		if _, err := r.start(t.Context()); err != nil {
			t.Fatal(err)
		}
		disk := r.engine.store.(*disk)
		disk.set(state.ErrTooLarge) // not owed by the engine
		r.announce(t.Context())
		disk.set(nil)
		r.look(t.Context())
		if open := r.engine.incidents(); len(open) != 1 || open[0].Lead().Rule != rotationRefused {
			t.Errorf("found %+v, want the refusal told", open)
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
		if open := r.engine.incidents(); len(open) != 0 {
			t.Errorf("found %+v, want nobody told that a good file is refused", open)
		}
		shelf.err = nil
		r.look(t.Context())
		if got := string(shelf.kept.Text); got != changedText {
			t.Error("the changed file is not in force after the store was back")
		}
	})
}

func TestContactsThatBreakAreSaid(t *testing.T) {
	r := watched(t, &shelf{})
	write(t, r.contactsPath, "[alice\n")
	r.look(t.Context())
	if address, _ := r.contacts.Load().Address("alice", "sms"); address == "" || !r.trouble.Failing() {
		t.Errorf("found address %q, said %t; want the last good contacts, and it said", address, r.trouble.Failing())
	}
	write(t, r.contactsPath, "[alice]\nsms = \"+4915112345679\"\n")
	r.look(t.Context())
	if address, _ := r.contacts.Load().Address("alice", "sms"); address != "+4915112345679" || r.trouble.Failing() {
		t.Errorf("found address %q, still failing %t", address, r.trouble.Failing())
	}
}

// What is read must fit into the store.
func TestTheLargestRotationFileCanBeStored(t *testing.T) {
	store, err := state.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	text := []byte(rotationText + strings.Repeat("#", maxRotationBytes-len(rotationText)))
	if err := store.PutRotation(t.Context(), state.Rotation{Name: "oncall.toml", Text: text}); err != nil {
		t.Error(err)
	}
}
