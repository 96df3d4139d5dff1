package sim

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"nezuban/router/internal/page"
	"nezuban/router/internal/state/record"
)

// known is what the oracle knows of one incident.
type known struct {
	id, state, severity, policy string

	opened  time.Time
	taken   time.Time // became acknowledged or snoozed, as stored
	decided time.Time // the earliest that this may have been decided
	last    time.Time // the latest step was taken
	wait    time.Duration
	sure    bool   // that it was taken then
	step    int    // the latest one
	regular bool   // it is one of the policy's steps
	created string // of the rows of the latest step
	rows    map[int]*row

	cause   []time.Time     // somebody asked for something that changes who is told
	raised  time.Time       // the latest of them that may page again
	pending map[string]bool // those of them that have no answer
	trial   time.Time       // the latest attempt that failed
	quiet   time.Time       // an acknowledgement or snooze was answered 2xx
	until   time.Time       // end of a snooze, by the routers' clock; zero: an acknowledgement
	tokens  []string        // what must be in the timeline

	tried    int
	inc      *stored           // as last stored
	life     time.Time         // it was opened again
	whirled  time.Time         // it was opened again and resolved in one transaction
	freed    time.Time         // it may page again since: what suppressed it is over, or it fires anew
	hidden   time.Time         // it is suppressed since
	silent   time.Time         // nothing of it fires since; zero: something does
	inFlight map[string]flight // by destination
	over     map[string]bool   // by destination: it was tried to tell that it is over
	told     map[string]bool   // by destination: a trigger has arrived
	toldOver map[string]bool   // by destination: it is told that it is over, or cannot be
	pages    map[string]page1  // by step, person and channel
}

type flight struct {
	node *node
	page string
}

type page1 struct {
	seq int
	at  time.Time
}

func (o *oracle) know(id string) *known {
	k := o.incidents[id]
	if k == nil {
		k = &known{
			id: id, inc: &stored{}, opened: time.Now(), rows: map[int]*row{}, inFlight: map[string]flight{}, over: map[string]bool{}, told: map[string]bool{},
			toldOver: map[string]bool{}, pages: map[string]page1{}, pending: map[string]bool{},
		}
		o.incidents[id] = k
		o.order = append(o.order, k)
	}
	return k
}

// stored is an incident as it is stored, as far as the oracle looks at it.
type stored struct {
	ID       string `json:"id"`
	State    string `json:"state"`
	Severity string `json:"severity"`
	Policy   struct {
		Name string `json:"name"`
	} `json:"policy"`
	Opened       time.Time             `json:"opened_at"`
	Until        time.Time             `json:"snoozed_until"`
	Resolved     time.Time             `json:"resolved_at"`
	ResolvedBy   string                `json:"resolved_by"`
	GroupUntil   time.Time             `json:"group_until"`
	PartOf       string                `json:"part_of"`
	Flapping     bool                  `json:"flapping"`
	Reopenings   []time.Time           `json:"reopenings"`
	QuietAt      time.Time             `json:"quiet_at"`
	RetriggerAt  time.Time             `json:"retrigger_at"`
	ReleaseAt    time.Time             `json:"release_at"`
	Suppressed   string                `json:"suppressed"`
	SuppressedBy string                `json:"suppressed_by"`
	Alerts       map[string]alertState `json:"alerts"`
}

type alertState struct {
	Rule   string            `json:"rule"`
	Labels map[string]string `json:"labels"`
	Firing bool              `json:"firing"`
	At     time.Time         `json:"at"`
	Event  string            `json:"event"`
	Count  int               `json:"count"`
}

func (inc *stored) firing() bool {
	for _, a := range inc.Alerts {
		if a.Firing {
			return true
		}
	}
	return false
}

// quiet says that an open incident pages nobody by itself.
func (inc *stored) quiet() bool { return inc.PartOf != "" || inc.Suppressed != "" }

