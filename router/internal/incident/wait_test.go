package incident

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"nezuban/oncall/schedule"
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

// sleeps is a policy in which alice gets tickets by text message, and is in her quiet hours, or the policy's hold, from 12:00 to 20:00.
func sleeps(hours string) string {
	person, policy := `, quiet = "ticket 12:00-20:00"`, ""
	if hours == "hold" {
		person, policy = "", `hold = "ticket 12:00-20:00"`
	}
	return `
zone = "UTC"
[people]
alice = { page = ["sms"], ticket = ["sms", "1h email"]` + person + ` }
bob   = { page = ["sms"] }
[schedule.api]
layers = [{ name = "base", every = "1w", from = "2026-01-05 09:00", who = ["alice"] }]
[policy.api]
steps = [{ page = "api", wait = "24h" }]
fallback = "bob"
` + policy + `
[[route]]
policy = "api"
`
}

// Whoever is not to be disturbed hears at the end of that time also what there is to say of a ticket that they know.
func TestNewsOfATicketWaitsForTheEndOfQuietHours(t *testing.T) {
	both := Settings{ReopenWithin: 24 * time.Hour, Groups: []Group{{ID: "ill", Rules: []string{"container-unhealthy"}, By: []string{"host"}, Within: 24 * time.Hour}}}
	for _, row := range []struct {
		name string
		do   func(w *world, again func(name string, firing bool, s Severity)) // at 15:00
		sent []string                                                         // by text message after that, with the time
	}{
		{"it grows", func(_ *world, again func(string, bool, Severity)) { again("b", true, SeverityTicket) }, []string{"20:00 update"}},
		{"it is over", func(_ *world, again func(string, bool, Severity)) { again("a", false, SeverityTicket) }, []string{"20:00 resolve"}},
		{"it grows and is over", func(w *world, again func(string, bool, Severity)) {
			again("b", true, SeverityTicket)
			w.after(time.Minute)
			again("a", false, SeverityTicket)
			again("b", false, SeverityTicket)
		}, []string{"20:00 resolve"}},
		{"it becomes a page", func(_ *world, again func(string, bool, Severity)) {
			again("b", true, SeverityTicket)
			again("a", true, SeverityPage)
		}, []string{"15:00 trigger"}},
		{"it is over, and comes back as a page", func(w *world, again func(string, bool, Severity)) {
			again("a", false, SeverityTicket)
			w.after(time.Minute)
			again("a", true, SeverityPage)
		}, []string{"15:01 trigger"}},
		{"a page of the same is over", func(w *world, again func(string, bool, Severity)) {
			again("a", true, SeverityPage)
			w.step()
			w.after(time.Minute)
			again("a", false, SeverityPage)
		}, []string{"15:01 resolve"}},
	} {
		for _, hours := range []string{"quiet", "hold"} {
			t.Run(row.name+", "+hours, func(t *testing.T) {
				w := newWorld(t, sleeps(hours)).use(both)
				again := func(name string, firing bool, s Severity) {
					a := w.ill("web1", name)
					a.Severity, a.Firing = s, firing
					w.apply(a)
				}
				again("a", true, SeverityTicket)
				want(t, w.deliver(sentOK), "trigger sms alice")
				w.after(2 * time.Hour).deliver(sentOK) // the mail
				w.env.Now = w.at(5 * time.Hour)
				row.do(w, again)
				var sent []string
				for w.env.Now.Before(w.at(11 * time.Hour)) {
					for _, s := range w.step() {
						if s.Channel == schedule.ChannelSMS {
							sent = append(sent, fmt.Sprintf("%s %s", w.env.Now.Format("15:04"), s.Kind))
						}
					}
				}
				want(t, sent, row.sent...)
			})
		}
	}
}

// What fails just before somebody's quiet hours is not tried again in them, and calls nobody else for that.
func TestATicketIsNotTriedAgainInQuietHours(t *testing.T) {
	for _, hours := range []string{"quiet", "hold"} {
		t.Run(hours, func(t *testing.T) {
			w := newWorld(t, sleeps(hours))
			w.env.Now = w.at(2*time.Hour - 3*time.Second)
			w.apply(ticket("disk", w.env.Now))
			failing := Outcome{Err: errors.New("timeout")}
			want(t, w.deliver(failing), "trigger sms alice")
			want(t, w.after(time.Second).deliver(failing), "trigger sms alice")
			for !t.Failed() && w.env.Now.Before(w.at(10*time.Hour).Add(-time.Second)) {
				want(t, w.after(time.Second).deliver(failing))
			}
			want(t, w.after(time.Second).deliver(sentOK), "trigger email alice", "trigger sms alice")
		})
	}
}

// What was being sent when the router died may have arrived: it is not sent again in quiet hours that have begun since.
func TestATicketIsNotSentAgainInQuietHoursAfterACrash(t *testing.T) {
	for _, hours := range []string{"quiet", "hold"} {
		t.Run(hours, func(t *testing.T) {
			w := newWorld(t, sleeps(hours))
			w.env.Now = w.at(2*time.Hour - 3*time.Second)
			w.apply(ticket("disk", w.env.Now))
			w.begin()
			w.crash() // 5 s later there is another router
			want(t, w.deliver(sentOK))
			w.env.Now = w.at(10*time.Hour - time.Second)
			want(t, w.deliver(sentOK))
			want(t, w.after(time.Second).deliver(sentOK), "trigger email alice", "trigger sms alice")
		})
	}
}
