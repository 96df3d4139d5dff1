package escalation

import (
	"time"

	"nezuban/oncall/schedule"
)

// FallbackEvery is how often the fallback is told again until somebody acknowledges.
const FallbackEvery = 30 * time.Minute

// Severities that [Next] tells apart, in the words of the router's package incident. Any other is taken for a page:
// a word that a newer release has brought must not lose one.
const (
	severityTicket = "ticket"
	severityInfo   = "info"
)

// Progress is how far the escalation of an incident has come. The zero value has not begun.
//
// Its JSON form is stored inside the incident, under the same rules as that of [Policy].
type Progress struct {
	Pass     int       `json:"pass,omitempty"`     // the pass that is under way, from 0
	Step     int       `json:"step,omitempty"`     // the step of it that comes next, from 0
	Started  time.Time `json:"started,omitzero"`   // when the first step was taken, or held
	Next     time.Time `json:"next,omitzero"`      // when [Next] must be called again
	Found    bool      `json:"found,omitempty"`    // somebody has been told in this pass
	Fallback bool      `json:"fallback,omitempty"` // all passes are over: from here on only the fallback is told
	Held     bool      `json:"held,omitempty"`     // the step that comes next waits until Next for the end of the policy's hold
	Picked   []string  `json:"picked,omitempty"`   // by step: whom this incident has told in turn last; see [Picks]
}

// Notify is one message to send: to one person, on one channel, not before a time. All that become due by one call of
// [Next] share their Pass and Step, which only grow from call to call: a later step, or a later pass.
type Notify struct {
	Person  string
	Channel string
	At      time.Time // the step's start plus the channel's delay; for a ticket, after any hold and quiet hours it falls into
	Pass    int       // from 0; each time the fallback is told counts as a further pass
	Step    int       // from 0; the fallback's is 0
	Why     string    // for people, such as "step 1 of policy api: on call for api until 2026-11-30 09:00 CET"
}

// Next takes the steps of p that are due and says whom to tell; pr.Next of what it returns says when to call again,
// and is always after now. It is called when an incident triggers, with the zero Progress, and whenever its pr.Next has
// come while it is triggered; called earlier it changes nothing. picks are the turns of all incidents so far.
//
// A step that reaches nobody is skipped at once, with no wait: nobody is on call, the schedule is gone from the file,
// or whoever is on call has no channel for the severity. After the last pass, and at once when a whole pass has
// reached nobody, the fallback is told, again every [FallbackEvery]. Waits count from now, so that steps missed while
// nobody called Next are not made up for in a burst. An incident of severity info tells nobody: pr comes back as it is.
//
// A ticket takes no step within the policy's hold: pr.Held says so, and pr.Next is its end. Where a step tells only people
// who are in their quiet hours, its wait counts from when the first of them hears of it, so that nothing piles up for the
// morning. A page is never held.
//
// Next on a sample's path: [schedule.File.Who], which says who is on call. The caller turns what comes back into rows of
// the outbox.
func Next(p Policy, f *schedule.File, pr Progress, picks Picks, severity string, now time.Time) (Progress, []Notify) {
	if severity == severityInfo || (!pr.Started.IsZero() && now.Before(pr.Next)) {
		return pr, nil
	}
	if f == nil {
		f = &schedule.File{}
	}
	if pr.Started.IsZero() {
		pr = Progress{Started: now}
	}
	if end := p.Hold.Until(now); severity == severityTicket && !end.IsZero() {
		pr.Held, pr.Next = true, end
		return pr, nil
	}
	pr.Held = false
	who := finder{policy: p, file: f, severity: severity, now: now, picks: picks}
	for !pr.Fallback {
		if pr.Step >= len(p.Steps) {
			pr = endPass(p, pr)
			continue
		}
		step := p.Steps[pr.Step]
		told, picked := who.step(pr)
		if picked != "" {
			pr = pr.pick(pr.Step, picked)
		}
		pr.Step++
		if len(told.notify) > 0 {
			pr.Found = true
			pr.Next = told.from.Add(max(step.Wait.Duration(), time.Second))
			return pr, told.notify
		}
	}
	told := who.fallback(pr)
	pr.Pass++
	pr.Step = 0
	pr.Next = told.from.Add(FallbackEvery)
	return pr, told.notify
}

// Hand tells one person of an incident that somebody, by, gives to them, at once or after their quiet hours, and lets the
// escalation go on from where it is when they have had the wait of the step taken last. Nobody is told, and pr comes back
// as it is, when the file does not have the person or no channel of theirs will do.
func Hand(p Policy, f *schedule.File, pr Progress, severity, person, by string, now time.Time) (Progress, []Notify) {
	if f == nil {
		f = &schedule.File{}
	}
	if severity == severityInfo {
		severity = severityTicket // what tells nobody by itself need not wake anybody when it is handed on
	}
	last := max(pr.Step-1, 0)
	who := finder{policy: p, file: f, severity: severity, now: now}
	at := pr
	at.Step = last
	told := who.notify([]called{{person, by + " has given it to you"}}, at, "reassigned", true)
	if len(told.notify) == 0 {
		return pr, nil
	}
	if pr.Started.IsZero() {
		pr.Started = now
	}
	pr = Wait(p, pr, told.from)
	pr.Found = true
	return pr, told.notify
}

// Wait lets the escalation go on from where it is after the wait of the step taken last, counted from a time; one that has not
// begun begins then.
func Wait(p Policy, pr Progress, from time.Time) Progress {
	wait := FallbackEvery
	if last := max(pr.Step-1, 0); !pr.Fallback && last < len(p.Steps) {
		wait = max(p.Steps[last].Wait.Duration(), time.Second)
	}
	if pr.Started.IsZero() {
		pr.Started = from
	}
	pr.Held, pr.Next = false, from.Add(wait)
	return pr
}

// endPass begins the next pass, or the fallback. Found says how the last pass went, also to the fallback's first why.
func endPass(p Policy, pr Progress) Progress {
	last := pr.Pass >= p.Repeat
	pr.Pass, pr.Step = pr.Pass+1, 0
	if last || !pr.Found {
		pr.Fallback = true
		return pr
	}
	pr.Found = false
	return pr
}
