package rule

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"nezuban/agent/influx"
	"nezuban/router/internal/incident"
)

// threshold is a rule about a figure.
type threshold struct {
	spec
	selector
	field   string
	above   bool // or below
	limit   float64
	holdFor time.Duration
	stale   time.Duration
	summary words
}

func (t *threshold) holds(value float64) bool {
	if t.above {
		return value > t.limit
	}
	return value < t.limit
}

// thresholdWatch evaluates one threshold over all its series.
type thresholdWatch struct {
	engine *Engine
	rule   *threshold
	groups map[string]*group
	// touched have news since the last settle; open wait for something, such as a refused step, and are looked at by ticks.
	touched, open map[*group]struct{}
	buf           []byte
}

// group is one alert of a threshold. Several series may share it, when the rule's by tags do not tell them apart: it
// holds when any of them does.
type group struct {
	series
	members  []member
	floor    int64 // samples up to here were taken before a restart
	restored int64 // when a firing one was taken over from the records; 0: it was not
	since    int64 // when the condition began to hold without a gap; 0: it does not
	lastTrue int64
}

// member is the newest sample of one series.
type member struct {
	tags  uint64 // hash of all its tags
	at    int64
	value float64
	holds bool
}

// forgetAfter is how long a silent member counts as unknown while others of its group speak. After it they speak for
// the group: its tags have changed, as a container's version does.
const forgetAfter = 10 * time.Minute

func (w *thresholdWatch) observe(p influx.Point, now time.Time) {
	if !w.rule.selects(p) {
		return
	}
	value, ok := p.Float(w.rule.field)
	if !ok {
		return
	}
	if math.IsNaN(value) || math.IsInf(value, 0) {
		w.engine.counters.NotFinite++
		return
	}
	g := w.group(p)
	w.touched[g] = struct{}{}
	if !g.sample(hashTags(p.Tags), clamp(p.Time, now).UnixNano(), value, w.rule) {
		w.engine.counters.Late++
	}
}

// group finds the group of a point; after the first time without allocating.
func (w *thresholdWatch) group(p influx.Point) *group {
	w.buf = w.rule.appendKey(w.buf[:0], p)
	if g := w.groups[string(w.buf)]; g != nil {
		return g
	}
	g := &group{series: newSeries(&w.rule.spec, w.rule.by, w.rule.values(p))}
	w.engine.adopt(&g.series)
	g.takeOver(w.engine.started)
	w.groups[string(w.buf)] = g
	return g
}

// restore makes the group of a stored record.
func (w *thresholdWatch) restore(values []string, stored standing) {
	g := &group{series: newSeries(&w.rule.spec, w.rule.by, values)}
	g.stored = stored
	w.engine.adopt(&g.series)
	g.takeOver(w.engine.started)
	w.groups[strings.Join(values, "\x00")] = g
	w.open[g] = struct{}{}
}

// takeOver continues from what is stored: a condition that held goes on holding until a sample says otherwise.
func (g *group) takeOver(started time.Time) {
	now := started.UnixNano() // the clock may have been ahead in the router's last life
	g.floor = min(max(g.stored.Since, g.stored.Fired), now)
	if g.stored.Firing {
		g.restored = started.UnixNano()
	}
	if g.since = min(g.stored.Since, now); g.since != 0 {
		g.lastTrue = started.UnixNano()
	}
}

// sample takes in one sample and reports whether it was news: of each series only one newer than the newest is.
func (g *group) sample(tags uint64, at int64, value float64, rule *threshold) bool {
	if at <= g.floor {
		return false
	}
	i := slices.IndexFunc(g.members, func(m member) bool { return m.tags == tags })
	if i < 0 {
		i = len(g.members)
		g.members = append(g.members, member{tags: tags})
	} else if at <= g.members[i].at {
		return false
	}
	m := &g.members[i]
	m.at, m.value, m.holds = at, value, rule.holds(value)
	switch {
	case m.holds:
		if g.since == 0 || at-g.lastTrue > int64(rule.stale) {
			g.since = at // what was between is unknown
		}
		g.lastTrue = max(g.lastTrue, at)
	case !slices.ContainsFunc(g.members, func(m member) bool { return m.holds }):
		g.since = 0
	}
	return true
}