// stored hears of each transaction: incidents first, then their rows.
func (o *oracle) stored(ops []record.Op) {
	defer o.lock()()
	var grown []*known
	silence := func(op record.Op) bool {
		return op.Kind == record.Put && strings.HasPrefix(op.Key, record.SilencePrefix)
	}
	ended := func(op record.Op) bool { return strings.Contains(op.Value, `"ended_by"`) }
	for _, op := range ops { // one that is made comes before what it hides, however they are sorted
		if silence(op) && !ended(op) {
			o.storedSilence(op.Value)
		}
	}
	for _, op := range ops {
		switch {
		case op.Kind != record.Put:
		case silence(op) && ended(op):
			o.storedSilence(op.Value)
		case strings.HasPrefix(op.Key, record.IncidentPrefix):
			if k := o.storedIncident(op.Key, op.Value); k != nil {
				grown = append(grown, k)
			}
		}
	}
	for _, op := range ops {
		if op.Kind == record.Put && strings.HasPrefix(op.Key, record.OutboxPrefix) {
			o.storedRow(op.Value)
		}
	}
	for _, k := range grown {
		o.hearsOfGrowth(k)
	}
}

// read takes in a record.
func (o *oracle) read(value string, into any) bool {
	if err := json.Unmarshal([]byte(value), into); err != nil {
		o.blame("readable", "%v: %s", err, value)
		return false
	}
	return true
}

// telling is an incident's record without what most writes are about: how far its escalation and its timeline are.
func telling(value string) string {
	head, tail, _ := strings.Cut(value, `,"policy":`)
	_, tail, _ = strings.Cut(tail, `,"progress":{`)
	_, tail, _ = strings.Cut(tail, `}`)
	tail, _, _ = strings.Cut(tail, `,"entries":`)
	return head + tail
}

// storedIncident hears that an incident was stored, and returns it when it has more alerts than before.
func (o *oracle) storedIncident(key, value string) (grown *known) {
	text := telling(value)
	if o.heads[key] == text {
		return nil
	}
	o.heads[key] = text
	inc := &stored{}
	if !o.read(value, inc) {
		return nil
	}
	k := o.know(inc.ID)
	was := k.inc
	if was.State == "" && inc.PartOf == "" {
		o.mayOpen(inc)
	}
	o.moves(k, was, inc)
	k.inc, k.state, k.severity, k.policy = inc, inc.State, inc.Severity, inc.Policy.Name
	for key, a := range inc.Alerts {
		o.storedAlert(inc, key, a)
	}
	if was.State != "" && len(inc.Alerts) > len(was.Alerts) {
		o.meets(joins)
		return k
	}
	return nil
}

func (o *oracle) storedAlert(inc *stored, key string, a alertState) {
	o.events[a.Event] = true
	o.touched[key] = time.Now()
	o.lately[key] = inc.ID
	if a.At.After(o.latest[key]) && (a.Firing || inc.State == "resolved") {
		o.latest[key] = a.At
	}
	if sent := o.sentEvents[key]; sent > 0 && a.Count > sent {
		o.blame("counts are of events", "%s in %s counts %d, of %d events that were sent", key, inc.ID, a.Count, sent)
		o.sentEvents[key] = a.Count
	}
	if !o.reasons[key] {
		o.blame("woken for a reason", "incident %s is about %s, with which nothing is the matter", inc.ID, key)
		o.reasons[key] = true
	}
	switch {
	case a.Firing && inc.State != "resolved":
		if other := o.firing[key]; other != "" && other != inc.ID {
			o.blame("one problem is one incident", "%s fires in %s and in %s", key, other, inc.ID)
		}
		o.firing[key] = inc.ID
		delete(o.expected, key)
	case o.firing[key] == inc.ID:
		delete(o.firing, key)
		if a.Rule == "manual" { // whoever asks once more, as no answer came, asks anew
			o.sentEvents[key]++
		}
	}
}

