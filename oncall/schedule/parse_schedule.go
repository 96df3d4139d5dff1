package schedule

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

func (p *parser) schedules(raw map[string]rawSchedule) {
	if len(raw) == 0 {
		p.refuse(nil, "at least one [schedule.NAME]", "schedule")
	}
	for _, name := range inFileOrder(p, raw, "schedule") {
		r := raw[name]
		p.checkName(name, "a schedule", "schedule", name)
		if p.isPerson(name) {
			p.refuse(name, "a name that no person has: a step could mean either", "schedule", name)
		}
		if len(r.Layers) == 0 {
			p.refuse(nil, "at least one layer", "schedule", name, "layers")
		}
		layers := p.layers(r.Layers, "schedule", name, "layers")
		p.bounded(layers, "schedule", name, "layers")
		p.out.schedules = append(p.out.schedules, rotation{name: name, layers: layers})
	}
}

// An answer looks up to ten years ahead for other people. These bound how much it may meet on the way.
const (
	maxLayers = 100     // of one schedule; lines of one name are one
	maxEvents = 100_000 // of one schedule in a year: handoffs, and windows that open or close
)

// bounded refuses a schedule that would take too long to look through.
func (p *parser) bounded(layers []layer, path ...any) {
	if len(layers) > maxLayers {
		p.refuse(len(layers), fmt.Sprintf("at most %d layers", maxLayers), path...)
	}
	events := 0
	for _, y := range layers {
		busiest := 0
		for _, l := range y.lines {
			busiest = max(busiest, l.events())
		}
		events += busiest
	}
	if events > maxEvents {
		p.refuse(events, fmt.Sprintf("at most %d handoffs and ends of windows in a year", maxEvents), path...)
	}
}

// written is a line with what only the checks against its neighbours need.
type written struct {
	line
	name string
	to   local // when ends
	ends bool
	ok   bool // all of it could be read
}

// layers joins the lines of one name into one layer.
func (p *parser) layers(raw []rawLine, path ...any) []layer {
	var layers []layer
	var before written
	for i, r := range raw {
		at := append(slices.Clip(path), i)
		w := p.line(r, at)
		joins := i > 0 && w.name == before.name
		if joins {
			p.follows(before, w, at)
		} else {
			if slices.ContainsFunc(layers, func(y layer) bool { return y.name == w.name }) {
				p.refuse(w.name, "the lines of one layer to stand together", append(at, "name")...)
			}
			layers = append(layers, layer{name: w.name})
		}
		if w.ok {
			last := &layers[len(layers)-1]
			last.lines = append(last.lines, w.line)
			last.learn = last.learn || w.shadow
		}
		before = w
	}
	return layers
}

// follows checks two lines of one layer that stand one after the other.
func (p *parser) follows(before, next written, path []any) {
	if !before.ok || !next.ok {
		return
	}
	if !before.ends {
		p.refuse(next.from.String(), fmt.Sprintf("the line before it (%d) to have a %q", before.number, "to"), append(path, "from")...)
		return
	}
	overlap := before.to > next.from
	if before.zone != next.zone { // two clocks: only instants can be compared
		overlap = before.end.After(next.begin)
	}
	if overlap {
		p.refuse(next.from.String(), fmt.Sprintf("no time before %s, at which the line before it (%d) ends", before.to, before.number), append(path, "from")...)
	}
}

// line reads one line of a layer.
func (p *parser) line(r rawLine, path []any) written {
	mistakes := len(p.problems)
	at := func(key string) []any { return append(slices.Clip(path), key) }
	p.checkName(r.Name, "a layer", at("name")...)
	ring := p.ring(r.Who, at("who"))
	every := p.every(r, ring, at("every"))
	open := newWindows(p.when(r.When, at("when")), p.listed(r.Except, at("except")), p.listed(r.Only, at("only")))
	byShifts := p.count(r.Count, every, at("count"))
	zone := p.zone(r.Zone, at("zone")...)
	from, readable := p.from(r.From, at("from"))
	w := written{name: r.Name}
	var until local
	if r.To != nil {
		until, w.ends = p.day(r.To, true, at("to"))
		w.to = until
		if w.ends && readable && until <= from {
			p.refuse(asWritten(r.To), fmt.Sprintf("a time after %q, %s", "from", from), at("to")...)
		}
	}
	if len(p.problems) > mistakes || len(ring) == 0 || !readable {
		return w
	}
	w.line, w.ok = line{number: p.source.Line(path...), zone: zone, from: from, every: every, ring: ring, open: open, shadow: r.Shadow}, true
	if byShifts {
		w.served = newShifts(w.line, every.unit(), p.zones)
		w.every = every.unit()
	}
	w.line = newLine(w.line, p.zones)
	if w.ends {
		w.end = until.last(zone)
	}
	return w
}

