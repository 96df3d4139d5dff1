package rule

import (
	"fmt"
	"time"

	"nezuban/agent/influx"
)

// judgement carries one container through a batch of its events, or through a tick. It works on a copy, so that a step
// that is not accepted leaves no trace.
type judgement struct {
	container
	now     time.Time
	restart int64 // the newest time at which the whole batch knows it to have been started
	changed bool
	out     []outcome
}

// outcome is what an event or a wait comes to, before the rules make alerts of it.
type outcome struct {
	kind   string // of the rules that it concerns
	note   bool   // only that
	firing bool
	past   bool // what it reports is over: no reason to wake anybody
	event  string
	at     int64
	facts  map[string]string
	text   string
	reason string // why it is said now
}

// apply takes in one event. Events come in their own order; one that is not newer than the newest applied is noted.
func (j *judgement) apply(e event) {
	if e.action == influx.ActionPresent {
		j.found(e)
		return
	}
	if j.has(e) {
		return
	}
	j.changed = true
	j.remember(e)
	at, newer := j.place(e, j.now)
	if !newer {
		j.noteLatecomer(e)
		return
	}
	j.At, j.Claimed = at, e.at.UnixNano()
	switch e.action {
	case influx.ActionStart:
		j.Started, j.StartedID, j.Image, j.Kill, j.KillID = at, e.id, clip(e.imageRef()), 0, ""
		j.healed(at, e, "was started again")
		j.started(at, e)
	case influx.ActionKill:
		j.Kill, j.KillID = at, e.id
	case influx.ActionDie:
		j.healed(at, e, "does not run any more")
		j.die(at, e)
	case influx.ActionStop, influx.ActionDestroy:
		j.healed(at, e, "does not run any more")
		j.explain(at, e)
	case influx.ActionOOM:
		j.OOM = at
		j.add(outcome{
			kind: kindContainerOOM, firing: true, past: j.late(e.at) && j.over(at), event: e.identity(), at: at, facts: e.facts(),
			text:   fmt.Sprintf("container %s ran out of memory on %s%s", j.Name, j.Host, j.lateWords(at)),
			reason: "the kernel killed in it for want of memory",
		})
	case influx.ActionHealthStatus:
		j.health(at, e)
	}
}

// found takes in the state that the agent found when it connected. It comes before the backlog, so it has no place in
// the order of events, and it never invents a death.
func (j *judgement) found(e event) {
	claimed, now := e.at.UnixNano(), j.now.UnixNano()
	ahead := e.at.Sub(j.now) > maxAhead
	wrong := j.Present > now+int64(maxAhead) && !ahead // the last one came from the future
	if claimed <= j.Present && !wrong {
		return
	}
	j.changed = true
	j.Present, j.Running = claimed, 0
	if !e.running() {
		if at := min(claimed, now+int64(maxAhead)); at > j.Unhealthy {
			j.healed(at, e, "does not run any more")
		}
		return
	}
	since := e.runningSince().UnixNano()
	if ahead {
		since -= claimed - now
	}
	if e.runningSince().Equal(e.startedAt) && since > j.Unhealthy { // it was unhealthy in an earlier life
		j.healed(since, e, "was started again")
	}
	j.Running = since
	j.started(since, e)
}

// started says that a container of this name runs since at: the opposite of what may have happened to it before. The
// container that loops starting once more is not; another container, or staying up, is.
func (j *judgement) started(at int64, e event) {
	if d := j.Death; d != nil && at > d.At {
		j.Wait = 0
		if e.id != d.ID {
			j.Deaths = nil
		}
		if j.Firing == died || j.Firing == notRunning || j.Firing == loop && e.id != d.ID {
			j.mend(at, e.identity(), "runs again")
		}
	}
	if j.OOM != 0 && at > j.OOM {
		j.OOM = 0
		j.add(outcome{kind: kindContainerOOM, event: e.identity(), at: at, text: fmt.Sprintf("container %s was started again on %s", j.Name, j.Host)})
	}
}

func (j *judgement) die(at int64, e event) {
	j.Wait = 0 // it had been running again
	if e.requested {
		j.add(outcome{
			kind: kindContainerDied, note: true, event: e.identity(), at: at,
			text: fmt.Sprintf("container %s was stopped on request on %s, exit %d", j.Name, j.Host, e.exitCode),
		})
		j.Deaths = nil
		j.mend(at, e.identity(), "was stopped on request")
		return
	}
	if e.exitCode == 0 {
		return
	}
	j.Death = &death{
		At: at, ID: e.id, Event: e.identity(), Exit: e.exitCode, Killed: j.killed(e.id, at),
		AutoRemove: e.autoRemove, Facts: e.facts(),
	}
	switch over := j.over(at); {
	case !e.restarts():
		j.fire(died, over)
	case j.loops(at) || j.Firing == loop:
		j.Settle = j.now.Add(deathsWindow).UnixNano()
		j.fire(loop, over && j.late(e.at))
	case !over:
		j.Wait = j.now.Add(restartWait).UnixNano()
	}
}

// explain takes in what may show that the newest death was asked for.
func (j *judgement) explain(at int64, e event) {
	if !j.explained(e, e.action == influx.ActionStop) {
		return
	}
	j.Wait, j.Deaths = 0, nil
	j.mend(at, e.identity(), "was stopped on request")
}

