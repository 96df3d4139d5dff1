package app

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"nezuban/oncall/escalation"
	"nezuban/oncall/schedule"
	"nezuban/router/internal/duty"
	"nezuban/router/internal/incident"
	"nezuban/router/internal/page"
	"nezuban/router/internal/state/record"
)

// stateUnwritable is the rule id of the one message that is not in the outbox: the outbox cannot be written then.
const stateUnwritable = "nezuban-state-unwritable"

// Times of the emergency.
const (
	emergencyAfter  = 15 * time.Second // of a state that cannot be written: what is shorter loses nobody's time
	emergencyEvery  = 30 * time.Minute
	emergencyWithin = 10 * time.Second // one try of one channel
	emergencyAgain  = time.Second      // after a round that reached nobody; twice as long after each further one
	emergencyAtMost = time.Minute      // between two such rounds
)

// emergency tells whoever is on call that the state cannot be written: past the outbox, as well as that goes, once an
// episode and then every half hour; until somebody is reached it goes on trying, see [emergency.round]. It knows the rotation file and the channels of the last term in which this router led; one
// that never led tells nobody. It is safe for concurrent use.
type emergency struct {
	router string // its name, in messages
	link   string // where people find it
	file   string // keeps who is to hear that it is over; "": nothing does
	now    func() time.Time
	guard  func(func() error) func() error
	log    *slog.Logger

	mu      sync.Mutex
	means   *means
	since   time.Time // of the first failure of the episode; zero: the state can be written
	why     error
	refused int       // reports in this episode
	nextAt  time.Time // when it is told next; zero: at once
	vain    int       // rounds of this message that reached nobody
	first   time.Time // try of this message
	count   int       // of messages in this episode
	told    []told
	ended   []told // of episodes that are over, which their receivers have not heard yet

	telling sync.Mutex // held while messages are sent
	keeping sync.Mutex // held while the file is written
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
	e.why = err
}

// refusedOne notes that a sender was sent away because of it.
func (e *emergency) refusedOne() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.refused++
}

// ok notes that the state can be written, by this router or by another. Whoever was told otherwise hears of it from
// [emergency.run].
func (e *emergency) ok() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.ended = append(e.ended, e.told...)
	e.since, e.why, e.refused, e.nextAt, e.vain, e.count, e.told = time.Time{}, nil, 0, time.Time{}, 0, 0, nil
}

// alarm is a message that is to go out now.
type alarm struct {
	page.Message
	by      means
	episode time.Time // when it began
	vain    int       // rounds so far that reached nobody
}

// due is the alarm that is to go out now, without waiting how long the trouble lasts, or for the pause after a round in
// vain, when atOnce; false when there is none. What has become of it is for [emergency.tried].
func (e *emergency) due(atOnce bool) (alarm, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.now()
	switch {
	case e.since.IsZero() || e.means == nil || e.means.rotation() == nil:
		return alarm{}, false
	case !atOnce && now.Sub(e.since) < emergencyAfter:
		return alarm{}, false
	case now.Before(e.nextAt) && (!atOnce || e.vain == 0):
		return alarm{}, false
	}
	if e.vain == 0 {
		e.first = now
		e.count++
	}
	id := duty.NewID(e.since)[:9] // the time alone: the same for the whole episode
	facts := page.Facts{
		Summaries: []string{unwritable(e.why, e.refused)}, Labels: map[string]string{"router": e.router}, Rule: stateUnwritable,
		Reason: e.why.Error(), Since: e.since, URL: e.link,
	}
	m := page.Message{
		Kind: page.KindTrigger, IncidentID: stateUnwritable + "-" + id, PageID: fmt.Sprintf("%s-%s-%d", stateUnwritable, id, e.count), Rule: stateUnwritable,
		Severity: incident.SeverityPage, Labels: facts.Labels, URL: e.link, Repeat: e.vain > 0, Failing: now.Sub(e.first),
	}
	m.Title, m.Text = page.Words(facts)
	return alarm{m, *e.means, e.since, e.vain}, true
}

// whyMax bounds the reason in a title, in characters, so that what follows it has room.
const whyMax = 110

// unwritable says in one line why the state cannot be written, and what came of it.
func unwritable(why error, refused int) string {
	reason := why.Error()
	if errors.Is(why, record.ErrFull) { // what follows says so too
		if _, after, ok := strings.Cut(reason, record.ErrFull.Error()+": "); ok {
			reason = after
		}
	}
	said := "the router's state cannot be written: " + page.Line(reason, whyMax)
	switch refused {
	case 0:
		return said
	case 1:
		return said + "; 1 report was refused"
	}
	return fmt.Sprintf("%s; %d reports were refused", said, refused)
}

// tried notes what became of a round of an alarm: whether it reached somebody.
func (e *emergency) tried(a alarm, reached bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case !e.since.Equal(a.episode):
	case reached:
		e.vain, e.nextAt = 0, e.now().Add(emergencyEvery)
	default:
		e.nextAt = e.now().Add(min(emergencyAgain<<min(e.vain, 6), emergencyAtMost))
		e.vain++
	}
}

// took remembers a message that was taken.
func (e *emergency) took(episode time.Time, t told) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.since.Equal(episode) {
		e.told = append(e.told, t)
	} else { // it was over before the provider answered
		e.ended = append(e.ended, t)
	}
}
