package rule

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"nezuban/agent/influx"
	"nezuban/router/internal/incident"
)

// past remembers what was started, replaced and stopped on request on each host lately, so that a page can say what changed
// just before. It lives in memory: after a start of the router it knows what the records of containers say, and what agents
// tell anew. It decides nothing.
type past struct {
	hosts map[string]*hostPast
}

// Bounds of what is remembered.
const (
	changesWithin = 30 * time.Minute // before an alert
	changesTold   = 5                // in an alert
	changesKept   = 32               // of a host
	namesKept     = 512              // containers of a host whose image is known
	hostsKept     = 10_000
	hostForgotten = 30 * 24 * time.Hour

	// sameStart is how far apart Docker's event of a start and the time in its list may be.
	sameStart = 2 * time.Second
)

type hostPast struct {
	newest  int64
	changes []change           // by time
	running map[string]started // by container name
}

// started is the newest start of a name.
type started struct {
	at        int64
	id, image string
}

// change is one thing that happened. Times are nanoseconds since the epoch, of the host's clock, clamped to ours.
type change struct {
	at    int64
	name  string
	what  string // "was replaced: app:1.4 → app:1.5"
	times int
	stop  bool
}

// observe takes in one event; repeats and latecomers change nothing.
func (p *past) observe(e event, now time.Time) {
	at := clamp(e.at, now).UnixNano()
	name, image := clip(e.name), clip(e.imageRef())
	switch {
	case now.Sub(e.at) > rememberIdle:
	case e.action == influx.ActionStart:
		p.host(e.host).start(name, started{at, e.id, image})
	case e.action == influx.ActionPresent && e.running() && !e.startedAt.IsZero():
		p.host(e.host).start(name, started{clamp(e.runningSince(), now).UnixNano(), e.id, image})
	case e.action == influx.ActionDie && e.requested, e.action == influx.ActionStop:
		p.host(e.host).stop(name, at)
	}
}

// restore takes in what a stored record knows.
func (p *past) restore(c container) {
	if c.Started != 0 {
		p.host(c.Host).start(c.Name, started{c.Started, c.StartedID, c.Image})
	}
}

// host is what is remembered of a host. Beyond so many hosts nothing is.
func (p *past) host(name string) *hostPast {
	h := p.hosts[name]
	if h == nil {
		h = &hostPast{running: map[string]started{}}
		if len(p.hosts) < hostsKept {
			p.hosts[name] = h
		}
	}
	return h
}

func (h *hostPast) start(name string, s started) {
	before, known := h.running[name]
	if known && (s.at <= before.at || s.id == before.id && s.at-before.at < int64(sameStart)) {
		return
	}
	if known || len(h.running) < namesKept {
		h.running[name] = s
	}
	h.add(change{at: s.at, name: name, what: startWords(before, s, known), times: 1})
}

func startWords(before, s started, known bool) string {
	image := ""
	if s.image != "" {
		image = ", " + s.image
	}
	switch {
	case !known:
		return "was started" + image
	case s.id == before.id:
		return "was started again" + image
	case s.image != before.image && s.image != "" && before.image != "":
		return fmt.Sprintf("was replaced: %s → %s", before.image, s.image)
	}
	return "was replaced" + image
}

func (h *hostPast) stop(name string, at int64) {
	if last := h.last(name); last != nil && (last.stop && last.at <= at || last.at >= at) {
		return // the die and the stop of one command, a repeat, or a latecomer
	}
	h.add(change{at: at, name: name, what: "was stopped on request", times: 1, stop: true})
}

// last is the newest change of a container.
func (h *hostPast) last(name string) *change {
	for i, c := range slices.Backward(h.changes) {
		if c.name == name {
			return &h.changes[i]
		}
	}
	return nil
}

// add puts a change in its place. A start takes the place of the stop before it, and of a start like it: a deploy is one
// line, and so is a container that starts again and again.
func (h *hostPast) add(c change) {
	if last := h.last(c.name); last != nil && last.at <= c.at && (last.stop || last.what == c.what) {
		if last.what == c.what {
			c.times += last.times
		}
		h.changes = slices.DeleteFunc(h.changes, func(other change) bool { return other == *last })
	}
	h.changes = append(h.changes, c)
	slices.SortStableFunc(h.changes, func(a, b change) int { return cmp.Compare(a.at, b.at) })
	h.changes = h.changes[max(0, len(h.changes)-changesKept):]
	h.newest = max(h.newest, c.at)
}

// before lists what changed on a host in the half hour until at, the newest first.
func (p *past) before(host string, at time.Time) []incident.Mark {
	h := p.hosts[host]
	if h == nil {
		return nil
	}
	var marks []incident.Mark
	for _, c := range slices.Backward(h.changes) {
		when := time.Unix(0, c.at).UTC()
		if when.After(at) || at.Sub(when) > changesWithin || len(marks) == changesTold {
			continue
		}
		text := clip(fmt.Sprintf("container %s %s", c.name, c.what))
		if c.times > 1 {
			text += fmt.Sprintf(" (%d times)", c.times)
		}
		marks = append(marks, incident.Mark{At: when, Text: text})
	}
	return marks
}

// remind tells the alerts of a step that fire what changed before them on their hosts.
func (p *past) remind(step *Step) {
	for i, a := range step.Alerts {
		if host := a.Labels[influx.TagHost]; a.Firing && host != "" {
			step.Alerts[i].Before = p.before(host, a.At)
		}
	}
}

// sweep forgets the hosts of which nothing has been heard for long.
func (p *past) sweep(now time.Time) {
	for name, h := range p.hosts {
		if now.UnixNano()-h.newest > int64(hostForgotten) {
			delete(p.hosts, name)
		}
	}
}