// mayOpen blames an incident that should have been another one: one of its group that was open, or its own before.
func (o *oracle) mayOpen(inc *stored) {
	if len(o.steps) > 0 {
		return // it is a matter of what the clock showed when
	}
	for key, a := range inc.Alerts {
		if before := o.incidents[o.lately[key]]; before != nil && before.state == "resolved" && before.inc.PartOf == "" && a.Rule != "manual" &&
			inc.Opened.Sub(before.inc.Resolved) < reopenWithin-time.Second {
			o.blame("what comes back opens its incident again", "%s fires in %s, and was in %s until %s before", key, inc.ID, before.id, inc.Opened.Sub(before.inc.Resolved))
		}
		if a.Rule != "container-died" {
			continue
		}
		for _, k := range o.incidents {
			if k.state == "" || k.state == "resolved" || k.inc.PartOf != "" || (k.inc.Suppressed == "") != (inc.Suppressed == "") || !k.inc.GroupUntil.After(inc.Opened) || !k.inc.GroupUntil.Add(-groupWithin).Before(inc.Opened) {
				continue
			}
			for _, other := range k.inc.Alerts {
				if other.Rule == a.Rule && other.Labels["host"] == a.Labels["host"] {
					o.blame("one problem is one incident", "%s opens %s, and %s of the same host is open until %s", key, inc.ID, k.id, k.inc.GroupUntil.Sub(o.world.began))
				}
			}
		}
	}
}

// moves hears of what has changed with an incident.
func (o *oracle) moves(k *known, was, inc *stored) {
	now := time.Now()
	anew := func() { k.cause, k.raised, k.freed = append(k.cause, now), now, now }
	if was.State != inc.State && inc.State != "triggered" || !inc.Until.IsZero() && !inc.Until.Equal(was.Until) {
		k.taken, k.decided = now, now
		if !k.quiet.IsZero() && (inc.State == "acknowledged" || inc.State == "snoozed") { // somebody has it, though the answer may be lost
			k.until = inc.Until
		}
		for _, at := range k.cause {
			if n := len(k.cause); now.Sub(k.cause[n-1]) < time.Minute && now.Sub(at) < time.Minute && at.Before(k.decided) {
				k.decided = at // it may have been decided, and not stored
			}
		}
	}
	again := len(inc.Reopenings) > 0 && !slices.EqualFunc(inc.Reopenings, was.Reopenings, time.Time.Equal) // perhaps in one decision with its end
	if again && inc.State == "resolved" {
		k.whirled, k.taken = now, now
	}
	if inc.State != "resolved" && (was.State == "resolved" || again) { // it is told anew
		anew()
		k.life, k.silent = now, time.Time{}
		k.told, k.over, k.toldOver, k.quiet = map[string]bool{}, map[string]bool{}, map[string]bool{}, time.Time{}
		o.meets(reopens)
		if inc.State == "acknowledged" {
			o.meets(reopensHad)
			k.quiet, k.until, k.taken, k.decided = now, inc.RetriggerAt, now, now
		}
	}
	if was.Severity == "info" && inc.Severity != "info" {
		k.opened = now
	}
	if was.State != "" && rank[inc.Severity] > rank[was.Severity] {
		anew()
		o.meets(rises)
	}
	o.movesBack(was, inc)
	o.movesQuietly(k, was, inc, anew)
}

var rank = map[string]int{"info": 1, "ticket": 2, "page": 3}

// movesBack hears how an incident that somebody had is nobody's again.
func (o *oracle) movesBack(was, inc *stored) {
	if inc.State != "triggered" || inc.Severity != was.Severity {
		return
	}
	switch {
	case was.State == "snoozed" && !o.decisionsAt().Before(was.Until):
		o.meets(snoozesEnd)
	case was.State == "acknowledged" && !was.RetriggerAt.IsZero():
		o.meets(retriggers)
	case was.State == "acknowledged":
		o.meets(timeouts) // or it was given to somebody else, which is counted there
	}
}

