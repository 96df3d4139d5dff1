package escalation

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"nezuban/oncall/schedule"
)

// finder looks people up for one call of [Next].
type finder struct {
	policy   Policy
	file     *schedule.File
	severity string
	now      time.Time
	picks    Picks
}

// told is whom a step tells. From is when the first of them may hear of it: now, or the end of their quiet hours.
type told struct {
	notify []Notify
	from   time.Time
}

// called is somebody whom a step names, and why.
type called struct {
	person string
	why    string
}

// step is whom the step at hand tells, each person once, and which of its names that is where they take turns.
func (w finder) step(pr Progress) (t told, picked string) {
	step := w.policy.Steps[pr.Step]
	if !step.Rotate {
		return w.names(pr, step.Page), ""
	}
	last := cmp.Or(pr.pickedAt(pr.Step), w.picks[PickKey(w.policy.Name, pr.Step)])
	for _, name := range inTurn(step.Page, last) {
		if t := w.names(pr, []string{name}); len(t.notify) > 0 {
			return t, name
		}
	}
	return told{}, ""
}

// names is whom some names of the step at hand tell.
func (w finder) names(pr Progress, names []string) told {
	at := fmt.Sprintf("step %d of policy %s", pr.Step+1, w.policy.Name)
	if pr.Pass > 0 {
		at += fmt.Sprintf(", pass %d of %d", pr.Pass+1, w.policy.Repeat+1)
	}
	var people, learners []called
	for _, name := range names {
		people = append(people, w.named(name)...)
		learners = append(learners, w.learning(name)...)
	}
	t := w.notify(people, pr, at, false)
	if len(t.notify) == 0 {
		return told{} // a copy needs somebody who is told
	}
	return told{notify: w.notify(append(people, learners...), pr, at, false).notify, from: t.from}
}

// learning is who learns on a schedule. They are told in copy, and are nobody whom a step has found.
func (w finder) learning(name string) []called {
	if _, ok := w.file.Person(name); ok {
		return nil
	}
	answer, err := w.file.Who(name, w.now)
	if err != nil {
		return nil // as in named
	}
	var people []called
	for _, person := range answer.Shadow {
		people = append(people, called{person: person, why: "in copy, learning on " + name})
	}
	return people
}

// named is who stands behind a name in a step: a person, or whoever is on call; nobody for a name that the file in
// force no longer has.
func (w finder) named(name string) []called {
	if _, ok := w.file.Person(name); ok {
		return []called{{person: name, why: "named in the step"}}
	}
	answer, err := w.file.Who(name, w.now)
	if err != nil {
		return nil // the only error: the schedule is gone, and a step that names it is empty
	}
	var people []called
	for _, r := range answer.Reasons {
		why := fmt.Sprintf("on call for %s until %s", name, answer.UntilText())
		if r.Covers != "" {
			why += ", covering " + r.Covers
		}
		people = append(people, called{person: r.Person, why: why})
	}
	return people
}

// fallback is who is told when the steps have not helped: the policy's fallback; when the file in force no longer has
// that person, or no channel for them, the fallback of the policy as it is there now; else that of the file's first
// policy; else everybody who can be told at all.
func (w finder) fallback(pr Progress) told {
	why := "nobody has acknowledged"
	if !pr.Found {
		why = "the steps found nobody to tell"
	}
	candidates := []string{w.policy.Fallback}
	if now, ok := policyNamed(w.file, w.policy.Name); ok {
		candidates = append(candidates, now.Fallback)
	}
	if policies := w.file.Policies(); len(policies) > 0 {
		candidates = append(candidates, policies[0].Fallback)
	}
	at := "fallback of policy " + w.policy.Name
	for _, person := range candidates {
		if t := w.notify([]called{{person, why}}, pr, at, true); len(t.notify) > 0 {
			return t
		}
	}
	var everybody []called
	for _, p := range w.file.People() {
		everybody = append(everybody, called{p.Name, why + ", and the fallback cannot be told"})
	}
	return w.notify(everybody, pr, at, true)
}

// notify spreads people over their channels. last says that nobody comes after them.
func (w finder) notify(people []called, pr Progress, at string, last bool) told {
	if w.policy.Unmatched {
		at += " (no route matches the incident)"
	}
	t := told{from: w.now}
	var seen []string
	for _, c := range people {
		person, ok := w.file.Person(c.person)
		if !ok || slices.Contains(seen, c.person) {
			continue
		}
		seen = append(seen, c.person)
		from := w.release(person, w.now)
		for _, channel := range channels(person, w.severity, last) {
			if len(t.notify) == 0 || from.Before(t.from) {
				t.from = from
			}
			t.notify = append(t.notify, Notify{
				Person: c.person, Channel: channel.Name, At: w.release(person, from.Add(channel.Delay)),
				Pass: pr.Pass, Step: pr.Step, Why: at + ": " + c.why,
			})
		}
	}
	return t
}

// channels is how a severity reaches a person.
//
// A page takes the page channels. A ticket takes the ticket channels; it must not wake, so somebody without any is
// reached by a ticket only through those of their page channels that wake nobody, and is passed over when there are
// none. But somebody must be told: where nobody comes after (last), the page channels will do.
func channels(p schedule.Person, severity string, last bool) []schedule.Channel {
	if severity != severityTicket {
		return p.Page
	}
	if len(p.Ticket) > 0 {
		return p.Ticket
	}
	var silent []schedule.Channel
	for _, c := range p.Page {
		if !c.Wakes() {
			silent = append(silent, c)
		}
	}
	if len(silent) == 0 && last {
		return p.Page
	}
	return silent
}
