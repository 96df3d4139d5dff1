package schedule

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// owned is a text such as "alice 2026-03-09": a person, and a day on which a turn of theirs starts.
type owned struct {
	text   string
	person string
	day    local
}

// swap reads one change of that kind.
func (p *parser) swap(r rawSwap, i int) {
	mistakes := len(p.problems)
	at := func(key string) []any { return []any{"change", i, ChangeSwap, key} }
	p.onSchedule(r.On, at("on"))
	zone := p.zone(r.Zone, at("zone")...)
	var texts [2]owned
	if len(r.Turns) != len(texts) {
		p.refuse(nil, `two turns, such as ["alice 2026-03-09", "carol 2026-03-23"]`, at("turns")...)
	}
	for n := range min(len(r.Turns), len(texts)) {
		texts[n] = p.owned(r.Turns[n], append(at("turns"), n))
	}
	schedule := p.out.rotation(r.On)
	if schedule != nil && r.Layer != "" && !slices.ContainsFunc(schedule.layers, func(y layer) bool { return y.name == r.Layer }) {
		p.refuse(r.Layer, fmt.Sprintf("a layer of %s: %s", r.On, strings.Join(layerNames(schedule.layers), ", "))+p.suggest(r.Layer, layerNames(schedule.layers)), at("layer")...)
	}
	if mistakes > 0 || len(p.problems) > mistakes {
		return // turns of a file with mistakes are not what they will be
	}
	if turns, layer, ok := p.swapped(schedule, r.Layer, texts, zone, at("turns")); ok {
		p.out.changes.swaps = append(p.out.changes.swaps, Swap{On: r.On, Layer: layer, Turns: turns, Line: p.source.Line("change", i, ChangeSwap)})
	}
}

// owned reads a turn as it is written. The person's name may have blanks in it, the day has none.
func (p *parser) owned(text string, path []any) owned {
	cut, near := strings.LastIndex(text, " "), ""
	if cut >= 0 {
		near = p.suggestPerson(text[:cut])
		day, err := parseDay(text[cut+1:])
		if err == nil && p.isPerson(text[:cut]) {
			return owned{text: text, person: text[:cut], day: day}
		}
	}
	p.refuse(text, `a person of [people] and a day, such as "alice 2026-03-09"`+near, path...)
	return owned{}
}

// swapped finds the two turns: in the layer that is named, else in the only one in which each text names one.
func (p *parser) swapped(r *rotation, name string, texts [2]owned, zone *time.Location, path []any) (turns [2]Turn, layer string, ok bool) {
	var fitting []string
	for i := range r.layers {
		y := &r.layers[i]
		if name != "" && y.name != name {
			continue
		}
		found := [2][]Turn{texts[0].turns(y, zone), texts[1].turns(y, zone)}
		if len(found[0]) == 1 && len(found[1]) == 1 {
			turns = [2]Turn{found[0][0], found[1][0]}
			fitting = append(fitting, y.name)
		} else if name != "" || len(r.layers) == 1 {
			p.refuseTurns(y, texts, found, zone, path)
			return turns, "", false
		}
	}
	if len(fitting) == 0 && p.refuseLearners(r.layers, texts, zone, path) {
		return turns, "", false
	}
	if len(fitting) != 1 {
		expected := `a "layer": in none of them does each text name one turn`
		if len(fitting) > 1 {
			expected = `a "layer": each text names a turn in ` + strings.Join(fitting, " and in ")
		}
		p.refuse(texts[0].text+", "+texts[1].text, expected, path...)
		return turns, "", false
	}
	a, b := turns[0].key, turns[1].key
	b.person = a.person
	if a == b {
		p.refuse(texts[1].text, fmt.Sprintf("another turn than %q", texts[0].text), append(slices.Clip(path), 1)...)
		return turns, "", false
	}
	return turns, fitting[0], true
}

// span is the day of the text.
func (o owned) span(zone *time.Location) (from, to time.Time) {
	return o.day.first(zone), (o.day + minutesPerDay).first(zone)
}

// turns are those that the text may name.
func (o owned) turns(y *layer, zone *time.Location) []Turn {
	from, to := o.span(zone)
	return y.turnsOn(o.person, from, to)
}

// learnsIn finds the layer in which the person learns on the day of the text, when they are on call in none.
func (o owned) learnsIn(layers []layer, zone *time.Location) (name string, ok bool) {
	from, to := o.span(zone)
	for i := range layers {
		if len(o.turns(&layers[i], zone)) > 0 {
			return "", false
		}
		if !ok && len(layers[i].turnsOf(o.person, true, from, to)) > 0 {
			name, ok = layers[i].name, true
		}
	}
	return name, ok
}

// refuseLearners says of each text that names the turn of a learner that it is one, and reports whether there is any.
func (p *parser) refuseLearners(layers []layer, texts [2]owned, zone *time.Location, path []any) (found bool) {
	for n, o := range texts {
		if name, ok := o.learnsIn(layers, zone); ok {
			p.refuse(o.text, fmt.Sprintf("a turn in which %s is on call: in that of the layer %q they learn (shadow), and no swap touches it", o.person, name), append(slices.Clip(path), n)...)
			found = true
		}
	}
	return found
}

// refuseTurns says of each text that does not name one turn of a layer what it names.
func (p *parser) refuseTurns(y *layer, texts [2]owned, found [2][]Turn, zone *time.Location, path []any) {
	if p.refuseLearners([]layer{*y}, texts, zone, path) {
		return
	}
	for n, turns := range found {
		if len(turns) == 1 {
			continue
		}
		expected := fmt.Sprintf("the day of a turn of %s in the layer %q", texts[n].person, y.name)
		if len(turns) > 1 {
			var starts []string
			for _, turn := range turns {
				starts = append(starts, turn.From.Format(clockForm))
			}
			expected = fmt.Sprintf("one turn of %s in the layer %q, not those from %s", texts[n].person, y.name, strings.Join(starts, ", "))
		}
		p.refuse(texts[n].text, expected, append(slices.Clip(path), n)...)
	}
}

func layerNames(layers []layer) []string {
	names := make([]string, 0, len(layers))
	for _, y := range layers {
		names = append(names, y.name)
	}
	return names
}
