package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"nezuban/agent/daemon"
	"nezuban/agent/tomlfile"
	"nezuban/oncall/escalation"
	"nezuban/oncall/schedule"
	"nezuban/router/internal/duty"
	"nezuban/router/internal/incident"
	"nezuban/router/internal/state"
)

// Where the rotation file comes from: one of them decides, never both.
const (
	sourceFile  = "file"  // this machine's disk, looked at every second
	sourceApply = "apply" // nezuban-oncall apply
)

// rotationRefused is the rule whose incident tells the person on call that a rotation file is not in force.
const rotationRefused = "nezuban-rotation-refused"

// contactsRefused is the rule whose incident tells the person on call that the contacts are not in force.
const contactsRefused = "nezuban-contacts-refused"

// maxRefusal bounds what a message repeats of the mistakes of a file, in bytes: it has to fit into one record.
const maxRefusal = 1000

// rotations keeps the last good rotation file in force, over restarts too, and every version before it. One change
// happens at a time. It is safe for concurrent use.
type rotations struct {
	source             string
	path, contactsPath string // path is "" when source is apply
	engine             *duty.Engine
	store              rotationStore
	log                *slog.Logger
	trouble            *daemon.Condition // with the contacts
	plight             *plight           // the same, for the person on call
	health             *daemon.Health
	unreachable        func(*escalation.Contacts, *schedule.File) tomlfile.Problems // which channels do not get through
	silent             func(*escalation.Contacts, *schedule.File) error             // why it reaches nobody at all

	contacts atomic.Pointer[escalation.Contacts]
	known    atomic.Pointer[history]

	mu       sync.Mutex
	unfit    error                // why the contacts now on disk are not in force; nil when they are
	waiting  *escalation.Contacts // load, and reach nobody by the rotation file in force; nil: there are none
	unsure   bool                 // a version may be stored that is not in force
	text     string               // of the file on disk, as last looked at
	refusal  string               // why the file now on disk is not in force; "" when it is
	isSilent bool                 // the file that was looked at last loads, and reaches nobody
	owed     *notice              // could not be told yet
}

// history is the versions that were accepted, in order. The last is in force, and what it says is at hand.
type history struct {
	versions []state.Rotation
	text     []byte
	file     *schedule.File // nil when no version was accepted yet, or the last one cannot be read
}

// current is the version in force; ok is false when there is none.
func (h *history) current() (v state.Rotation, ok bool) {
	if h.file == nil {
		return state.Rotation{}, false
	}
	return h.versions[len(h.versions)-1], true
}

// rotationStore keeps the versions over restarts.
type rotationStore interface {
	Rotations(ctx context.Context) ([]state.Rotation, error)
	RotationText(ctx context.Context, hash string) ([]byte, error)
	AddRotation(ctx context.Context, r state.Rotation, text []byte) error
}

// start puts a file in force: the one on disk, or when it does not load the version stored last, which is also what
// decides when files are applied. Without a good file on disk or in the store nobody can be paged: then a router whose
// file is on disk does not start, and one that waits for a file to be applied is not ready.
func (r *rotations) start(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	contacts, err := escalation.LoadContacts(r.contactsPath)
	if err != nil {
		return err
	}
	r.contacts.Store(contacts)
	h, storedErr := r.stored(ctx)
	if h == nil {
		return storedErr
	}
	r.known.Store(h)
	if h.file != nil {
		r.inForce(h)
	}
	if r.source == sourceApply {
		r.ready(storedErr)
		return r.deaf(contacts)
	}
	text, err := readFile(r.path, schedule.MaxBytes)
	f, err := r.good(r.path, text, err)
	r.text = string(text)
	if err == nil {
		_, _, err = r.accept(ctx, f, "", text)
		return err
	}
	if _, ok := r.known.Load().current(); !ok {
		return errors.Join(err, storedErr)
	}
	if deaf := r.deaf(contacts); deaf != nil {
		return errors.Join(err, deaf)
	}
	r.log.Error("rotation file refused; the last good one stays in force", "err", err)
	r.refusal = err.Error()
	return nil
}

// stored reads the versions. The error says why they, or the last one, cannot be read; nil without it: none are known.
func (r *rotations) stored(ctx context.Context) (*history, error) {
	versions, err := r.store.Rotations(ctx)
	if err != nil {
		return nil, err
	}
	h := &history{versions: versions}
	if len(versions) == 0 {
		return h, nil
	}
	last := versions[len(versions)-1]
	if h.text, err = r.store.RotationText(ctx, last.Hash); err != nil {
		return h, err
	}
	if h.file, err = schedule.Parse(last.Name, h.text); err != nil {
		return h, fmt.Errorf("the rotation file accepted last does not load: %w", err)
	}
	return h, nil
}

