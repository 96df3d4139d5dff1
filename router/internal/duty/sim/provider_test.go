package sim

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"nezuban/router/internal/page"
)

// channels are those that the people of the rotation file have. PagerDuty knows a message by its key, sms is looked up
// before it is sent again, the others are marked.
var channels = []string{"pagerduty", "sms", "email", "terminal"}

// providers play all providers. They outlive every router.
type providers struct {
	world *world

	mu    sync.Mutex
	tries map[string]int      // by page: how often it was tried
	held  map[string]bool     // by page: the provider has it
	plain map[string]bool     // by page: it came without a mark
	out   map[string][]outage // by channel
	ring  func(d delivery)    // somebody is told
}

// outage is a time in which a channel does not work.
type outage struct{ from, until time.Duration }

// delivery is a message that has arrived at somebody.
type delivery struct {
	page.Message
	channel string
	again   bool // it came before, and neither was marked as a repeat
}

// mood is what a provider does with one request.
type mood int

const (
	accepts mood = iota
	refuses
	busy        // 429, with and without a time
	hangs       // no answer, and nothing happens
	acceptsLo   // accepts, and the answer is lost
	slowly      // accepts after many seconds
	liesLate    // says that it has accepted, and delivers minutes later
	liesForGood // says that it has accepted, and never delivers
	fails       // 500
)

// moodOf decides what happens to one try. Outside of storms providers keep their word.
func (p *providers) moodOf(r *rand.Rand, channel string) mood {
	w := p.world
	if !w.storming() {
		return accepts
	}
	since := time.Since(w.began)
	for _, o := range p.out[channel] {
		if since >= o.from && since < o.until {
			return []mood{hangs, hangs, fails, busy, acceptsLo}[r.IntN(5)]
		}
	}
	switch n := r.IntN(100); {
	case n < 70:
		return accepts
	case n < 74:
		return refuses
	case n < 79:
		return busy
	case n < 82:
		return hangs
	case n < 88:
		return acceptsLo
	case n < 92:
		return slowly
	case n < 94:
		return liesLate
	case n < 95:
		return liesForGood
	default:
		return fails
	}
}

// pager is a channel as one router uses it.
type pager struct {
	node    *node
	channel string
}

// Page makes one try.
func (p *pager) Page(ctx context.Context, m page.Message) (string, error) {
	w := p.node.world
	ps := w.phones
	ps.mu.Lock()
	ps.tries[m.PageID]++
	r := w.rand("try", p.channel, m.PageID, ps.tries[m.PageID])
	ps.mu.Unlock()
	time.Sleep(between(r, 10*time.Microsecond, 2*time.Millisecond))
	if p.node.burn(beforeTry) {
		return "", errCrash
	}
	mood := ps.moodOf(r, p.channel)
	w.oracle.tries(p.node, p.channel, m)
	w.say("router %d: %s %s of %s to %s by %s, repeat %t", p.node.number, m.Kind, m.PageID, m.IncidentID, names(m), p.channel, m.Repeat)
	id, err := p.attempt(ctx, m, r, mood)
	if ctx.Err() != nil { // attempts that began together do not end together
		time.Sleep(between(r, 10*time.Microsecond, 2*time.Millisecond))
	}
	w.oracle.tried(p.node, p.channel, m, err)
	if err != nil {
		w.say("%s %s did not get through: %v", m.Kind, m.PageID, err)
	}
	return id, err
}

func (p *pager) attempt(ctx context.Context, m page.Message, r *rand.Rand, mood mood) (string, error) {
	ps := p.node.world.phones
	wait := between(r, 20*time.Millisecond, 1500*time.Millisecond)
	if mood == slowly {
		wait = between(r, 5*time.Second, 28*time.Second)
	}
	if !sleep(ctx, wait) {
		return "", ctx.Err()
	}
	switch mood {
	case refuses:
		return "", page.Permanent("400 not like this")
	case busy:
		err := &page.Error{Retry: true, Err: errors.New("429 too many")}
		if one(r, 2) {
			err.After = between(r, time.Second, time.Minute)
		}
		return "", err
	case hangs:
		<-ctx.Done()
		return "", ctx.Err()
	case fails:
		return "", errors.New("500")
	case liesForGood:
		p.node.world.oracle.meet(liesTold)
		return p.id(m), nil
	case liesLate:
		p.node.world.at(between(r, time.Minute, 10*time.Minute), "late "+m.PageID+p.channel, func() { ps.accept(p.channel, m) })
		return p.id(m), nil
	case accepts, acceptsLo, slowly:
	}
	if p.node.gone() && one(r, 2) {
		return "", errCrash // it was cut off in the middle
	}
	ps.accept(p.channel, m)
	if p.node.burn(afterAccept) || mood == acceptsLo {
		if one(r, 2) {
			<-ctx.Done()
		}
		return "", errors.New("the answer is lost")
	}
	if !sleep(ctx, between(r, 10*time.Millisecond, 200*time.Millisecond)) {
		return "", ctx.Err()
	}
	return p.id(m), nil
}

// id is what the provider calls what it has been sent.
func (p *pager) id(m page.Message) string { return p.channel + "-" + m.IncidentID }

// accept takes a message in. A keyed or looked-up one that is there already is not delivered again.
func (p *providers) accept(channel string, m page.Message) {
	p.mu.Lock()
	had, unmarked := p.held[channel+m.PageID], p.plain[channel+m.PageID]
	p.held[channel+m.PageID] = true
	p.plain[channel+m.PageID] = unmarked || !m.Repeat
	p.mu.Unlock()
	d := delivery{m, channel, unmarked && !m.Repeat}
	p.world.oracle.accepted(d)
	if had && (channel == "pagerduty" || channel == "sms" && m.Repeat) {
		return
	}
	p.world.say("%s is told by %s: %s %s of %s", names(m), channel, m.Kind, m.PageID, m.IncidentID)
	p.world.at(0, fmt.Sprint("ring ", channel, m.PageID), func() { p.ring(d) })
}

func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func names(m page.Message) string {
	var all []string
	for _, to := range m.People {
		all = append(all, to.Person)
	}
	return strings.Join(all, ",")
}
