package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"nezuban/agent/daemon"
	"nezuban/oncall/escalation"
	"nezuban/oncall/schedule"
	"nezuban/router/internal/incident"
	"nezuban/router/internal/state"
)

// maxRotationBytes bounds the rotation file: encoded, it has to fit into one record of the store.
const maxRotationBytes = 1 << 20

// rotationRefused is the rule whose incident tells the person on call that the rotation file does not load.
const rotationRefused = "nezuban-rotation-refused"

// rotations keeps the last good rotation file in force: the file on disk when it loads, else the one that was accepted
// last, which the store keeps over restarts.
type rotations struct {
	path, contactsPath string
	engine             *engine
	store              rotationStore
	log                *slog.Logger
	trouble            *daemon.Condition // with the contacts

	contacts atomic.Pointer[escalation.Contacts]

	text    string // as last looked at
	refusal string // why the file now on disk is not in force; "" when it is
}

// rotationStore keeps the file that is in force over restarts.
type rotationStore interface {
	Rotation(ctx context.Context) (r state.Rotation, ok bool, err error)
	PutRotation(ctx context.Context, r state.Rotation) error
}

// start puts the file on disk in force, or the stored one when it does not load; without either the router cannot
// page anybody and does not start.
func (r *rotations) start(ctx context.Context) (*schedule.File, error) {
	contacts, err := escalation.LoadContacts(r.contactsPath)
	if err != nil {
		return nil, err
	}
	r.contacts.Store(contacts)
	text, err := readFile(r.path, maxRotationBytes)
	f, perr := parsed(r.path, text, err)
	r.text = string(text)
	if perr == nil {
		return f, r.store.PutRotation(ctx, state.Rotation{Name: r.path, Text: text, Since: r.engine.now()})
	}
	stored, ok, err := r.store.Rotation(ctx)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, perr
	}
	f, err = schedule.Parse(stored.Name, stored.Text)
	if err != nil {
		return nil, errors.Join(perr, fmt.Errorf("the rotation file accepted last does not load either: %w", err))
	}
	r.refusal = perr.Error()
	return f, nil
}

func parsed(path string, text []byte, err error) (*schedule.File, error) {
	if err != nil {
		return nil, err
	}
	return schedule.Parse(path, text)
}

// announce makes what is known of the file an incident, or the end of one, right after a start.
func (r *rotations) announce(ctx context.Context) {
	summary := "the rotation file loads"
	if r.refusal != "" {
		summary = "the rotation file is refused, the last good one stays in force: " + r.refusal
	}
	if !r.tell(ctx, r.refusal != "", summary) {
		r.text, r.refusal = "", "" // the next look tells it
	}
}

// look reads the file again, and when it has changed puts it in force or says why not.
func (r *rotations) look(ctx context.Context) {
	r.lookAtContacts()
	text, err := readFile(r.path, maxRotationBytes)
	if err == nil && string(text) == r.text {
		return
	}
	f, err := parsed(r.path, text, err)
	if err != nil {
		r.refuse(ctx, string(text), err)
		return
	}
	if err := r.store.PutRotation(ctx, state.Rotation{Name: r.path, Text: text, Since: r.engine.now()}); err != nil {
		r.log.Error("cannot store the rotation file; trying again", "err", err)
		return
	}
	r.engine.setRotation(f)
	r.log.Info("rotation file in force", "file", r.path)
	if r.tell(ctx, false, "the rotation file loads again") {
		r.text, r.refusal = string(text), ""
	}
}

// refuse keeps the last good file and tells the person on call, once for each new mistake.
func (r *rotations) refuse(ctx context.Context, text string, err error) {
	if err.Error() == r.refusal {
		r.text = text
		return
	}
	r.log.Error("rotation file refused; the last good one stays in force", "err", err)
	if r.tell(ctx, true, "the rotation file is refused, the last good one stays in force: "+err.Error()) {
		r.text, r.refusal = text, err.Error()
	}
}

// tell reports whether the file loads, as an alert like any other; false when that could not be stored.
func (r *rotations) tell(ctx context.Context, firing bool, summary string) bool {
	alert := incident.Alert{
		Key: incident.DedupKey(rotationRefused, r.path), Rule: rotationRefused, Kind: incident.KindState, Firing: firing,
		Severity: incident.SeverityTicket, Labels: map[string]string{"file": r.path}, Summary: summary, At: r.engine.now(),
	}
	if err := r.engine.Report(ctx, []incident.Alert{alert}); err != nil {
		r.log.Error("cannot store the state of the rotation file; trying again", "err", err)
		return false
	}
	return true
}

// lookAtContacts reads the contacts again; while they do not load the last good ones stay.
func (r *rotations) lookAtContacts() {
	contacts, err := escalation.LoadContacts(r.contactsPath)
	if err != nil {
		r.trouble.Failed(fmt.Errorf("contacts refused; the last good ones stay: %w", err))
		return
	}
	r.trouble.OK()
	r.contacts.Store(contacts)
}

// watch looks every second until ctx ends.
func (r *rotations) watch(ctx context.Context) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			r.look(ctx)
		}
	}
}

// readFile reads a regular file of at most limit bytes.
func readFile(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("read %s: found %s, expected a regular file", path, info.Mode().Type())
	case info.Size() > limit:
		return nil, fmt.Errorf("read %s: found %d bytes, expected at most %d", path, info.Size(), limit)
	}
	return os.ReadFile(path)
}
