package sim

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"nezuban/router/internal/incident"
)

// oracle keeps its own books of what was accepted, stored, tried and delivered, and blames the router for what was promised
// and not held. It shares no code with the product: it reads what is stored as anybody could, and knows the rotation file,
// the rules and the plan of the run by its own constants.
type oracle struct {
	world *world

	mu         sync.Mutex
	blames     []string
	running    bool
	unsure     time.Time // until when what is stored may have been decided some time before
	since      time.Time // the router runs and nothing is wrong with the store and the clock since
	badStore   time.Time // until when the store is in trouble
	clockOff   bool      // by more than samples may be late
	steps      []step    // of the clock
	slow       time.Time // until when a clock that was put back is caught up with, at half speed
	crashes    int
	alerts     int
	incidents  map[string]*known
	order      []*known                // of incidents, by when each was heard of first
	firing     map[string]string       // dedup key → unresolved incident in which it fires
	truth      map[string]bool         // dedup key → what was last accepted says that it fires
	expected   map[string]*expectation // by dedup key
	reasons    map[string]bool         // dedup keys for which there was a reason
	sentEvents map[string]int          // dedup key → events sent
	sentOnce   map[string]bool         // events
	heads      map[string]string       // by key: what was looked at of an incident
	rising     map[string]string       // events of severity page on their way → dedup key
	events     map[string]bool         // that are in a stored incident
	touched    map[string]time.Time    // dedup key → when an incident with it was last stored
	latest     map[string]time.Time    // dedup key → the latest time at which it is stored as firing
	lately     map[string]string       // dedup key → the incident that held it last
	silences   map[string]*heldSilence // by id
	met        map[meeting]int
}

// step is one step of the routers' clock.
type step struct {
	at time.Time
	by time.Duration
}

// expectation is an alert that must come.
type expectation struct {
	from  time.Time
	due   time.Time
	again time.Duration // after trouble it may take so long anew
	state bool          // it needs samples that are fresh by the router's clock
}

// slack is how much later than the policy says something may come: ticks, transactions, a request of a sender.
func (o *oracle) slack() time.Duration { return 2*o.world.tick + 12*time.Second }

func newOracle(w *world) *oracle {
	return &oracle{
		world: w, incidents: map[string]*known{}, firing: map[string]string{}, truth: map[string]bool{}, reasons: map[string]bool{},
		silences: map[string]*heldSilence{}, met: map[meeting]int{}, latest: map[string]time.Time{}, lately: map[string]string{},
		expected: map[string]*expectation{}, events: map[string]bool{}, rising: map[string]string{}, heads: map[string]string{}, sentEvents: map[string]int{}, sentOnce: map[string]bool{}, touched: map[string]time.Time{},
	}
}

// blame records that a promise was broken.
func (o *oracle) blame(promise, format string, args ...any) {
	o.world.say("BROKEN %s: %s", promise, fmt.Sprintf(format, args...))
	if len(o.blames) < 8 {
		o.blames = append(o.blames, fmt.Sprintf("%s at %s: %s", promise, time.Since(o.world.began).Round(time.Millisecond), fmt.Sprintf(format, args...)))
	}
}

func (o *oracle) lock() func() { o.mu.Lock(); return o.mu.Unlock }

// blameLocked is blame for those who do not hold mu.
func (o *oracle) blameLocked(promise, format string, args ...any) {
	defer o.lock()()
	o.blame(promise, format, args...)
}

// crashed hears that a router has crashed, the one that leads or another.
func (o *oracle) crashed(at moment, leads bool) {
	defer o.lock()()
	o.crashes++
	o.meets(crashesAt + meeting(at))
	if leads {
		o.stops()
	}
}

// replaced hears that another router is about to lead.
func (o *oracle) replaced() {
	defer o.lock()()
	o.stops()
}

func (o *oracle) stops() {
	o.running = false
	for _, s := range o.silences {
		s.older = true
	}
}

func (o *oracle) hasCrashed() int {
	defer o.lock()()
	return o.crashes
}

func (o *oracle) up() {
	defer o.lock()()
	o.running, o.since = true, time.Now().Add(believesFor)
}

// mayLose hears that a router takes something in that does not know yet that another one leads: it may have to come anew.
func (o *oracle) mayLose() {
	defer o.lock()()
	o.meets(deposed)
	if again := time.Now().Add(beat + 5*time.Second); again.After(o.since) {
		o.since = again
	}
}

