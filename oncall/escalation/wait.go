package escalation

import (
	"time"

	"nezuban/oncall/schedule"
)

// longestWait bounds how long hold and quiet hours together can make a ticket wait: no hours last a whole week, but
// those of a policy and those of a person may leave no time between them. Then the policy's alone count.
const longestWait = 14 * 24 * time.Hour

// Release is when a message to a person may go out that is due at a time: for a page then; for a ticket outside of the
// policy's hold and of the person's quiet hours.
func Release(p Policy, f *schedule.File, person, severity string, due time.Time) time.Time {
	who, _ := f.Person(person) // somebody who is gone has no quiet hours
	return finder{policy: p, severity: severity}.release(who, due)
}

// release is when a message may go out that is due at a time, see [Release].
func (w finder) release(p schedule.Person, due time.Time) time.Time {
	if w.severity != severityTicket {
		return due
	}
	at := due
	for at.Sub(due) < longestWait {
		end := p.Quiet.Until(at)
		if end.IsZero() {
			end = w.policy.Hold.Until(at)
		}
		if end.IsZero() {
			return at
		}
		at = end
	}
	if end := w.policy.Hold.Until(due); !end.IsZero() {
		return end
	}
	return due
}

// LongestWait bounds how long after a call of [Next] or [Hand] the next step of an incident can come: its Progress.Next is
// never later than that.
func LongestWait(p Policy, severity string) time.Duration {
	longest := FallbackEvery
	for _, step := range p.Steps {
		longest = max(longest, step.Wait.Duration())
	}
	if severity == severityTicket {
		longest += longestWait + 7*24*time.Hour // the last of the hours that it waits out may be nearly a week
	}
	return longest
}
