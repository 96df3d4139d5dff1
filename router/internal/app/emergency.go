package app

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"nezuban/oncall/escalation"
	"nezuban/oncall/schedule"
	"nezuban/router/internal/duty"
	"nezuban/router/internal/incident"
	"nezuban/router/internal/page"
)

// stateUnwritable is the rule id of the one message that is not in the outbox: the outbox cannot be written then.
const stateUnwritable = "nezuban-state-unwritable"

// Times of the emergency.
const (
	emergencyAfter  = 15 * time.Second // of a state that cannot be written: what is shorter loses nobody's time
	emergencyEvery  = 30 * time.Minute
	emergencyWithin = 10 * time.Second // one try of one channel
)

// emergency tells whoever is on call that the state cannot be written: past the outbox, as well as that goes, once an
// episode and then every half hour. It knows the rotation file and the channels of the last term in which this router led; one
// that never led tells nobody. It is safe for concurrent use.
type emergency struct {
	router string // its name, in messages
	link   string // where people find it
	now    func() time.Time
	guard  func(func() error) func() error
	log    *slog.Logger

	mu      sync.Mutex
	means   *means
	since   time.Time // of the first failure of the episode; zero: the state can be written
	why     string
	refused int       // reports in this episode
	toldAt  time.Time // zero: nobody was told in this episode
	count   int       // of messages in this episode
	told    []told
}

// means are by which people are reached.
type means struct {
	rotation func() *schedule.File
	contacts func() *escalation.Contacts
	pagers   map[string]page.Pager
}

// told is a message that was taken, so that its end can be told too.
type told struct {
	channel string
	message page.Message
}

// equip takes over the means of a term.
func (e *emergency) equip(m means) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.means = &m
}

// failed notes that the state could not be written.
func (e *emergency) failed(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.since.IsZero() {
		e.since = e.now()
	}
	e.why = err.Error()
}

// refusedOne notes that a sender was sent away because of it.
func (e *emergency) refusedOne() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.refused++
}

// over notes that the state can be written, by this router or by another, and gives back who was told otherwise.
func (e *emergency) over() []told {
	e.mu.Lock()
	defer e.mu.Unlock()
	told := e.told
	e.since, e.why, e.refused, e.toldAt, e.count, e.told = time.Time{}, "", 0, time.Time{}, 0, nil
	return told
}

// due is the message that is to go out now, without waiting how long the trouble lasts when atOnce; false when there is none. It counts as told from here on, whether it gets
// through or not: an emergency is no reason to ring every second.
func (e *emergency) due(atOnce bool) (page.Message, means, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.now()
	switch {
	case e.since.IsZero() || e.means == nil || e.means.rotation() == nil:
		return page.Message{}, means{}, false
	case !atOnce && now.Sub(e.since) < emergencyAfter:
		return page.Message{}, means{}, false
	case !e.toldAt.IsZero() && now.Sub(e.toldAt) < emergencyEvery:
		return page.Message{}, means{}, false
	}
	e.toldAt = now
	e.count++
	id := duty.NewID(e.since)[:9] // the time alone: the same for the whole episode
	summary := fmt.Sprintf("the router's state cannot be written; %d reports were refused", e.refused)
	facts := page.Facts{
		Summaries: []string{summary, e.why}, Labels: map[string]string{"router": e.router}, Rule: stateUnwritable, Since: e.since, URL: e.link,
	}
	m := page.Message{
		Kind: page.KindTrigger, IncidentID: stateUnwritable + "-" + id, PageID: fmt.Sprintf("%s-%s-%d", stateUnwritable, id, e.count), Rule: stateUnwritable,
		Severity: incident.SeverityPage, Labels: facts.Labels, URL: e.link,
	}
	m.Title, m.Text = page.Words(facts)
	return m, *e.means, true
}

// run tells when it is time, until ctx ends.
func (e *emergency) run(ctx context.Context) {
	for ctx.Err() == nil {
		e.tell(ctx, false)
		pause(ctx, time.Second)
	}
}

// tell sends the message that is due, if one is: to each person whom the policy's first step calls by their first channel
// that takes it.
func (e *emergency) tell(ctx context.Context, atOnce bool) {
	m, by, ok := e.due(atOnce)
	if !ok {
		return
	}
	file := by.rotation()
	policy, _ := escalation.PolicyFor(file, m.Labels)
	_, notify := escalation.Next(policy, file, escalation.Progress{}, escalation.Picks{}, string(m.Severity), e.now())
	reached := map[string]bool{}
	slices.SortStableFunc(notify, func(a, b escalation.Notify) int { return cmp.Compare(a.At.UnixNano(), b.At.UnixNano()) })
	for _, n := range notify {
		if reached[n.Person] {
			continue
		}
		m := m
		m.IncidentID += "-" + n.Person // PagerDuty keeps one incident for each
		m.Why = n.Why
		address, _ := by.contacts().Address(n.Person, n.Channel)
		m.People = []page.Recipient{{Person: n.Person, Address: address}}
		reached[n.Person] = e.send(ctx, by, n.Channel, m)
	}
	if len(notify) == 0 {
		e.log.Error("the state cannot be written, and nobody can be told: nobody is on call")
	}
}

// send makes one try, and remembers a message that was taken.
func (e *emergency) send(ctx context.Context, by means, channel string, m page.Message) bool {
	pager, ok := by.pagers[channel]
	if !ok {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, emergencyWithin)
	defer cancel()
	err := e.guard(func() error {
		id, err := pager.Page(ctx, m)
		m.ProviderID = id
		return err
	})()
	if err != nil {
		e.log.Error("cannot tell that the state cannot be written", "person", m.People[0].Person, "channel", channel, "err", err)
		return false
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.told = append(e.told, told{channel, m})
	return true
}

// ok notes that the state can be written, and tells whoever was told otherwise, once and as well as it goes.
func (e *emergency) ok(ctx context.Context) {
	all := e.over()
	seen := map[string]bool{}
	for _, t := range slices.Backward(all) {
		person := t.message.People[0].Person + " " + t.channel
		e.mu.Lock()
		by := e.means
		e.mu.Unlock()
		if seen[person] || by == nil {
			continue
		}
		seen[person] = true
		m := t.message
		m.Kind, m.PageID, m.Why = page.KindResolve, m.PageID+"-over", ""
		m.Title, m.Text = page.Words(page.Facts{
			Summaries: []string{"the router's state can be written again"}, Labels: m.Labels, Rule: stateUnwritable, URL: e.link,
		})
		e.sendOver(ctx, *by, t.channel, m)
	}
}

func (e *emergency) sendOver(ctx context.Context, by means, channel string, m page.Message) {
	ctx, cancel := context.WithTimeout(ctx, emergencyWithin)
	defer cancel()
	if pager, ok := by.pagers[channel]; ok {
		if err := e.guard(func() error { _, err := pager.Page(ctx, m); return err })(); err != nil {
			e.log.Warn("cannot tell that the state can be written again", "channel", channel, "err", err)
		}
	}
}