// deaf is why contacts under which a page reaches nobody, by the rotation file in force, do not come in force; nil when it
// reaches somebody, or when there is no such file yet.
func (r *rotations) deaf(contacts *escalation.Contacts) error {
	h := r.known.Load()
	if _, ok := h.current(); !ok {
		return nil
	}
	if err := r.silent(contacts, h.file); err != nil {
		return fmt.Errorf("contacts %s: a page reaches nobody by them: %w", r.contactsPath, err)
	}
	return nil
}

// inForce takes over a history whose last version is stored, and contacts that waited for it.
func (r *rotations) inForce(h *history) {
	if r.waiting != nil && r.silent(r.contacts.Load(), h.file) != nil {
		r.contacts.Store(r.waiting)
		r.waiting, r.unfit = nil, nil
	}
	v := h.versions[len(h.versions)-1]
	r.engine.SetRotation(h.file, v.Short())
	r.known.Store(h)
	r.ready(nil)
	r.log.Info("rotation file in force", "file", v.Name, "version", v.Short(), "since", v.Since, "by", v.By)
	for _, problem := range r.unreachable(r.contacts.Load(), h.file) {
		r.log.Error("somebody cannot be reached", "problem", problem)
	}
}

// errNeverApplied is why nobody can be paged.
var errNeverApplied = errors.New("no rotation file was ever applied: run nezuban-oncall apply")

// ready says whether there is a file by which people can be paged; err is why the stored one is none.
func (r *rotations) ready(err error) {
	if _, ok := r.known.Load().current(); ok {
		r.health.Set("rotation", nil)
		return
	}
	waiting := errNeverApplied
	if err != nil {
		waiting = fmt.Errorf("%w: apply a good one", err)
	}
	r.health.Set("rotation", waiting)
	r.log.Error("nobody can be paged, so nothing is taken in", "err", waiting)
}

// accept puts a file in force, durably. When its bytes are in force already nothing is stored. After an error the version
// before stays in force, until [rotations.settle] has found out what was stored. The caller holds mu.
func (r *rotations) accept(ctx context.Context, f *schedule.File, by string, text []byte) (v state.Rotation, already bool, err error) {
	before := r.known.Load()
	hash := state.HashRotation(text)
	if v, ok := before.current(); ok && v.Hash == hash {
		return v, true, nil
	}
	v = state.Rotation{Version: 1, Hash: hash, Since: r.engine.Now().UTC(), Name: f.Name(), By: by}
	if n := len(before.versions); n > 0 {
		last := before.versions[n-1]
		v.Seq = last.Seq + 1
		if v.Since.Before(last.Since) { // the clock was put back
			v.Since = last.Since
		}
	}
	// Whoever handed it in may hang up at any time; what is decided is stored all the same.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitWithin)
	defer cancel()
	if err := r.store.AddRotation(ctx, v, text); err != nil {
		r.unsure = true
		return state.Rotation{}, false, err
	}
	r.inForce(&history{versions: append(slices.Clip(before.versions), v), text: text, file: f})
	return v, false, nil
}

// settle finds out what became of a version that the store gave no clear answer about: if it is stored it comes in force,
// or the next start would bring it. The caller holds mu.
func (r *rotations) settle(ctx context.Context) error {
	if !r.unsure {
		return nil
	}
	h, err := r.stored(ctx)
	if err != nil {
		return err
	}
	r.unsure = false
	if len(h.versions) > len(r.known.Load().versions) {
		r.inForce(h)
	}
	return nil
}

// good reads a file that may come in force, which reaches somebody: by the contacts in force, or by those that wait for it.
func (r *rotations) good(name string, text []byte, err error) (*schedule.File, error) {
	f, err := parsed(name, text, err)
	r.isSilent = false
	if err == nil {
		err = r.silent(r.contacts.Load(), f)
		if err != nil && r.waiting != nil && r.silent(r.waiting, f) == nil {
			err = nil
		}
		r.isSilent = err != nil
	}
	return f, err
}

func parsed(path string, text []byte, err error) (*schedule.File, error) {
	if err != nil {
		return nil, err
	}
	return schedule.Parse(path, text)
}

// announce makes what is known of the file an incident, or the end of one, right after a start. Whether the file that was
// applied last was refused is not known then: that incident stays until a good one is applied.
func (r *rotations) announce(ctx context.Context) {
	if r.source == sourceApply {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	said := notice{file: r.path, summary: "the rotation file loads"}
	if r.refusal != "" {
		said = refused(r.path, r.refusal)
	}
	if !r.tell(ctx, said) {
		r.text, r.refusal = "", "" // the next look tells it
	}
}

// look reads the contacts and the rotation file again, and says of each why it does not come in force. Two that reach
// somebody only together come in force together.
func (r *rotations) look(ctx context.Context) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lookAtContacts()
	r.lookAtFile(ctx)
	r.tellOfContacts(ctx)
}

