package rule

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"nezuban/agent/influx"
	"nezuban/router/internal/incident"
)

// eventRule is a rule about what happens to containers. Its by tags are always host and container_name.
type eventRule struct {
	spec
	kind  string
	where []influx.Tag // of host and container_name
}

func (r *eventRule) selects(host, name string) bool {
	for _, want := range r.where {
		if want.Key == influx.TagHost && want.Value != host || want.Key == influx.TagContainerName && want.Value != name {
			return false
		}
	}
	return true
}

func (r *eventRule) dedupKey(host, name string) string {
	return incident.DedupKey(r.id, name, host) // values in the order of container_name, host
}

// How long a container is remembered after its newest event.
const (
	rememberIdle   = 24 * time.Hour
	rememberFiring = 30 * 24 * time.Hour
)

// containerWatch follows the containers of all hosts for all event rules.
type containerWatch struct {
	engine     *Engine
	rules      []*eventRule
	containers map[string]*container // by key of their records; replaced as a whole, never altered
	waiting    map[string]struct{}   // keys of those that a tick may move
	batch      []event
}

func (w *containerWatch) observe(p influx.Point, now time.Time) {
	e, err := readEvent(p, now)
	switch {
	case err != nil:
		w.engine.counters.Malformed++
	case !e.decides():
	case now.Sub(e.at) > rememberIdle:
		w.engine.counters.Late++ // whatever was known of its container may be forgotten
	default:
		w.batch = append(w.batch, e)
	}
}

// restore goes on from a stored record. What it waits for comes no later than if it had begun at the start: the clock may
// have been ahead in the router's last life.
func (w *containerWatch) restore(key string, c container) {
	started := w.engine.started
	c.Wait = min(c.Wait, started.Add(restartWait).UnixNano())
	c.Settle = min(c.Settle, started.Add(deathsWindow).UnixNano())
	w.put(key, &c)
}

func (w *containerWatch) put(key string, c *container) {
	w.containers[key] = c
	delete(w.waiting, key)
	if c.Wait != 0 || c.Firing == loop || c.Again {
		w.waiting[key] = struct{}{}
	}
}

// settle applies the batch that was observed, and at a tick ends the waits that are over.
func (w *containerWatch) settle(now time.Time, tick bool, step *Step) {
	batch := w.batch
	w.batch = nil
	slices.SortStableFunc(batch, func(a, b event) int {
		return cmp.Or(cmp.Compare(a.host, b.host), cmp.Compare(a.name, b.name), a.at.Compare(b.at))
	})
	for len(batch) > 0 {
		n := 1
		for n < len(batch) && batch[n].host == batch[0].host && batch[n].name == batch[0].name {
			n++
		}
		w.applyAll(batch[:n], now, step)
		batch = batch[n:]
	}
	if !tick {
		return
	}
	for _, key := range slices.Sorted(maps.Keys(w.waiting)) {
		j := judgement{container: *w.containers[key], now: now}
		j.expire()
		w.conclude(key, &j, step)
	}
}

// applyAll takes one container through its events, which are in order.
func (w *containerWatch) applyAll(events []event, now time.Time, step *Step) {
	key := containerKey(events[0].host, events[0].name)
	j := judgement{container: container{Version: version, Host: events[0].host, Name: events[0].name}, now: now}
	if known := w.containers[key]; known != nil {
		j.container = *known
	}
	for _, e := range events {
		switch {
		case e.action == influx.ActionStart:
			j.restart = max(j.restart, e.at.UnixNano())
		case e.action == influx.ActionPresent && e.running():
			j.restart = max(j.restart, e.runningSince().UnixNano())
		}
	}
	for _, e := range events {
		j.apply(e)
	}
	w.conclude(key, &j, step)
}

// conclude turns a judgement into alerts, notes and the record to be stored.
func (w *containerWatch) conclude(key string, j *judgement, step *Step) {
	if !j.changed {
		return
	}
	w.say(j, step)
	c := j.container
	step.store(key, encode(c))
	step.onAccept(func() { w.put(key, &c) })
}

