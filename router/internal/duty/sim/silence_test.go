package sim

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"nezuban/router/internal/duty"
	"nezuban/router/internal/incident"
)

// silences are those that people make.
var silences = []struct {
	matchers []string
	hits     func(a alertState) bool
}{
	{[]string{"host=web1"}, func(a alertState) bool { return a.Labels["host"] == "web1" }},
	{[]string{"rule=error-seen", "app=~a[12]"}, func(a alertState) bool {
		return a.Rule == "error-seen" && (a.Labels["app"] == "a1" || a.Labels["app"] == "a2")
	}},
	{[]string{"rule=container-died", "host!=web1"}, func(a alertState) bool { return a.Rule == "container-died" && a.Labels["host"] != "web1" }},
	{[]string{"check!="}, func(a alertState) bool { return a.Labels["check"] != "" }},
}

// silence is one that somebody makes, and perhaps ends before its time.
func (w *world) silence(i int, r *rand.Rand) {
	which := r.IntN(len(silences))
	reason := fmt.Sprintf("kind %d number %d", which, i)
	s := incident.Silence{Reason: reason, By: "erin"}
	for _, text := range silences[which].matchers {
		m, err := incident.ParseMatcher(text)
		if err != nil {
			panic(err)
		}
		s.Matchers = append(s.Matchers, m)
	}
	length, wait := between(r, 4*time.Minute, 30*time.Minute), time.Duration(0)
	if one(r, 3) {
		wait = between(r, time.Second, 10*time.Minute)
	}
	var id string
	w.insist("silence "+reason, r, func(ctx context.Context, e *duty.Engine) error {
		s := s
		s.From = w.clock().Add(wait)
		s.Until = s.From.Add(length)
		made, err := e.Silence(ctx, s)
		id = made.ID
		return err
	}, func() {
		w.oracle.keeps(id, reason)
		if one(r, 3) {
			w.at(between(r, time.Second, wait+length), "end "+reason, func() { w.endSilence(id, r) })
		}
	})
}

func (w *world) endSilence(id string, r *rand.Rand) {
	w.insist("end silence "+id, r, func(ctx context.Context, e *duty.Engine) error {
		err := e.EndSilence(ctx, id, "erin")
		if errors.Is(err, incident.ErrUnknown) {
			return nil // over already
		}
		return err
	}, func() { w.oracle.endsSilence(id) })
}

// insist asks the router for something until it is done.
func (w *world) insist(key string, r *rand.Rand, ask func(context.Context, *duty.Engine) error, done func()) {
	w.call(key, r, func(ctx context.Context, n *node) error { return ask(ctx, n.engine) }, func(err error) {
		w.say("%s: %v", key, err)
		if err != nil {
			w.at(between(r, time.Second, 10*time.Second), key, func() { w.insist(key, r, ask, done) })
			return
		}
		done()
	})
}

// heldSilence is a silence as it is stored.
type heldSilence struct {
	ID      string    `json:"id"`
	From    time.Time `json:"from"`
	Until   time.Time `json:"until"`
	Reason  string    `json:"reason"`
	EndedBy string    `json:"ended_by"`

	kind   int
	stored time.Time // the latest change
	kept   bool      // its making was answered 2xx
	older  bool      // a router has crashed since it was made
}

// storedSilence hears that a silence was stored.
func (o *oracle) storedSilence(value string) {
	var s heldSilence
	if !o.read(value, &s) {
		return
	}
	if _, err := fmt.Sscanf(s.Reason, "kind %d", &s.kind); err != nil {
		o.blame("readable", "silence %s: %v", s.ID, err)
		return
	}
	if before := o.silences[s.ID]; before != nil {
		s.kept, s.older = before.kept, before.older
	}
	if s.EndedBy != "" {
		o.meets(silencesEnded)
	}
	s.stored = time.Now()
	o.silences[s.ID] = &s
}

// keeps hears that the making of a silence was answered 2xx.
func (o *oracle) keeps(id, reason string) {
	defer o.lock()()
	s := o.silences[id]
	if s == nil || s.Reason != reason {
		o.blame("answered is durable", "silence %s, %s, was answered 2xx and is not stored", id, reason)
		return
	}
	s.kept = true
}

