package rule

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"nezuban/agent/influx"
)

// absence is a rule about silence.
type absence struct {
	spec
	selector
	after   time.Duration
	summary words
}

// absenceWatch evaluates one absence rule over the series that it knows.
type absenceWatch struct {
	engine  *Engine
	rule    *absence
	known   map[string]*presence
	touched map[*presence]struct{}
	buf     []byte
}

// presence is one series that is expected to speak.
type presence struct {
	series
	newest  int64     // time of its newest sample, by its own clock
	arrived time.Time // when that came, by ours: a sender that delivers its backlog is there
	heard   bool      // since the start
	goodbye int64     // the time of the newest sample, when that said goodbye
}

func (w *absenceWatch) observe(p influx.Point, now time.Time) {
	if !w.rule.selects(p) {
		return
	}
	s := w.presence(p)
	at := clamp(p.Time, now).UnixNano()
	if at <= s.newest {
		w.engine.counters.Late++
		w.touched[s] = struct{}{} // what was refused is said again
		return
	}
	s.newest, s.arrived, s.heard, s.goodbye = at, now, true, 0
	if state, _ := p.Text(influx.FieldState); state == influx.StateGoodbye {
		s.goodbye = at
	}
	w.touched[s] = struct{}{}
}

func (w *absenceWatch) presence(p influx.Point) *presence {
	w.buf = w.rule.appendKey(w.buf[:0], p)
	if s := w.known[string(w.buf)]; s != nil {
		return s
	}
	s := &presence{series: newSeries(&w.rule.spec, w.rule.by, w.rule.values(p))}
	w.engine.adopt(&s.series)
	s.newest = s.stored.Fired
	w.known[string(w.buf)] = s
	return s
}

// restore makes a series known from its stored record; it has the grace of a start.
func (w *absenceWatch) restore(values []string, stored standing) {
	s := &presence{series: newSeries(&w.rule.spec, w.rule.by, values)}
	s.stored, s.goodbye = stored, stored.Goodbye
	s.newest = min(max(stored.Goodbye, stored.Fired), w.engine.started.UnixNano()) // the clock may have been ahead in the last life
	s.arrived = w.engine.started
	w.engine.adopt(&s.series)
	w.known[strings.Join(values, "\x00")] = s
}

// settle looks at the series that have spoken, and at a tick at all of them.
func (w *absenceWatch) settle(now time.Time, tick bool, step *Step) {
	for _, s := range w.due(now, tick) {
		next := s.next(w.judge(s, now), s.newest)
		next.Known, next.Goodbye = true, s.goodbye
		if next.Firing != s.stored.Firing {
			at := w.at(s, next)
			if next.Since = 0; next.Firing {
				next.Since = at
			}
			step.Alerts = append(step.Alerts, s.alert(next, at, w.words(s, next), w.reason(s, next)))
		}
		s.settle(step, next)
	}
	clear(w.touched)
}

// due lists, in a stable order, the series whose standing may have changed.
func (w *absenceWatch) due(now time.Time, tick bool) []*presence {
	var due []*presence
	if tick {
		for _, s := range w.known {
			if v := w.judge(s, now); v == yes && !s.stored.Firing || v == no && (s.stored.Firing || !s.stored.Known) || s.goodbye != s.stored.Goodbye {
				due = append(due, s)
			}
		}
	} else {
		for s := range w.touched {
			due = append(due, s)
		}
	}
	slices.SortFunc(due, func(a, b *presence) int { return strings.Compare(a.key, b.key) })
	return due
}

// judge says whether the series is absent. Until it has been heard since the start, silence before the end of the grace
// says nothing, and what fired goes on firing.
func (w *absenceWatch) judge(s *presence, now time.Time) verdict {
	patience := w.rule.after
	if !s.heard {
		patience = max(patience, w.engine.set.grace)
	}
	switch {
	case s.goodbye != 0:
		return no // it is silent on purpose
	case now.Sub(s.arrived) > patience:
		return yes
	case s.heard:
		return no
	default:
		return unknown
	}
}

// missed says that nobody has listened for a while before now: as after a start, every series has a grace to be heard again.
func (w *absenceWatch) missed(now time.Time) {
	for _, s := range w.known {
		s.arrived, s.heard = now, false
	}
}

// at is the time of what the alert says: of the newest sample, or the end of the patience with its silence. Who is heard was
// heard after that end, though the clock was put back since.
func (w *absenceWatch) at(s *presence, next standing) int64 {
	if next.Firing {
		return s.arrived.Add(w.rule.after).UnixNano()
	}
	return max(s.newest, s.arrived.UnixNano(), s.stored.Since+1)
}

func (w *absenceWatch) words(s *presence, next standing) string {
	if !next.Firing {
		return fmt.Sprintf("%s%s is there again", w.rule.measurement, s.ofWhat())
	}
	if text := w.rule.summary.fill(s.labels, map[string]string{"after": span(w.rule.after)}); text != "" {
		return text
	}
	return fmt.Sprintf("%s%s has been silent for %s", w.rule.measurement, s.ofWhat(), span(w.rule.after))
}

// reason says why it is missed now.
func (w *absenceWatch) reason(s *presence, next standing) string {
	if !next.Firing {
		return ""
	}
	last := "since the router's start"
	if s.heard {
		last = "since " + s.arrived.UTC().Format("15:04:05 MST")
	}
	return fmt.Sprintf("no %s %s, longer than %s, and no goodbye before", w.rule.measurement, last, span(w.rule.after))
}

// forget makes the series of a host unknown; one that is absent is no longer.
func (w *absenceWatch) forget(host string, now time.Time, step *Step) {
	at := slices.Index(w.rule.by, influx.TagHost)
	if at < 0 {
		return
	}
	for key, s := range w.known {
		if s.values[at] != host {
			continue
		}
		if s.stored.Firing {
			step.Alerts = append(step.Alerts, s.alert(standing{}, now.UnixNano(), fmt.Sprintf("host %s was forgotten", host), ""))
		}
		s.settle(step, standing{})
		step.onAccept(func() { delete(w.known, key); delete(w.touched, s); delete(w.engine.series, s.key) })
	}
}
