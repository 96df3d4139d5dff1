package app

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"nezuban/agent/daemon"
	"nezuban/oncall/schedule"
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

// watched is a rotation file on disk that is in force, and what looks at it.
func watched(t *testing.T, shelf *shelf) *rotations { return watchedOn(t, shelf, &disk{}) }

// watchedOn is the same with a store of incidents.
func watchedOn(t *testing.T, shelf *shelf, disk *disk) *rotations {
	t.Helper()
	dir := t.TempDir()
	r := &rotations{
		source: sourceFile, path: filepath.Join(dir, "oncall.toml"), contactsPath: filepath.Join(dir, "contacts.toml"),
		engine: newEngine(t, disk, time.Now), store: shelf, log: discard, trouble: daemon.NewCondition(discard, "contacts"),
		health: &daemon.Health{}, unreachable: Config{}.unreachable,
	}
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
	text := []byte(rotationText + strings.Repeat("#", schedule.MaxBytes-len(rotationText)))
	if err := store.AddRotation(t.Context(), state.Rotation{Name: "oncall.toml", Hash: state.HashRotation(text)}, text); err != nil {
		t.Error(err)
	}
}