// endsSilence hears that the end of a silence was answered 2xx.
func (o *oracle) endsSilence(id string) {
	defer o.lock()()
	s := o.silences[id]
	if s == nil || s.Until.After(o.decisionsAt().Add(time.Second)) {
		o.blame("answered is durable", "the end of silence %s was answered 2xx and is not stored", id)
	}
}

// decisionsAt is the latest time that a decision of now may be made at.
func (o *oracle) decisionsAt() time.Time {
	return time.Now().Add(o.world.offset).Add(o.ahead() + o.put(o.world.began))
}

// surely is whether a silence is in force beyond doubt, whatever the clock was meanwhile, and has been for a while.
func (o *oracle) surely(s *heldSilence, d time.Duration) bool {
	now := time.Now().Add(o.world.offset)
	return now.Add(-d).After(s.From) && time.Since(s.stored) > d && o.calmFor(d) && now.Add(d).Before(s.Until)
}

// inForce is whether a silence may be in force, or may have been a while ago.
func (o *oracle) inForce(s *heldSilence, d time.Duration) bool {
	now := time.Now().Add(o.world.offset)
	return time.Since(s.stored) < d || !now.Add(d+o.ahead()).Before(s.From) && now.Add(-d).Before(s.Until)
}

// calmFor is whether the clock has been as it is for a while.
func (o *oracle) calmFor(d time.Duration) bool {
	return (len(o.steps) == 0 || time.Since(o.steps[len(o.steps)-1].at) > d) && !o.slow.After(time.Now().Add(-d))
}

// reasonOf says what is wrong with why an incident is suppressed; "" when that is true, or was a short time ago.
func (o *oracle) reasonOf(inc *stored, d time.Duration) string {
	switch {
	case inc.SuppressedBy != "":
		by := o.incidents[inc.SuppressedBy]
		if by == nil {
			return "incident " + inc.SuppressedBy + " is not known"
		}
		if by.state == "resolved" && time.Since(by.taken) > d {
			return "incident " + inc.SuppressedBy + " is over"
		}
		return ""
	case strings.HasPrefix(inc.Suppressed, "silence "):
		id := strings.Fields(inc.Suppressed)[1]
		if s := o.silences[id]; s == nil || !o.inForce(s, d) {
			return "silence " + id + " is not in force"
		}
		return ""
	case strings.HasPrefix(inc.Suppressed, "maintenance window update until "):
		now := time.Now().Add(o.world.offset)
		if !o.calmFor(d) || now.Add(d+o.ahead()).After(o.world.began.Add(windowOpens)) && now.Add(-d).Before(o.world.began.Add(windowCloses)) {
			return ""
		}
		return "no maintenance window is open"
	}
	return "no reason is named"
}

// hushed says why nobody may be paged for an incident, and has not been for a while; "" when somebody may.
func (o *oracle) hushed(inc *stored, d time.Duration) string {
	why := ""
	for key, a := range inc.Alerts {
		if !a.Firing {
			continue
		}
		one := o.hush(key, a, d)
		if one == "" {
			return ""
		}
		why = one
	}
	return why
}

func (o *oracle) hush(key string, a alertState, d time.Duration) string {
	host := a.Labels["host"]
	if by := o.firing["agent-gone|"+host]; a.Rule == "container-died" && by != "" {
		if k := o.incidents[by]; k != nil && time.Since(k.opened) > d && time.Since(k.life) > d && k.inc.SuppressedBy == "" {
			return "agent-gone of " + host
		}
	}
	if a.Rule == "manual" {
		return ""
	}
	if now := time.Now().Add(o.world.offset); a.Rule != "" && host == windowHost && o.calmFor(d) && now.Add(-d).After(o.world.began.Add(windowOpens)) && now.Add(d).Before(o.world.began.Add(windowCloses)) {
		return "maintenance"
	}
	for _, s := range o.silences {
		if s.kept && silences[s.kind].hits(a) && o.surely(s, d) {
			return "silence " + s.ID
		}
	}
	return ""
}