// movesQuietly hears of what an incident pages nobody for.
func (o *oracle) movesQuietly(k *known, was, inc *stored, anew func()) {
	now := time.Now()
	if inc.PartOf != "" && was.State == "" {
		o.meets(parts)
	}
	if was.Suppressed != "" && was.State != "resolved" && inc.State == "resolved" && inc.ResolvedBy == "" && inc.firing() {
		o.meets(dropped)
	}
	if inc.Suppressed != was.Suppressed {
		k.hidden = now
		o.suppressed(inc, anew)
	}
	if inc.Flapping && !was.Flapping {
		o.meets(flaps)
	}
	if was.QuietAt.IsZero() != inc.QuietAt.IsZero() {
		k.freed = now
	}
	switch firing := inc.firing(); {
	case firing:
		k.silent = time.Time{}
	case k.silent.IsZero() || inc.QuietAt.After(was.QuietAt):
		k.silent = now
	}
	if was.Flapping && inc.State == "resolved" && was.State != "resolved" && inc.ResolvedBy == "" && inc.Suppressed == "" && was.Suppressed == "" {
		o.meets(quietEnds)
		if quiet := now.Sub(k.silent); quiet < flapQuiet-o.put(k.silent)-time.Minute {
			o.blame("what flaps stays open", "%s is resolved after %s of quiet", inc.ID, quiet)
		}
	}
}

func (o *oracle) suppressed(inc *stored, anew func()) {
	switch {
	case inc.Suppressed == "" && inc.State == "resolved":
	case inc.Suppressed == "":
		anew()
		o.meets(released)
	case inc.SuppressedBy != "":
		o.meets(hidden)
	case strings.HasPrefix(inc.Suppressed, "maintenance"):
		o.meets(maintained)
	default:
		o.meets(silenced)
		if s := o.silences[strings.Fields(inc.Suppressed)[1]]; s != nil && s.older {
			o.meets(silencesKept)
		}
	}
	if why := o.reasonOf(inc, time.Minute); inc.Suppressed != "" && why != "" {
		o.blame("suppressed with a reason", "%s is suppressed, %q, but %s", inc.ID, inc.Suppressed, why)
	}
}

// hearsOfGrowth blames it when somebody who was told of an incident will not hear what has joined it.
func (o *oracle) hearsOfGrowth(k *known) {
	if k.state != "triggered" || k.inc.quiet() || !k.inc.QuietAt.IsZero() {
		return
	}
	for _, r := range k.rows {
		if r.Kind != "trigger" || r.Status != "sent" || k.over[r.destination()] || r.first.Before(k.life) {
			continue
		}
		hears := false
		for _, other := range k.rows {
			coming := other.Status == "pending" || other.first.Equal(time.Now()) || other.begun.Equal(time.Now()) // in the same transaction
			tells := other.Kind == "update" || other.Kind == "trigger" && other.Seq > r.Seq                       // an update is written when it goes out
			hears = hears || coming && tells && other.destination() == r.destination()
		}
		if !hears {
			o.blame("whoever was told hears what joins", "%s has grown, and nothing goes to %s", k.id, r.destination())
		}
	}
}

func (o *oracle) storedRow(value string) {
	r := readRow(value)
	k := o.know(r.Incident)
	before := k.rows[r.Seq]
	if r.Status == "merged" && (before == nil || before.Status != "merged") {
		o.meets(merges)
	}
	if before != nil {
		r.first, r.begun, r.ended, r.after = before.first, before.begun, before.ended, before.after
		if before.Created == k.created {
			k.created = r.Created // it moves when a clock was ahead
		}
	} else {
		r.first = time.Now()
		if r.Kind == "trigger" && r.Created != k.created {
			o.stepTaken(k, r)
		}
	}
	if r.Status == "sending" {
		r.begun = time.Now()
	}
	k.rows[r.Seq] = &r
}

// destination is whom a row goes to, as that of a message.
func (r *row) destination() string {
	if r.Channel == "pagerduty" {
		return r.Channel
	}
	return r.Channel + " of " + strings.Join(r.People, ",")
}

// decidedBefore is how long before it was stored a step may have been decided: while a store hangs.
const decidedBefore = 15 * time.Second

