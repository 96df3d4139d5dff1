package edit

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"nezuban/agent/tomlfile"
	"nezuban/oncall/schedule"
)

// Joining is somebody who joins a ring.
type Joining struct {
	Person   string
	Schedule string
	Layer    string    // may be "" where the schedule has one layer
	At       time.Time // a handoff of the layer ahead; zero: the next one
	After    string    // whose turn theirs follows; "": they come last, when everybody else has had a turn

	// For somebody whom [people] does not have yet: their channels for pages, and their zone, "" for the file's.
	Page []string
	Zone string
}

// Join lets somebody join a ring at a handoff. The line ends there and another one begins, in which whoever is next stays
// next and the order of the others stays as it is. Lines of the layer that begin later get the person too.
func Join(name string, data []byte, now time.Time, j Joining) ([]byte, error) {
	t, err := read(name, data)
	if err != nil {
		return nil, err
	}
	if _, known := t.file.Person(j.Person); !known {
		if data, err = t.enter(j); err != nil {
			return nil, err
		}
		if t, err = read(name, data); err != nil {
			return nil, fmt.Errorf("the edit would leave a file that cannot be used:\n%w", err)
		}
	} else if len(j.Page) > 0 {
		return nil, fmt.Errorf("%s is in [people] already: change their channels there", j.Person)
	}
	layer, err := t.layer(j.Schedule, j.Layer)
	if err != nil {
		return nil, err
	}
	return t.recut(layer, j.At, now, joiner{j.Person, j.After})
}

// layer finds a layer of a schedule.
func (t *text) layer(on, name string) (rings, error) {
	if !t.file.HasSchedule(on) {
		return rings{}, fmt.Errorf("schedule: found %q, expected one of %s", on, strings.Join(t.file.Schedules(), ", "))
	}
	var names []string
	all := layers(t.file, on)
	for _, r := range all {
		if r.layer == name || (name == "" && len(all) == 1) {
			return r, nil
		}
		names = append(names, r.layer)
	}
	return rings{}, fmt.Errorf("layer: found %q, expected one of %s", name, strings.Join(names, ", "))
}

// recut changes the ring of a layer from a handoff on.
func (t *text) recut(layer rings, at, now time.Time, change ringChange) ([]byte, error) {
	h, err := layer.cut(at, now)
	if err != nil {
		return nil, err
	}
	var edits []insertion
	for _, l := range layer.lines {
		if l.Begin.Before(h.at) && l.n != h.n {
			continue
		}
		first := 0
		if l.n == h.n {
			first = h.next
		}
		before := rotated(l.Ring, first)
		ring, err := change.ring(before)
		if err != nil {
			return nil, fmt.Errorf("the layer %q of %s, line %d: %w", layer.layer, layer.schedule, l.Number, err)
		}
		if slices.EqualFunc(before, ring, slices.Equal) {
			continue
		}
		if l.n == h.n && l.Begin.Before(h.at) {
			parts, err := t.split(h, ring)
			if err != nil {
				return nil, err
			}
			edits = append(edits, parts...)
			continue
		}
		parts, err := change.within(t, l)
		if err != nil {
			return nil, err
		}
		edits = append(edits, parts...)
	}
	out := t.with(edits...)
	after, err := t.accept(out, now)
	if err != nil {
		return nil, err
	}
	if err := t.keepsClock(h, out); err != nil {
		return nil, err
	}
	if err := t.onlyThatLayer(layer, after); err != nil {
		return nil, err
	}
	if err := t.unchangedUntil(after, now, h.at); err != nil {
		return nil, err
	}
	return out, nil
}

// onlyThatLayer refuses an edit that would change the ring of another layer: it would be a mistake of the edit's own.
func (t *text) onlyThatLayer(layer rings, after *schedule.File) error {
	others := func(f *schedule.File) [][][]string {
		var rings [][][]string
		for _, l := range f.Lines() {
			if l.Schedule != layer.schedule || l.Layer != layer.layer {
				rings = append(rings, l.Ring)
			}
		}
		return rings
	}
	if !reflect.DeepEqual(others(t.file), others(after)) {
		return fmt.Errorf("it would change the ring of another layer than %q of %s", layer.layer, layer.schedule)
	}
	return nil
}