func (o *oracle) isUp() bool {
	defer o.lock()()
	return o.running
}

// ticked hears of a tick, which fails only when the store does.
func (o *oracle) ticked(n *node, err error) {
	defer o.lock()()
	if err == nil || n.gone() || n.fence != o.world.kv.leader {
		return
	}
	o.since = time.Now()
	if !time.Now().Before(o.badStore.Add(time.Minute)) && !strings.Contains(err.Error(), "deadline") {
		o.blame("works", "a tick fails: %v", err)
	}
}

// troubleStore puts the store into trouble for a while.
func (o *oracle) troubleStore(d time.Duration) {
	defer o.lock()()
	o.world.say("the store is in trouble for %s", d)
	o.meets(storeTroubles)
	o.badStore = time.Now().Add(d)
	o.unsure = o.badStore.Add(time.Minute)
	o.since = o.badStore.Add(10 * time.Second)
}

func (o *oracle) storeTrouble() bool {
	defer o.lock()()
	return time.Now().Before(o.badStore)
}

func (o *oracle) stepped(by time.Duration) {
	defer o.lock()()
	o.steps = append(o.steps, step{time.Now(), by})
	if by > 0 {
		o.meets(forwards)
		for key, e := range o.expected { // nobody listened in the time that the clock left out
			if later := time.Now().Add(e.again); strings.HasPrefix(key, "agent-gone") && later.After(e.due) {
				e.due = later
			}
		}
	} else {
		o.meets(backwards)
	}
	if o.slow.Before(time.Now()) {
		o.slow = time.Now()
	}
	if by < 0 {
		o.slow = o.slow.Add(-2 * by)
	}
	off := o.world.offset.Abs() > 15*time.Second
	if o.clockOff && !off {
		o.since = time.Now()
	}
	o.clockOff = off
}

// ahead is by how much the time of decisions may be ahead of the clock.
func (o *oracle) ahead() time.Duration { return max(time.Until(o.slow)/2, 0) }

// put is by how much the clock was put forward since a time.
func (o *oracle) put(since time.Time) (forward time.Duration) {
	for _, s := range o.steps {
		if s.by > 0 && !s.at.Before(since) {
			forward += s.by
		}
	}
	return forward
}

// overdue says that something that was due has not come though there was no trouble for long enough.
func (o *oracle) overdue(due time.Time, slack time.Duration) bool {
	if !o.running {
		return false
	}
	if o.since.After(due) {
		due = o.since
	}
	return time.Since(due) > slack
}

// seen hears that evidence was accepted: the condition holds or not, an alert must come within a time, after trouble within
// another.
func (o *oracle) seen(key string, holds bool, within, again time.Duration) {
	defer o.lock()()
	o.truth[key] = holds
	if !holds {
		delete(o.expected, key)
		return
	}
	if o.firing[key] == "" && o.expected[key] == nil {
		state := strings.HasPrefix(key, "memory") || strings.HasPrefix(key, "check-down")
		o.expected[key] = &expectation{time.Now(), time.Now().Add(within), again, state}
	}
}

// died hears that the death of a container was accepted, which is an alert of its own each time.
func (o *oracle) died(key string, at time.Time, within time.Duration) {
	o.mu.Lock()
	o.alerts++
	taken := at.Add(min(o.world.offset, 0)) // what comes from the future counts as seen now
	applied := !o.latest[key].Before(taken) // though the answer was lost
	o.mu.Unlock()
	if !applied {
		o.seen(key, true, within, within)
	}
}

// reason hears that there is a reason for an alert from now on.
func (o *oracle) reason(key string) {
	defer o.lock()()
	o.reasons[key] = true
}

// silent hears that nothing is known of a condition any more.
func (o *oracle) silent(key string) {
	defer o.lock()()
	delete(o.expected, key)
	delete(o.truth, key)
}

// sent hears that an alert is about to be sent.
func (o *oracle) sent(key, event string, severity incident.Severity) {
	defer o.lock()()
	o.reasons[key] = true
	if !o.sentOnce[event] {
		o.sentOnce[event] = true
		o.sentEvents[key]++
	}
	if severity == incident.SeverityPage {
		o.rising[event] = key
	}
}

// again hears that an event is sent once more, though it was accepted. Incidents know the latest event of an alert alone.
func (o *oracle) again(key string) {
	defer o.lock()()
	if o.sentEvents[key] > 1 {
		o.sentEvents[key]++
	}
}