// stepTaken hears that the next step of an escalation is stored: it must not come early.
func (o *oracle) stepTaken(k *known, r row) {
	now := time.Now()
	forward := o.put(k.last.Add(-decidedBefore))
	early := k.sure && k.last.Add(k.wait-forward-2*time.Second).After(now)
	if early && k.trial.Before(k.last) && !o.maybe(k, k.last) && k.taken.Before(k.last) {
		o.blame("the policy's times", "%s: step %d of pass %d is taken %s after the one before, whose wait is %s", k.id, r.Step+1, r.Pass+1, now.Sub(k.last), k.wait)
	}
	waits := policies[k.policy].waits
	regular := !strings.HasPrefix(r.Why, "fallback") && !strings.HasPrefix(r.Why, "reassigned")
	if again := k.last.IsZero() || !k.taken.Before(k.last) || o.maybe(k, k.last); !again && regular && k.regular && r.Step != (k.step+1)%len(waits) {
		o.blame("every step is taken", "%s: step %d of pass %d comes after step %d", k.id, r.Step+1, r.Pass+1, k.step+1)
	}
	if why := o.hushed(k.inc, o.slack()+time.Minute); why != "" {
		o.blame("what is suppressed pages nobody", "%s pages %s, and all of it is hidden: %s", k.id, strings.Join(r.People, ","), why)
	}
	k.last, k.created, k.sure, k.step, k.regular = now, r.Created, now.After(o.unsure), r.Step, regular
	switch {
	case strings.HasPrefix(r.Why, "fallback"):
		k.wait = fallbackEvery
		o.meets(fallbacks)
	case strings.HasPrefix(r.Why, "reassigned") && k.wait > 0: // that of the step taken last
	default:
		k.wait = waits[r.Step]
	}
}

// checkIncident looks whether what should have happened to an incident by now has.
func (o *oracle) checkIncident(k *known) {
	if k.state == "" || k.state == "resolved" {
		return
	}
	if o.checkQuiet(k) || k.severity == "info" {
		return
	}
	from, wait := k.last, k.wait
	if k.state != "triggered" {
		o.checkWithdrawn(k)
	}
	switch k.state {
	case "acknowledged":
		from, wait = k.taken, policies[k.policy].ackTimeout
		if !k.inc.RetriggerAt.IsZero() {
			wait = 2 * time.Minute
		} else if k.severity != "page" {
			return
		}
	case "snoozed":
		from, wait = k.taken, 41*time.Minute
	}
	if k.last.IsZero() && k.state == "triggered" {
		from, wait = k.opened, 0
	}
	due := from.Add(wait)
	if k.state == "snoozed" { // until a time of the routers' clock
		due = o.byTheirClock(k.inc.Until)
	}
	if k.freed.After(due) {
		due = k.freed
	}
	if o.late(from, due, wait) {
		o.blame("escalation never stalls", "%s is %s, and nothing has come since %s; expected after %s", k.id, k.state, from.Sub(o.world.began).Round(time.Second), wait)
		k.last, k.taken = time.Now(), time.Now()
	}
	o.checkTries(k)
}

// checkWithdrawn looks whether nothing waits any more that would call somebody for an incident that somebody has.
func (o *oracle) checkWithdrawn(k *known) {
	for _, r := range k.rows {
		if r.Kind == "trigger" && r.Status == "pending" && r.first.Before(k.taken) && o.late(k.taken, k.taken, 0) {
			o.blame("an acknowledgement stops it", "%s-%d waits still, and %s is %s since %s", k.id, r.Seq, k.id, k.state, k.taken.Sub(o.world.began).Round(time.Second))
		}
	}
}

// byTheirClock is when it is a time by the routers' clock: when that was put forward beyond it, if it was.
func (o *oracle) byTheirClock(at time.Time) time.Time {
	due := at.Add(-o.world.offset)
	for _, s := range o.steps {
		if s.by > 0 && s.at.After(due) {
			due = s.at
		}
	}
	return due
}

