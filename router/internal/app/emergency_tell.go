package app

import (
	"cmp"
	"context"
	"slices"
	"time"

	"nezuban/oncall/escalation"
	"nezuban/oncall/schedule"
	"nezuban/router/internal/incident"
	"nezuban/router/internal/page"
)

// run tells when it is time, until ctx ends.
func (e *emergency) run(ctx context.Context) {
	for ctx.Err() == nil {
		e.tell(ctx, false)
		e.tellOver(ctx)
		pause(ctx, time.Second)
	}
}

// tell makes a round of the alarm that is due, if one is; when atOnce one that goes through the whole policy.
func (e *emergency) tell(ctx context.Context, atOnce bool) {
	e.telling.Lock()
	defer e.telling.Unlock()
	a, ok := e.due(atOnce)
	if !ok {
		return
	}
	file := a.by.rotation()
	policy, _ := escalation.PolicyFor(file, a.Labels)
	stages := stagesOf(policy, file, e.now())
	if !atOnce {
		stages = stages[:min(a.vain+1, len(stages))]
	}
	reached := e.round(ctx, a, stages)
	e.tried(a, reached)
	if reached {
		e.keep()
	}
}

// stagesOf are whom a page would tell if nobody ever acknowledged it: by each step of the policy, and last by its
// fallback. There is at least the fallback.
func stagesOf(policy escalation.Policy, file *schedule.File, now time.Time) [][]escalation.Notify {
	policy.Repeat = 0
	var stages [][]escalation.Notify
	for progress := (escalation.Progress{}); !progress.Fallback; {
		progress.Next = time.Time{} // no wait
		var notify []escalation.Notify
		progress, notify = escalation.Next(policy, file, progress, escalation.Picks{}, string(incident.SeverityPage), now)
		slices.SortStableFunc(notify, func(a, b escalation.Notify) int { return cmp.Compare(a.At.UnixNano(), b.At.UnixNano()) })
		stages = append(stages, notify)
	}
	return stages
}

// round tells the people of the first stage, each by their first channel that takes it, and says whether anybody was
// reached; if not, those of the next stage, and so on. Each round after one in vain may go a stage further: the first may
// only have met a provider in a bad moment.
func (e *emergency) round(ctx context.Context, a alarm, stages [][]escalation.Notify) bool {
	tried := map[escalation.Notify]bool{}
	for _, notify := range stages {
		reached := map[string]bool{}
		for _, n := range notify {
			way := escalation.Notify{Person: n.Person, Channel: n.Channel}
			if reached[n.Person] || tried[way] || ctx.Err() != nil {
				continue
			}
			tried[way] = true
			if e.send(ctx, a, n) {
				reached[n.Person] = true
			}
		}
		if len(reached) > 0 {
			return true
		}
	}
	if len(tried) == 0 && ctx.Err() == nil {
		e.log.Error("the state cannot be written, and nobody can be told: nobody is on call")
	}
	return false
}

// send makes one try, and remembers a message that was taken.
func (e *emergency) send(ctx context.Context, a alarm, n escalation.Notify) bool {
	pager, ok := a.by.pagers[n.Channel]
	if !ok {
		return false
	}
	m := a.Message
	m.IncidentID += "-" + n.Person // PagerDuty keeps one incident for each
	m.Why = n.Why
	address, _ := a.by.contacts().Address(n.Person, n.Channel)
	m.People = []page.Recipient{{Person: n.Person, Address: address}}
	ctx, cancel := context.WithTimeout(ctx, emergencyWithin)
	defer cancel()
	err := e.guard(func() error {
		id, err := pager.Page(ctx, m)
		m.ProviderID = id
		return err
	})()
	if err != nil {
		e.log.Error("cannot tell that the state cannot be written", "person", n.Person, "channel", n.Channel, "err", err)
		return false
	}
	e.took(a.episode, told{n.Channel, m})
	return true
}

// tellOver tells whoever was told of an episode that it is over, once and as well as it goes; a router that was started since,
// when it has the means.
func (e *emergency) tellOver(ctx context.Context) {
	e.telling.Lock()
	defer e.telling.Unlock()
	e.mu.Lock()
	all, by := e.ended, e.means
	if len(all) == 0 || by == nil {
		e.mu.Unlock()
		return
	}
	e.ended = nil
	e.mu.Unlock()
	defer e.keep()
	seen := map[string]bool{}
	for _, t := range slices.Backward(all) {
		to := t.message.IncidentID + " " + t.channel // an id is of one episode and one person
		if seen[to] {
			continue
		}
		seen[to] = true
		m := t.message
		if person := m.People[0].Person; m.People[0].Address == "" { // of before a start
			address, _ := by.contacts().Address(person, t.channel)
			m.People = []page.Recipient{{Person: person, Address: address}}
		}
		m.Kind, m.PageID, m.Why, m.Repeat = page.KindResolve, m.PageID+"-over", "", false
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