// event hears that an alert was accepted: it must be stored.
func (o *oracle) event(key, event string, _ incident.Severity) {
	defer o.lock()()
	delete(o.rising, event)
	if k := o.incidents[o.firing[key]]; k != nil {
		k.cause, k.raised = append(k.cause, time.Now()), time.Now()
	}
	o.alerts++
	if !o.events[event] && time.Since(o.touched[key]) > time.Minute {
		o.blame("accepted is durable", "alert %s, event %s, was accepted and is in no stored incident", key, event)
	}
}

// done hears that what somebody asked for was answered 2xx: it must be in the timeline, for ever.
func (o *oracle) done(what deed, id, token string, until time.Time) {
	if what != acksPage && !o.world.kv.said(id, token) {
		o.mu.Lock()
		o.blame("answered is durable", "%s of %s (%s) was answered 2xx and is in no timeline", what, id, token)
		o.mu.Unlock()
	}
	defer o.lock()()
	k := o.know(id)
	delete(k.pending, token)
	if what == reassigns {
		k.raised = time.Now()
		o.meets(reassigned)
	}
	if what != acksPage { // that whoever has it says so again is no news
		k.tokens = append(k.tokens, token)
	}
	switch {
	case (what == acks || what == acksPage) && k.state == "acknowledged":
		k.quiet, k.until = time.Now(), time.Time{}
	case what == snoozes && k.state == "snoozed":
		k.quiet, k.until = time.Now(), until
	case what == resolves && k.state != "resolved" && time.Since(k.life) > time.Second: // or it was opened again in the same transaction
		o.blame("answered is durable", "%s was resolved, which was answered 2xx, and is %s", id, k.state)
	}
}

// asked hears that somebody asks for something, which may happen even if there is no answer.
func (o *oracle) asked(what deed, id, token string) {
	defer o.lock()()
	k := o.know(id)
	if what != notes {
		k.cause = append(k.cause, time.Now())
	}
	if what == reassigns {
		k.pending[token] = true
	}
}

// askedPage hears that somebody is about to acknowledge a message, and with it what it speaks for.
func (o *oracle) askedPage(pageID string) {
	defer o.lock()()
	for _, k := range o.incidents {
		for _, r := range k.rows {
			if r.Into == pageID {
				k.cause = append(k.cause, time.Now())
			}
		}
	}
}

// refused hears that what somebody asked for will not happen.
func (o *oracle) refused(id, token string) {
	defer o.lock()()
	delete(o.know(id).pending, token)
}

// maybe says that something which pages anew may happen, or has happened since a time, to an incident.
func (o *oracle) maybe(k *known, since time.Time) bool {
	if len(k.pending) > 0 || !k.raised.Before(since) {
		return true
	}
	for _, key := range o.rising {
		if o.firing[key] == k.id {
			return true
		}
	}
	return false
}

// check looks for what should have come by now.
func (o *oracle) check() {
	defer o.lock()()
	for _, key := range slices.Sorted(maps.Keys(o.expected)) {
		e := o.expected[key]
		if o.firing[key] != "" {
			delete(o.expected, key)
			continue
		}
		due, again := e.due, o.since.Add(e.again)
		slow := o.slow.After(e.from)
		if slow {
			due, again = due.Add(due.Sub(e.from)), again.Add(e.again)
		}
		if again.After(due) {
			due = again
		}
		if !(e.state && (slow || o.clockOff)) && o.overdue(due, o.slack()) {
			o.blame("accepted means paged", "%s should fire since %s", key, due.Sub(o.world.began).Round(time.Second))
			delete(o.expected, key)
		}
	}
	for _, k := range o.order {
		o.checkIncident(k)
	}
}

// end looks at what is left when everything has been well for long enough.
func (o *oracle) end() {
	o.check()
	defer o.lock()()
	for _, key := range slices.Sorted(maps.Keys(o.firing)) {
		if holds, known := o.truth[key]; known && !holds && !o.slow.After(time.Now().Add(-15*time.Minute)) {
			o.blame("what is over ends", "%s still fires in %s", key, o.firing[key])
		}
	}
	for _, k := range o.order {
		o.endIncident(k)
	}
	for _, s := range o.world.spools {
		if len(s.queue) > 0 && time.Since(s.queue[0].at) > 3*time.Minute {
			o.blame("works", "%s cannot get rid of what it has to send", s.name)
		}
	}
}
