package incident

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// sleepers holds tickets by night (start is 10:00) and lets two people take turns.
const sleepers = `
zone = "UTC"
[people]
alice = { page = ["sms"], ticket = ["email", "90m slack"] }
bob   = { page = ["sms"], ticket = ["email"] }
[schedule.api]
layers = [{ name = "base", every = "1w", from = "2026-01-05 09:00", who = ["alice"] }]
[policy.api]
steps = [{ page = ["alice", "bob"], pick = "rotate", wait = "5m" }]
fallback = "alice"
hold = "ticket 11:00-14:00"
[[route]]
policy = "api"
`

func ticket(key string, at time.Time) Alert {
	a := died(at)
	a.Key, a.Event, a.Severity = DedupKey(key), key, SeverityTicket
	return a
}

func TestATicketIsHeldAndThenSent(t *testing.T) {
	w := newWorld(t, sleepers).after(90 * time.Minute)
	w.apply(ticket("disk", w.env.Now))
	want(t, w.deliver(sentOK))
	if log := strings.Join(w.log, "\n"); !strings.Contains(log, `held by policy "api" until 2026-03-04T14:00:00Z`) || strings.Contains(log, "nobody") {
		t.Errorf("the timeline does not say it is held:\n%s", log)
	}
	w.after(149 * time.Minute) // 13:59
	want(t, w.deliver(sentOK))
	w.after(time.Minute)
	want(t, w.deliver(sentOK), "trigger email alice")
}

func TestAHeldTicketThatIsOverIsNeverSent(t *testing.T) {
	w := newWorld(t, sleepers).after(90 * time.Minute)
	w.apply(ticket("disk", w.env.Now))
	w.after(time.Minute)
	over := ticket("disk", w.env.Now)
	over.Firing = false
	w.apply(over)
	w.after(12 * time.Hour)
	want(t, w.deliver(sentOK))
}

func TestAHeldTicketThatBecomesAPageGoesOutAtOnce(t *testing.T) {
	w := newWorld(t, sleepers).after(90 * time.Minute)
	w.apply(ticket("disk", w.env.Now))
	worse := ticket("disk", w.env.Now)
	worse.Severity, worse.Event = SeverityPage, "worse"
	w.apply(worse)
	want(t, w.deliver(sentOK), "trigger sms alice")
}

// A channel that fails brings the next one forward, but not into hours in which tickets wait.
func TestAFailingChannelDoesNotBreakTheHold(t *testing.T) {
	w := newWorld(t, sleepers).after(59 * time.Minute)
	w.apply(ticket("disk", w.env.Now)) // 10:59; Slack is due at 14:00
	w.env.Now = w.env.Now.Add(2 * time.Minute)
	want(t, w.deliver(Outcome{Err: errors.New("refused"), Permanent: true}), "trigger email alice")
	want(t, w.deliver(sentOK))
	w.after(179 * time.Minute) // 14:00
	want(t, w.deliver(sentOK), "trigger email alice", "trigger slack alice")
}

func TestStepsTakeTurnsOverIncidentsAndRestarts(t *testing.T) {
	w := newWorld(t, sleepers)
	page := func(key string) Alert { a := ticket(key, w.env.Now); a.Severity = SeverityPage; return a }
	first := w.apply(page("one"))
	want(t, w.deliver(sentOK), "trigger sms alice")
	both := w.apply(page("two"), page("three")) // in one decision
	want(t, w.deliver(sentOK), "trigger sms bob", "trigger sms alice")
	if len(first.Picks) != 1 || len(both.Picks) != 1 || both.Picks["0/api"] != "alice" {
		t.Errorf("picks to be stored: %v, %v", first.Picks, both.Picks)
	}
	w.book = NewBook(w.book.Incidents(), nil, both.Picks)
	w.apply(page("four"))
	want(t, w.deliver(sentOK), "trigger sms bob")
}