// late says that something is overdue that was to come a while after a time.
func (o *oracle) late(from, due time.Time, wait time.Duration) bool {
	if o.slow.After(from) {
		due = due.Add(wait) // a clock that was put back is caught up with at half speed
		again := o.since.Add(wait)
		if o.slow.After(o.since) {
			again = again.Add(wait)
		}
		if again.After(due) {
			due = again
		}
	}
	return o.overdue(due, o.slack())
}

// checkQuiet looks at an incident that pages nobody, or waits to be quiet, and says that it is one.
func (o *oracle) checkQuiet(k *known) bool {
	inc := k.inc
	switch {
	case inc.PartOf != "":
		head := o.incidents[inc.PartOf]
		if head == nil || head.state == "resolved" && o.late(head.taken, head.taken, 0) {
			o.blame("escalation never stalls", "%s is a part of %s, which is over", k.id, inc.PartOf)
		}
	case !inc.QuietAt.IsZero():
		if o.late(k.silent, k.silent.Add(flapQuiet), flapQuiet) {
			o.blame("escalation never stalls", "%s is to be over when it has been quiet, which it is since %s", k.id, k.silent.Sub(o.world.began))
			k.silent = time.Now()
		}
	case !inc.ReleaseAt.IsZero() && inc.Suppressed != "":
		due := o.byTheirClock(inc.ReleaseAt)
		if k.freed.After(due) { // nothing of it fired then
			due = k.freed
		}
		if o.late(k.hidden, due, time.Minute) {
			o.blame("escalation never stalls", "%s was to be released at %s", k.id, inc.ReleaseAt.Sub(o.world.began))
		}
	case inc.Suppressed != "":
		if why := o.reasonOf(inc, o.slack()+time.Minute); why != "" && inc.firing() && !o.overdueUnlikely() {
			o.blame("suppressed with a reason", "%s is still suppressed, %q, but %s", inc.ID, inc.Suppressed, why)
		}
	default:
		return false
	}
	return true
}

// overdueUnlikely says that there was no time to do what should have been done.
func (o *oracle) overdueUnlikely() bool {
	return !o.running || time.Since(o.since) < o.slack()+time.Minute || o.slow.After(time.Now().Add(-time.Minute))
}

// called says that somebody was called for an incident, or for one that speaks for it.
func (o *oracle) called(k *known) bool {
	if k.tried > 0 {
		return true
	}
	for _, r := range k.rows {
		if r.Into == "" {
			continue
		}
		id := r.Into[:strings.LastIndexByte(r.Into, '-')]
		if host := o.incidents[id]; host != nil && host.tried > 0 {
			return true
		}
	}
	return false
}

// checkTries looks at an incident's messages.
func (o *oracle) checkTries(k *known) {
	for _, r := range k.rows {
		if r.Status == "pending" && r.Attempt > 0 && !r.ended.IsZero() && o.overdue(r.ended.Add(time.Minute+r.after), 100*time.Second+o.slack()) {
			if o.slow.After(r.ended) && !o.overdue(r.ended.Add(4*time.Minute+2*r.after), o.slack()) {
				continue
			}
			o.blame("what fails is tried again", "%s of %s by %s waits since %s", r.Kind, k.id, r.Channel, r.ended.Sub(o.world.began).Round(time.Second))
			r.ended = time.Now()
		}
	}
	opened := k.opened
	if k.freed.After(opened) {
		opened = k.freed
	}
	storm := 35 * time.Second
	for _, r := range k.rows {
		if r.Into != "" || r.Summary {
			storm += time.Minute
			break
		}
	}
	if k.state == "triggered" && o.overdue(opened, storm+o.slack()) && !o.called(k) {
		o.blame("accepted means paged", "nobody was called for %s, opened at %s", k.id, opened.Sub(o.world.began).Round(time.Second))
		k.tried++
	}
}