// say makes alerts and notes of what a judgement came to, by all rules that it concerns.
func (w *containerWatch) say(j *judgement, step *Step) {
	for _, o := range j.out {
		for _, rule := range w.rules {
			if rule.kind == o.kind && rule.selects(j.Host, j.Name) {
				w.tell(rule, j, o, step)
			}
		}
	}
}

func (w *containerWatch) tell(rule *eventRule, j *judgement, o outcome, step *Step) {
	key := rule.dedupKey(j.Host, j.Name)
	if o.note {
		step.Notes = append(step.Notes, Note{Key: key, Event: o.event, At: time.Unix(0, o.at).UTC(), Text: o.text})
		return
	}
	facts := map[string]string{influx.TagHost: j.Host, influx.TagContainerName: j.Name}
	maps.Copy(facts, o.facts)
	alert := incident.Alert{
		Key: key, Rule: rule.id, Kind: incident.KindOccurrence, Lasting: !o.past, Firing: o.firing, Severity: rule.severity,
		Labels: rule.alertLabels(facts), Summary: o.text, At: time.Unix(0, o.at).UTC(), Event: o.event,
		Reason: o.reason, Runbook: rule.runbook,
	}
	if o.kind == kindContainerUnhealthy {
		alert.Kind, alert.Event = incident.KindState, ""
	}
	if o.past && alert.Severity.Rank() > incident.SeverityTicket.Rank() {
		alert.Severity = incident.SeverityTicket
	}
	step.Alerts = append(step.Alerts, alert)
}

// sweep forgets containers of which nothing has been heard for long. Its deletions are part of a step.
func (w *containerWatch) sweep(now time.Time, step *Step) {
	for _, key := range slices.Sorted(maps.Keys(w.containers)) {
		c := w.containers[key]
		keep := rememberIdle
		if !c.idle() {
			keep = rememberFiring
		}
		if now.Sub(time.Unix(0, max(c.At, min(c.Present, now.UnixNano())))) > keep {
			w.drop(key, step)
		}
	}
}

// release lets the next tick say again which containers are unhealthy whose alerts a person has resolved: Docker does not,
// before their health changes.
func (w *containerWatch) release(keys map[string]bool, step *Step) {
	for key, c := range w.containers {
		if c.Unhealthy == 0 || c.Again || !w.unhealthyAmong(keys, c) {
			continue
		}
		next := *c
		next.Again = true
		step.store(key, encode(next))
		step.onAccept(func() { w.put(key, &next) })
	}
}

// unhealthyAmong says that one of the keys is of an alert which says that the container is unhealthy.
func (w *containerWatch) unhealthyAmong(keys map[string]bool, c *container) bool {
	return slices.ContainsFunc(w.rules, func(r *eventRule) bool {
		return r.kind == kindContainerUnhealthy && r.selects(c.Host, c.Name) && keys[r.dedupKey(c.Host, c.Name)]
	})
}

// forget drops the containers of a host. What fires is over where it is a condition, or is hidden; a death or an oom that
// has paged stays with its incident, for a person to resolve.
func (w *containerWatch) forget(host string, now time.Time, step *Step) {
	for _, key := range slices.Sorted(maps.Keys(w.containers)) {
		if w.containers[key].Host != host {
			continue
		}
		j := judgement{container: *w.containers[key], now: now}
		j.forgotten()
		var said Step
		w.say(&j, &said)
		for _, a := range said.Alerts {
			if a.Kind == incident.KindState {
				step.Alerts = append(step.Alerts, a)
			} else {
				step.Hidden = append(step.Hidden, a)
			}
		}
		w.drop(key, step)
	}
}

func (w *containerWatch) drop(key string, step *Step) {
	step.store(key, nil)
	step.onAccept(func() { delete(w.containers, key); delete(w.waiting, key) })
}