func (p *parser) every(r rawLine, ring [][]string, path []any) cadence {
	if r.Every == "" {
		if len(ring) > 1 {
			p.refuse(nil, errCadence.Error(), path...)
		}
		return cadence{}
	}
	every, err := parseCadence(r.Every)
	if err != nil {
		p.refuse(r.Every, err.Error(), path...)
	}
	return every
}

// count reads how turns are counted, and reports whether that is by shifts.
func (p *parser) count(how string, every cadence, path []any) bool {
	switch {
	case how == "" || how == "time":
		return false
	case how != "shifts":
		p.refuse(how, `"time" or "shifts"`, path...)
	case every.number == 0:
		p.refuse(how, `an "every" in days, weeks or months with it`, path...)
		return false
	}
	return how == "shifts"
}

// ring reads the turns of a line.
func (p *parser) ring(raw any, path []any) [][]string {
	turns, ok := raw.([]any)
	switch {
	case !ok:
		p.refuse(raw, `a list of turns, such as ["alice", ["bob", "carol"], "-"]`, path...)
		return nil
	case len(turns) == 0:
		p.refuse(raw, `at least one turn; ["-"] is nobody`, path...)
		return nil
	}
	ring := make([][]string, 0, len(turns))
	for i, turn := range turns {
		ring = append(ring, p.turn(turn, append(slices.Clip(path), i)))
	}
	return ring
}

// turn reads one turn: a person, a list of people who are on call together, or nobody.
func (p *parser) turn(raw any, path []any) []string {
	if raw == Nobody {
		return nil
	}
	names, ok := raw.([]any)
	if !ok {
		names = []any{raw}
	}
	var people []string
	for _, n := range names {
		name, isText := n.(string)
		if !isText || !p.isPerson(name) {
			p.refuse(n, fmt.Sprintf("a person of [people], a list of them, or %q%s", Nobody, p.suggestPerson(name)), path...)
			continue
		}
		people = append(people, name)
	}
	slices.Sort(people)
	return slices.Compact(people)
}

var errFrom = errors.New(`a local time of whole minutes such as "2026-01-05 09:00"`)

// from reads the beginning of a line, which needs a clock.
func (p *parser) from(raw any, path []any) (local, bool) {
	text, _ := raw.(string)
	from, err := parseClock(text)
	if err != nil {
		p.refuse(asWritten(raw), errFrom.Error(), path...)
		return 0, false
	}
	return from, true
}

// day reads a local time or a bare day, which begins at 00:00 and, as an end, includes that whole day.
func (p *parser) day(raw any, end bool, path []any) (local, bool) {
	raw = asWritten(raw)
	text, _ := raw.(string)
	if c, err := parseClock(text); err == nil {
		return c, true
	}
	if c, err := parseDay(text); err == nil {
		if end {
			c += minutesPerDay
		}
		return c, true
	}
	p.refuse(raw, errFrom.Error()+`, or a day such as "2026-01-05"`, path...)
	return 0, false
}

// asWritten is a time of TOML's own kind as text: a bare day, or all of it with the seconds that nobody asked for.
func asWritten(raw any) any {
	t, ok := raw.(time.Time)
	switch {
	case !ok:
		return raw
	case t.Location().String() == "date-local": // so the TOML parser marks a bare day
		return t.Format(dayForm)
	}
	return t.Format("2006-01-02T15:04:05")
}