// endIncident looks at an incident when the run is over.
func (o *oracle) endIncident(k *known) {
	if k.state == "" || k.severity == "info" {
		return
	}
	for _, token := range k.tokens {
		if !o.world.kv.said(k.id, token) {
			o.blame("answered is durable", "%s has been in the timeline of %s and is gone", token, k.id)
		}
	}
	if !o.heardOf(k) && k.state == "triggered" && !k.inc.quiet() {
		o.blame("accepted means paged", "%s is open, and nobody has heard of it", k.id)
	}
	for _, r := range k.rows {
		if (r.Status == "cancelled" || r.Status == "failed") && r.Reason == "" {
			o.blame("suppressed with a reason", "%s of %s is %s without one", r.Kind, k.id, r.Status)
		}
	}
	if k.state != "resolved" || time.Since(k.taken) < 5*time.Minute {
		return
	}
	for dest := range k.told {
		if !k.toldOver[dest] && !o.spokeForOpen(k, dest) {
			o.blame("whoever was told is told that it is over", "%s: %s was not", k.id, dest)
		}
	}
}

// heardOf says that somebody was told of an incident, or of one that speaks for it.
func (o *oracle) heardOf(k *known) bool {
	if len(k.told) > 0 {
		return true
	}
	for _, r := range k.rows {
		if r.Into == "" {
			continue
		}
		id := r.Into[:strings.LastIndexByte(r.Into, '-')]
		if host := o.incidents[id]; host != nil && len(host.told) > 0 {
			return true
		}
	}
	return false
}

// spokeForOpen says that a message about an incident spoke there for another one that is not over, or not for long: the news
// waits for that.
func (o *oracle) spokeForOpen(k *known, dest string) bool {
	for _, r := range k.rows {
		if r.Kind != "trigger" || !r.Summary || r.destination() != dest {
			continue
		}
		for _, other := range o.order {
			for _, merged := range other.rows {
				if merged.Into == k.id+"-"+strconv.Itoa(r.Seq) && (other.state != "resolved" || time.Since(other.taken) < 5*time.Minute) {
					return true
				}
			}
		}
	}
	return false
}

// destination is whom a message goes to: PagerDuty holds one incident for all.
func destination(channel string, m page.Message) string {
	if channel == "pagerduty" {
		return channel
	}
	return channel + " of " + names(m)
}

// tries hears that an attempt begins.
func (o *oracle) tries(n *node, channel string, m page.Message) {
	defer o.lock()()
	k := o.know(m.IncidentID)
	dest := destination(channel, m)
	k.tried++
	if f, ok := k.inFlight[dest]; ok && f.node == n {
		o.blame("in order", "%s %s is sent to %s while %s is on its way", m.Kind, m.PageID, dest, f.page)
	}
	k.inFlight[dest] = flight{n, m.PageID}
	r := k.rows[seqOf(m)]
	if n.fence == o.world.kv.leader && !n.gone() && (r == nil || r.Status != "sending") {
		o.blame("durable before it is sent", "%s is sent, and is not stored as being sent", m.PageID)
	}
	switch m.Kind {
	case page.KindResolve:
		if r == nil || !r.first.Before(k.life) { // the news of an end that is over may be on its way yet
			k.over[dest] = true
		}
	case page.KindTrigger:
		if k.over[dest] && k.state == "resolved" && (r == nil || !r.begun.Equal(k.whirled)) {
			o.blame("in order", "%s is triggered at %s after it was told that it is over", m.PageID, dest)
		}
		o.mayCall(k, m)
	case page.KindUpdate:
		o.meets(updates)
	case page.KindAcknowledge:
	}
	if m.Repeat {
		o.meets(repeats)
	}
	if m.Kind == page.KindTrigger && k.inc.Suppressed != "" && k.state == "triggered" && time.Since(k.hidden) > 3*time.Second {
		o.blame("what is suppressed pages nobody", "%s is sent for %s, which is suppressed: %s", m.PageID, k.id, k.inc.Suppressed)
	}
}