// judge says what the members say at now, and which of them speaks for them.
func (g *group) judge(rule *threshold, now time.Time) (verdict, member) {
	var newest member
	silentYes := false
	g.dropSilent(rule, now)
	for _, m := range g.members {
		fresh := now.UnixNano()-m.at <= int64(rule.stale)
		switch {
		case fresh && m.holds:
			return yes, m
		case m.holds:
			silentYes = true
		case fresh && m.at > newest.at:
			newest = m
		}
	}
	justRestored := g.restored != 0 && now.UnixNano()-g.restored < int64(rule.stale)
	if newest.at == 0 || silentYes || justRestored {
		return unknown, newest
	}
	return no, newest
}

// settle looks at the groups that have news, and at a tick also at those that wait.
func (w *thresholdWatch) settle(now time.Time, tick bool, step *Step) {
	due := w.touched
	if tick {
		maps.Copy(w.open, w.touched)
		due = w.open
	}
	byKey := func(a, b *group) int { return strings.Compare(a.key, b.key) }
	for _, g := range slices.SortedFunc(maps.Keys(due), byKey) {
		next := w.settleGroup(g, now, step)
		if next == g.stored && next.Since == 0 && !(next.Firing && g.doubted()) {
			delete(w.open, g)
		} else {
			w.open[g] = struct{}{}
		}
	}
	clear(w.touched)
}

// sweep forgets the groups that are long silent and have nothing stored.
func (w *thresholdWatch) sweep(now time.Time) {
	for key, g := range w.groups {
		g.dropSilent(w.rule, now)
		if _, open := w.open[g]; !open && len(g.members) == 0 && g.stored == (standing{}) {
			delete(w.groups, key)
			delete(w.engine.series, g.key)
		}
	}
}

// forget drops the groups of a host; one that fires is resolved.
func (w *thresholdWatch) forget(host string, now time.Time, step *Step) {
	at := slices.Index(w.rule.by, influx.TagHost)
	if at < 0 {
		return
	}
	for key, g := range w.groups {
		if g.values[at] != host {
			continue
		}
		if g.stored.Firing {
			step.Alerts = append(step.Alerts, g.alert(standing{}, now.UnixNano(), fmt.Sprintf("host %s was forgotten", host), ""))
		}
		g.settle(step, standing{})
		step.onAccept(func() { delete(w.groups, key); delete(w.open, g); delete(w.touched, g); delete(w.engine.series, g.key) })
	}
}

// dropSilent drops the members that have been silent for long.
func (g *group) dropSilent(rule *threshold, now time.Time) {
	longest := int64(max(forgetAfter, rule.stale))
	g.members = slices.DeleteFunc(g.members, func(m member) bool { return now.UnixNano()-m.at > longest })
}

// doubted says that a resolve may follow without another sample, once the reason to doubt it has passed.
func (g *group) doubted() bool {
	return slices.ContainsFunc(g.members, func(m member) bool { return !m.holds })
}

func (w *thresholdWatch) settleGroup(g *group, now time.Time, step *Step) standing {
	v, speaker := g.judge(w.rule, now)
	if v == no || v == unknown && now.UnixNano()-g.lastTrue > int64(w.rule.stale) {
		g.since = 0 // false, or silent for too long: should it hold again, it begins again
	}
	if v == yes && g.lastTrue-g.since < int64(w.rule.holdFor) {
		v = unknown // only samples show that it has held for so long, not the clock
	}
	next := g.next(v, g.lastTrue)
	if next.Since = 0; g.since != 0 && !next.Firing && w.rule.holdFor > 0 {
		next.Since = g.since
	}
	if next.Firing != g.stored.Firing {
		step.Alerts = append(step.Alerts, w.alert(g, next, speaker))
	}
	g.settle(step, next)
	return next
}

func (w *thresholdWatch) alert(g *group, next standing, m member) incident.Alert {
	sign, limit := "above", number(w.rule.limit)
	if !w.rule.above {
		sign = "below"
	}
	figures := map[string]string{"value": number(m.value), "limit": limit, "for": span(w.rule.holdFor)}
	lasting := ""
	if w.rule.holdFor > 0 {
		lasting = " for " + span(w.rule.holdFor)
	}
	reason := fmt.Sprintf("%s %s is %s, %s %s%s", w.rule.measurement, w.rule.field, number(m.value), sign, limit, lasting)
	summary := w.rule.summary.fill(g.labels, figures)
	if summary == "" {
		summary = fmt.Sprintf("%s %s%s is %s, %s %s%s", w.rule.measurement, w.rule.field, g.ofWhat(), number(m.value), sign, limit, lasting)
	}
	if !next.Firing {
		reason = ""
		summary = fmt.Sprintf("%s %s%s is %s, no longer %s %s", w.rule.measurement, w.rule.field, g.ofWhat(), number(m.value), sign, limit)
	}
	return g.alert(next, m.at, summary, reason)
}