// keepsClock refuses a cut after which the handoffs would come at other times: a month's last day that is cut in a shorter
// month would not come back.
func (t *text) keepsClock(h handoff, out []byte) error {
	cut, err := read(t.name, out)
	if err != nil {
		return err
	}
	old, found := h.ring, false
	for _, r := range layers(cut.file, h.Schedule) {
		for _, l := range r.lines {
			if r.layer != h.Layer || !l.Begin.Equal(h.at) {
				continue
			}
			found = true
			for at := h.at; ; {
				_, _, was, ok := old.Turn(at)
				_, _, is, still := l.Turn(at)
				if !ok || !still || was.IsZero() || at.Sub(h.at) > 2*366*24*time.Hour {
					break
				}
				if !was.Equal(is) {
					return fmt.Errorf("a line that begins at %s would hand off at %s and no more at %s: take another handoff", show(h.at, l), show(is, l), show(was, l))
				}
				at = was
			}
		}
	}
	if !found {
		return fmt.Errorf("no line would begin at %s", show(h.at, h.ring))
	}
	return nil
}

// enter adds somebody to [people].
func (t *text) enter(j Joining) ([]byte, error) {
	if len(j.Page) == 0 {
		return nil, fmt.Errorf("%s is not in [people]: say how a page reaches them, such as --page sms", j.Person)
	}
	keys := []string{"page = " + list(j.Page)}
	if j.Zone != "" {
		keys = append(keys, "zone = "+quoted(j.Zone))
	}
	people := t.file.People()
	last := people[len(people)-1]
	if p, ok := t.places.Place("people"); ok && !p.Header {
		return nil, fmt.Errorf("%s:%d: people is a table in braces: write it as [people] with a line for each, then it can be added to", t.name, t.places.Line("people"))
	}
	entry, ok := t.places.Place("people", last.Name)
	if !ok {
		return nil, fmt.Errorf("%s:%d: %s is written in a way after which nobody can be added: write it as %s = { page = … }", t.name, last.Line, last.Name, key(last.Name))
	}
	if entry.Header {
		return t.with(t.after(entry.End, fmt.Sprintf("\n[people.%s]\n%s\n", key(j.Person), strings.Join(keys, "\n")))), nil
	}
	name := key(j.Person)
	if width := t.column(entry); width > len(name) {
		name += strings.Repeat(" ", width-len(name))
	}
	line := fmt.Sprintf("%s%s = { %s }\n", t.indent(entry.Start), name, strings.Join(keys, ", "))
	return t.with(t.after(entry.End, line)), nil
}

// column is how wide the names in [people] are where their equals signs stand below each other.
func (t *text) column(entry tomlfile.Place) int {
	before, _, _ := strings.Cut(string(t.data[entry.Start:entry.From]), "=")
	return len(strings.TrimSuffix(before, " "))
}

// Leaving is somebody who leaves rings.
type Leaving struct {
	Person   string
	Schedule string    // "": every schedule
	Layer    string    // "": every layer
	At       time.Time // a handoff of each layer ahead; zero: the next one of each
}

// Leave takes somebody out of the rings they are in, from a handoff of each on. The order of the others stays as it is:
// whoever would be next is next. A turn that they share stays with the others. Their entry in [people] stays.
func Leave(name string, data []byte, now time.Time, l Leaving) ([]byte, error) {
	t, err := read(name, data)
	if err != nil {
		return nil, err
	}
	if l.Schedule != "" && !t.file.HasSchedule(l.Schedule) {
		return nil, fmt.Errorf("schedule: found %q, expected one of %s", l.Schedule, strings.Join(t.file.Schedules(), ", "))
	}
	var in []rings
	for _, on := range t.file.Schedules() {
		for _, layer := range layers(t.file, on) {
			if (l.Schedule == "" || l.Schedule == on) && (l.Layer == "" || l.Layer == layer.layer) && layer.ahead(l.Person, now) {
				in = append(in, layer)
			}
		}
	}
	if len(in) == 0 {
		return nil, fmt.Errorf("%q is in no ring there from now on", l.Person)
	}
	for _, was := range in {
		layer, err := t.layer(was.schedule, was.layer) // each edit moves what stands below it
		if err != nil {
			return nil, err
		}
		out, err := t.recut(layer, l.At, now, leaver(l.Person))
		if err != nil {
			return nil, err
		}
		if t, err = read(name, out); err != nil {
			return nil, err
		}
	}
	return t.data, nil
}

// ahead reports whether somebody is in a ring of the layer that is or will be in force.
func (r rings) ahead(person string, now time.Time) bool {
	for _, l := range r.lines {
		over := !l.End.IsZero() && !l.End.After(now)
		if !over && slices.ContainsFunc(l.Ring, func(turn []string) bool { return slices.Contains(turn, person) }) {
			return true
		}
	}
	return false
}