// mayCall blames a call for an incident that somebody has.
func (o *oracle) mayCall(k *known, m page.Message) {
	const underWay = 3 * time.Second
	if k.quiet.IsZero() || time.Since(k.quiet) < underWay {
		return
	}
	if k.taken.After(k.quiet) && time.Since(k.taken) < underWay { // it called again since, and somebody has just taken it once more
		return
	}
	forward := o.put(k.taken.Add(-decidedBefore)) + o.ahead()
	ends := k.decided.Add(policies[k.policy].ackTimeout - forward - 2*time.Second)
	over := k.severity == "page" && time.Now().After(ends)
	if !k.until.IsZero() {
		over = !time.Now().Add(o.world.offset + forward).Before(k.until)
	}
	if !over && !o.maybe(k, k.quiet) {
		o.blame("an acknowledgement stops it", "%s is sent for %s, which is %s since %s", m.PageID, k.id, k.state, k.quiet.Sub(o.world.began).Round(time.Second))
		return
	}
	k.quiet = time.Time{}
}

// tried hears that an attempt has ended.
func (o *oracle) tried(n *node, channel string, m page.Message, err error) {
	defer o.lock()()
	k := o.know(m.IncidentID)
	dest := destination(channel, m)
	if f := k.inFlight[dest]; f.node == n && f.page == m.PageID {
		delete(k.inFlight, dest)
	}
	if r := k.rows[seqOf(m)]; r != nil {
		r.ended, r.after = time.Now(), page.RetryAfter(err)
	}
	if err != nil {
		o.fails(k, m)
	}
	switch m.Kind {
	case page.KindTrigger:
		if err == nil {
			k.tells(dest, k.rows[seqOf(m)])
		}
	case page.KindResolve:
		if err == nil || page.IsPermanent(err) {
			k.toldOver[dest] = true
		}
	case page.KindAcknowledge, page.KindUpdate:
	}
}

// fails notes that somebody could not be reached by the latest step of an incident, or of those that a message speaks for.
func (o *oracle) fails(k *known, m page.Message) {
	if r := k.rows[seqOf(m)]; r != nil && r.Created == k.created {
		k.trial = time.Now()
	}
	for _, other := range o.order {
		for _, r := range other.rows {
			if r.Into == m.PageID {
				other.trial = time.Now()
			}
		}
	}
}

// tells notes that a trigger has reached its destination. One from before the incident was opened again may come late, behind
// the news that it was over.
func (k *known) tells(dest string, r *row) {
	if r != nil && !r.first.Before(k.life) {
		k.told[dest] = true
	}
}

func seqOf(m page.Message) int {
	seq, _ := strconv.Atoi(strings.TrimPrefix(m.PageID, m.IncidentID+"-"))
	return seq
}

// accepted hears that a provider has taken a message in.
func (o *oracle) accepted(d delivery) {
	defer o.lock()()
	k := o.know(d.IncidentID)
	dest := destination(d.channel, d.Message)
	if d.again && d.channel != "pagerduty" {
		o.blame("repeats are recognisable", "%s %s came twice by %s without a mark", d.Kind, d.PageID, d.channel)
	}
	switch d.Kind {
	case page.KindResolve:
		k.toldOver[dest] = true
		return
	case page.KindTrigger:
		k.tells(dest, k.rows[seqOf(d.Message)])
	case page.KindAcknowledge, page.KindUpdate:
		return
	}
	r := k.rows[seqOf(d.Message)]
	if r == nil {
		o.blame("durable before it is sent", "%s is not stored", d.PageID)
		return
	}
	if r.Summary {
		o.meets(summaries)
	}
	for _, person := range d.People {
		key := strconv.Itoa(r.Pass) + "/" + strconv.Itoa(r.Step) + " " + person.Person + " " + d.channel
		first, was := k.pages[key]
		k.pages[key] = page1{r.Seq, r.first}
		earlier := first.at // it may be the later one of the two that has come first
		if r.first.Before(earlier) {
			earlier = r.first
		}
		again := slices.ContainsFunc(k.cause, func(at time.Time) bool { return at.Add(time.Minute).After(earlier) })
		if was && first.seq != r.Seq && !again {
			o.blame("one page a step", "%s and %s-%d both call %s by %s for step %d of pass %d", d.PageID, k.id, first.seq, person.Person, d.channel, r.Step+1, r.Pass+1)
		}
	}
}
