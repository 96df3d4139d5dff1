package rule

import (
	"fmt"
	"strings"
	"time"

	"nezuban/agent/influx"
)

// Engine evaluates a [Set]. It holds the evidence, and what was last accepted. One goroutine at a time uses it.
type Engine struct {
	set      *Set
	started  time.Time
	watches  []watch
	index    map[string][]int // positions in watches, by measurement
	touched  []bool           // which watches the batch at hand concerns
	firing   map[string]bool  // keys said to be firing at the start that no series has claimed yet
	series   map[string]*series
	mend     map[string]string // keys of stored records that the start found to be wrong → dedup key
	unread   []error
	sweepAt  time.Time
	listened time.Time // the last tick or batch
	counters Counters

	past past // what changed on each host lately

	containers *containerWatch
	absences   []*absenceWatch
	thresholds []*thresholdWatch
	objectives *objectiveWatch
}

// watch is a rule, or all rules of a kind, with their evidence.
type watch interface {
	// observe takes in one point of a measurement that concerns the watch. It may alter evidence, never what was accepted.
	observe(p influx.Point, now time.Time)
	// settle adds to the step what follows from the evidence since the last settle, and at a tick also from the time.
	settle(now time.Time, tick bool, step *Step)
}

// Counters are what the engine has dropped since its start.
type Counters struct {
	Late      uint64 // samples not newer than their series, or too old to place; repeats are among them
	NotFinite uint64 // figures that are no number
	Malformed uint64 // events and results that cannot be read
}

// gapAfter is how long neither tick nor batch may come before it counts as a time in which nobody listened: the router was
// asleep, could not store anything, or its clock was put forward. Ticks come every second.
const gapAfter = 30 * time.Second

// sweepEvery is how often series and containers that are gone are looked for.
const sweepEvery = 10 * time.Minute

// NewEngine starts an engine at now from what was stored: the records that its steps put, and the dedup keys of the
// alerts that fire in open incidents. Evidence is empty: until samples cover it, a rule is unknown, and what fires goes
// on firing. A state alert of the records that is not among firing was resolved by a person: it fires anew when it
// still holds. Records that cannot be read are left alone; see [Engine.Unread].
func NewEngine(set *Set, stored []Record, firing []string, now time.Time) *Engine {
	e := &Engine{
		set: set, started: now, index: map[string][]int{}, firing: map[string]bool{}, series: map[string]*series{},
		mend: map[string]string{}, sweepAt: now.Add(sweepEvery), past: past{hosts: map[string]*hostPast{}},
	}
	for _, key := range firing {
		e.firing[key] = true
	}
	e.addContainers()
	e.addSeries()
	quorums := newQuorumWatch(e)
	objectives := newObjectiveWatch(e)
	e.objectives = objectives
	e.add(influx.HTTPResponse, quorums)
	e.add(influx.HTTPResponse, objectives)
	e.touched = make([]bool, len(e.watches))
	for _, r := range stored {
		if err := e.restore(r, quorums, objectives); err != nil {
			e.unread = append(e.unread, err)
		}
	}
	quorums.takeOver()
	objectives.takeOver()
	return e
}

func (e *Engine) addContainers() {
	if len(e.set.events) == 0 {
		return
	}
	e.containers = &containerWatch{engine: e, rules: e.set.events, containers: map[string]*container{}, waiting: map[string]struct{}{}}
	e.add(influx.ContainerEvent, e.containers)
}

func (e *Engine) addSeries() {
	for _, rule := range e.set.thresholds {
		w := &thresholdWatch{engine: e, rule: rule, groups: map[string]*group{}, touched: map[*group]struct{}{}, open: map[*group]struct{}{}}
		e.thresholds = append(e.thresholds, w)
		e.add(rule.measurement, w)
	}
	for _, rule := range e.set.absences {
		w := &absenceWatch{engine: e, rule: rule, known: map[string]*presence{}, touched: map[*presence]struct{}{}}
		e.absences = append(e.absences, w)
		e.add(rule.measurement, w)
	}
}

func (e *Engine) add(measurement string, w watch) {
	e.index[measurement] = append(e.index[measurement], len(e.watches))
	e.watches = append(e.watches, w)
}

// restore hands a stored record to the rule that it is about. One whose rule is gone is deleted with the first tick.
func (e *Engine) restore(r Record, quorums *quorumWatch, objectives *objectiveWatch) error {
	switch {
	case strings.HasPrefix(r.Key, containerPrefix):
		c, err := decodeContainer(r)
		switch {
		case err != nil:
			return err
		case e.containers == nil:
			e.mend[r.Key] = ""
		default:
			e.containers.restore(r.Key, c)
			e.past.restore(c)
		}
		return nil
	case !strings.HasPrefix(r.Key, seriesPrefix):
		return fmt.Errorf("read record %q: expected a key below %s or %s", r.Key, seriesPrefix, containerPrefix)
	}
	s, err := decodeSeries(r)
	if err != nil {
		return err
	}
	if s.Firing && !e.firing[s.dedupKey()] {
		s.Firing, s.Fired, s.Severity, s.Burning = false, 0, "", 0
		e.mend[r.Key] = s.dedupKey()
	}
	if r.Key != seriesKey(s.dedupKey()) || !e.assign(s, quorums, objectives) {
		e.mend[r.Key] = ""
	}
	return nil
}