// lookAtFile reads the file on disk again, and when it has changed puts it in force or says why not.
func (r *rotations) lookAtFile(ctx context.Context) {
	if err := r.settle(ctx); err != nil {
		r.log.Error("cannot read which rotation file is stored; trying again", "err", err)
		return
	}
	if r.source == sourceApply {
		r.tellOwed(ctx)
		return
	}
	text, err := readFile(r.path, schedule.MaxBytes)
	if err == nil && string(text) == r.text && !r.isSilent { // what it lacks may stand in the contacts by now
		return
	}
	f, err := r.good(r.path, text, err)
	if err != nil {
		r.refuse(ctx, string(text), err)
		return
	}
	if _, _, err := r.accept(ctx, f, "", text); err != nil {
		r.log.Error("cannot store the rotation file; trying again", "err", err)
		return
	}
	if r.tell(ctx, notice{file: r.path, summary: "the rotation file loads again"}) {
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
	if r.tell(ctx, refused(r.path, err.Error())) {
		r.text, r.refusal = text, err.Error()
	}
}

// notice is news for the person on call: a file is not in force, or one is again.
type notice struct {
	firing        bool
	file, summary string
}

func refused(file, why string) notice {
	return notice{firing: true, file: file, summary: "the rotation file is refused, the last good one stays in force: " + shortened(why)}
}

// shortened bounds what a message repeats of a mistake.
func shortened(why string) string {
	if len(why) > maxRefusal {
		return strings.ToValidUTF8(why[:maxRefusal], "") + "…"
	}
	return why
}

// tell makes a notice an alert like any other; false when that could not be stored. Good news is the end of every refusal,
// whatever file it was about.
func (r *rotations) tell(ctx context.Context, n notice) bool {
	keys := []string{incident.DedupKey(rotationRefused, r.path)}
	if !n.firing {
		keys = r.refusals(keys[0])
	}
	alerts := make([]incident.Alert, 0, len(keys))
	for _, key := range keys {
		alerts = append(alerts, incident.Alert{
			Key: key, Rule: rotationRefused, Kind: incident.KindState, Firing: n.firing,
			Severity: incident.SeverityTicket, Labels: map[string]string{"file": n.file}, Summary: n.summary, At: r.engine.Now(),
		})
	}
	if err := r.engine.Report(ctx, alerts); err != nil {
		r.log.Error("cannot store the state of the rotation file; trying again", "err", err)
		return false
	}
	return true
}

// refusals are the keys under which files are said to be refused, this router's present one among them in any case.
func (r *rotations) refusals(own string) []string {
	keys := []string{own}
	for _, inc := range r.engine.Incidents() {
		for _, key := range inc.FiringKeys(incident.KindState) {
			if inc.Alerts[key].Rule == rotationRefused && key != own {
				keys = append(keys, key)
			}
		}
	}
	return keys
}

// lookAtContacts reads the contacts again. While they do not load, or a page would reach nobody by them, the last good ones
// stay.
func (r *rotations) lookAtContacts() {
	r.waiting = nil
	contacts, err := escalation.LoadContacts(r.contactsPath)
	if err == nil {
		if err = r.deaf(contacts); err != nil {
			r.waiting = contacts
		}
	}
	r.unfit = err
	if err != nil {
		return
	}
	before := r.contacts.Swap(contacts)
	file := r.known.Load().file
	if file == nil {
		return
	}
	known := r.unreachable(before, file)
	for _, problem := range r.unreachable(contacts, file) {
		if !slices.Contains(known, problem) {
			r.log.Error("somebody cannot be reached any more", "problem", problem)
		}
	}
}

// tellOfContacts tells the person on call while the contacts on disk are not in force: the next start would fail.
func (r *rotations) tellOfContacts(ctx context.Context) {
	wrong := map[string]string{}
	if r.unfit != nil {
		r.trouble.Failed(fmt.Errorf("contacts refused; the last good ones stay: %w", r.unfit))
		wrong[r.contactsPath] = "the contacts are refused, the last good ones stay in force: " + r.unfit.Error()
	} else {
		r.trouble.OK()
	}
	r.plight.tell(ctx, wrong)
}

// contactsPlight tells that the contacts are refused.
func contactsPlight(e *duty.Engine, log *slog.Logger) *plight {
	return &plight{rule: contactsRefused, over: "the contacts load again", engine: e, trouble: daemon.NewCondition(log, "telling of the contacts")}
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
		return nil, fmt.Errorf("read %s: found %s, expected a regular file", path, tomlfile.KindOf(info.Mode()))
	case info.Size() > limit:
		return nil, fmt.Errorf("read %s: found %d bytes, expected at most %d", path, info.Size(), limit)
	}
	return os.ReadFile(path)
}