func (j *judgement) health(at int64, e event) {
	switch e.health {
	case "unhealthy":
		j.Unhealthy, j.UnhealthyFacts, j.Again = at, e.facts(), false
		j.ill(fmt.Sprintf("container %s is unhealthy on %s%s", j.Name, j.Host, j.lateWords(at)))
	case "healthy":
		j.healed(at, e, "is healthy again")
	}
}

// ill says that the container is unhealthy.
func (j *judgement) ill(text string) {
	j.add(outcome{
		kind: kindContainerUnhealthy, firing: true, at: j.Unhealthy, facts: j.UnhealthyFacts, text: text,
		reason: "its own health check says unhealthy",
	})
}

// healed says that a container which was unhealthy is not so any more: it is healthy, or no longer there to be ill. Its
// next life may not have a health check at all.
func (j *judgement) healed(at int64, e event, how string) {
	if j.Unhealthy == 0 {
		return
	}
	j.Unhealthy, j.UnhealthyFacts, j.Again = 0, nil, false
	j.add(outcome{
		kind: kindContainerUnhealthy, event: e.identity(), at: at, facts: e.facts(),
		text: fmt.Sprintf("container %s %s on %s", j.Name, how, j.Host),
	})
}

// expire ends the waits that are over at a tick, and says again what was released.
func (j *judgement) expire() {
	now := j.now.UnixNano()
	if j.Again {
		j.Again, j.changed = false, true
		j.ill(fmt.Sprintf("container %s is still unhealthy on %s", j.Name, j.Host))
	}
	if j.Wait != 0 && now >= j.Wait {
		j.Wait, j.changed = 0, true
		j.fire(notRunning, false)
	}
	if j.Firing == loop && now >= j.Settle {
		j.Settle, j.changed = 0, true
		if !j.knownRunning(j.Death.At) {
			j.Firing = notRunning // its next start resolves it
			return
		}
		j.mend(max(now, j.Death.At+1), j.Death.Event, "has been running for "+span(deathsWindow))
	}
}

// fire says that the newest death must be known.
func (j *judgement) fire(why reason, past bool) {
	d := j.Death
	j.Firing = why
	text := fmt.Sprintf("container %s died with exit %d on %s", j.Name, d.Exit, j.Host)
	reason := fmt.Sprintf("exit %d, which nobody asked for, and no restart policy", d.Exit)
	switch why {
	case loop:
		reason = fmt.Sprintf("exit %d, death %d within %s, at %d it fires", d.Exit, len(j.Deaths), span(deathsWindow), deathsLimit)
		text = fmt.Sprintf("container %s died %d times within %s on %s, last with exit %d", j.Name, len(j.Deaths), span(deathsWindow), j.Host, d.Exit)
	case notRunning:
		text += " and was not running again after " + span(restartWait)
		reason = fmt.Sprintf("exit %d, which nobody asked for, and not running again %s later despite its restart policy", d.Exit, span(restartWait))
	case died, quiet:
	}
	if past {
		text += ", and has been started again since"
	}
	j.add(outcome{kind: kindContainerDied, firing: true, past: past, event: d.Event, at: d.At, facts: d.Facts, text: text + j.lateWords(d.At), reason: reason})
}

// mend says that what fired is over.
func (j *judgement) mend(at int64, event, how string) {
	if j.Firing == quiet {
		return
	}
	j.Firing, j.Settle = quiet, 0
	j.add(outcome{
		kind: kindContainerDied, event: event, at: at, facts: j.Death.Facts,
		text: fmt.Sprintf("container %s %s on %s", j.Name, how, j.Host),
	})
}

// forgotten says that all of it is over that fires: its host has gone for good.
func (j *judgement) forgotten() {
	over := func(kind string, since int64) {
		at := max(j.now.UnixNano(), since+1)
		j.add(outcome{kind: kind, at: at, text: fmt.Sprintf("host %s was forgotten", j.Host)})
	}
	if j.Firing != quiet {
		over(kindContainerDied, j.Death.At)
	}
	if j.OOM != 0 {
		over(kindContainerOOM, j.OOM)
	}
	if j.Unhealthy != 0 {
		over(kindContainerUnhealthy, j.Unhealthy)
	}
}

func (j *judgement) noteLatecomer(e event) {
	j.add(outcome{
		kind: kindContainerDied, note: true, event: e.identity(), at: e.at.UnixNano(),
		text: fmt.Sprintf("container %s on %s: %s of %s came after newer events", j.Name, j.Host, e.action, e.at.UTC().Format(time.RFC3339)),
	})
}

func (j *judgement) add(o outcome) { j.out = append(j.out, o) }

// over says that the container is known to have been started after the given time.
func (j *judgement) over(at int64) bool { return j.knownRunning(at) || j.restart > at }

// late says that an event reports the past.
func (j *judgement) late(at time.Time) bool { return j.now.Sub(at) > lateAfter }

// lateWords says in a summary how late it is.
func (j *judgement) lateWords(at int64) string {
	if age := j.now.Sub(time.Unix(0, at)); age > lateAfter {
		return fmt.Sprintf(" (reported %s late)", span(age.Round(time.Minute)))
	}
	return ""
}