// assign finds the rule of a record, and reports whether there still is one.
func (e *Engine) assign(s seriesRecord, quorums *quorumWatch, objectives *objectiveWatch) bool {
	for _, w := range e.thresholds {
		if w.rule.id == s.Rule && len(w.rule.by) == len(s.Values) {
			w.restore(s.Values, s.standing)
			return true
		}
	}
	for _, w := range e.absences {
		if w.rule.id == s.Rule && len(w.rule.by) == len(s.Values) {
			w.restore(s.Values, s.standing)
			return true
		}
	}
	if len(s.Values) != 1 {
		return false
	}
	if s.Rule == CheckDown {
		return quorums.restore(s.Values[0], s.standing)
	}
	return objectives.restore(s.Rule, s.Values[0], s.standing)
}

// adopt makes a new series known. One that is said to fire, without a record, is resolved only by what is newer than
// the start; that holds once: a series that was forgotten in silence since, and is there again, fires anew.
func (e *Engine) adopt(s *series) {
	e.series[s.key] = s
	if e.firing[s.key] && !s.stored.Firing {
		s.stored.Firing, s.stored.Fired = true, e.started.UnixNano()
	}
	delete(e.firing, s.key)
}

// Observe takes in a batch that arrived at now, and returns what follows from it. Samples enter the evidence at once;
// what the engine has said changes only with [Engine.Accept]. A batch may come any number of times.
//
// Next on a sample's path: incident.Book.Apply.
func (e *Engine) Observe(points []influx.Point, now time.Time) Step {
	e.listens(now)
	for i := range points {
		if points[i].Measurement == influx.ContainerEvent {
			if event, err := readEvent(points[i], now); err == nil { // a malformed one is counted by the rules
				e.past.observe(event, now)
			}
		}
		for _, at := range e.index[points[i].Measurement] {
			e.watches[at].observe(points[i], now)
			e.touched[at] = true
		}
	}
	var step Step
	for at, touched := range e.touched {
		if touched {
			e.watches[at].settle(now, false, &step)
			e.touched[at] = false
		}
	}
	e.past.remind(&step)
	return step
}

// Tick returns what follows from the time alone: durations that are over, silence, restarts that did not come, budgets
// that burn on. It is called every second.
func (e *Engine) Tick(now time.Time) Step {
	var step Step
	e.listens(now)
	for _, w := range e.watches {
		w.settle(now, true, &step)
	}
	if now.After(e.sweepAt) {
		e.sweepAt = now.Add(sweepEvery)
		e.sweep(now, &step)
	}
	e.mendRecords(&step)
	e.past.remind(&step)
	return step
}

// listens says that the engine listens now. After a gap nobody was heard in it.
func (e *Engine) listens(now time.Time) {
	if gap := now.Sub(e.listened); gap > gapAfter && !e.listened.IsZero() {
		for _, w := range e.absences {
			w.missed(now)
		}
	}
	e.listened = now
}

// Accept takes over a step whose alerts and records are durable.
func (e *Engine) Accept(s Step) {
	for _, effect := range s.effects {
		effect()
	}
}

// Forget makes the series and containers of a host unknown: it has gone for good. It is not absent until it is seen
// again, its state alerts resolve, and so do those occurrences of its containers that were hidden: see [Step]. The step is
// empty for a host that nothing is known of.
func (e *Engine) Forget(host string, now time.Time) Step {
	var step Step
	if e.containers != nil {
		e.containers.forget(host, now, &step)
	}
	for _, w := range e.thresholds {
		w.forget(host, now, &step)
	}
	for _, w := range e.absences { // what they hide comes before them, so that their incidents tell its end
		w.forget(host, now, &step)
	}
	if _, known := e.past.hosts[host]; known {
		step.onAccept(func() { delete(e.past.hosts, host) })
	}
	return step
}

// Release takes back that state alerts fire, because a person has resolved their incident: one fires anew when samples
// still say so, and of a container that is unhealthy at the next tick. A key of another kind of alert changes nothing.
func (e *Engine) Release(keys ...string) Step {
	var step Step
	released := make(map[string]bool, len(keys))
	for _, key := range keys {
		released[key] = true
		step.onAccept(func() { delete(e.firing, key) })
		if s := e.series[key]; s != nil && s.stored.Firing {
			next := s.stored
			next.Firing, next.Fired, next.Severity, next.Burning = false, 0, "", 0
			s.settle(&step, next)
		}
	}
	if e.containers != nil {
		e.containers.release(released, &step)
	}
	return step
}

// Unread lists the stored records that could not be read at the start, and why.
func (e *Engine) Unread() []error { return e.unread }

// Counters says what has been dropped so far.
func (e *Engine) Counters() Counters { return e.counters }

// mendRecords writes over the records that the start found to be wrong, and deletes those of no use; what the step writes
// already is mended by that.
func (e *Engine) mendRecords(step *Step) {
	if len(e.mend) == 0 {
		return
	}
	written := map[string]bool{}
	for _, r := range step.Put {
		written[r.Key] = true
	}
	for _, key := range step.Delete {
		written[key] = true
	}
	for key, dedupKey := range e.mend {
		if written[key] {
			continue
		}
		var value []byte
		if s := e.series[dedupKey]; s != nil {
			value = encodeSeries(s.rule.id, s.values, s.stored)
		}
		step.store(key, value)
	}
	step.onAccept(func() { clear(e.mend) })
}

func (e *Engine) sweep(now time.Time, step *Step) {
	for _, w := range e.thresholds {
		w.sweep(now)
	}
	e.past.sweep(now)
	if e.containers != nil {
		e.containers.sweep(now, step)
	}
}
