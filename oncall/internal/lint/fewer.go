package lint

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"nezuban/oncall/schedule"
)

// left is a time in which fewer people serve than share the turn, and who they are.
type left struct {
	span
	people string
}

// fewer finds turns of several people in the year ahead that an off makes smaller, one finding an off and layer: nobody is
// brought in while anybody is left, so that nothing else tells of it. Where somebody is added for that time nothing is
// missing.
func (b *budget) fewer(f *schedule.File, now time.Time) []Finding {
	shared := sharing(f)
	var found []Finding
	for _, o := range f.Offs() {
		from, to := later(o.From, now), earlier(o.To, now.Add(ahead))
		for _, name := range f.Schedules() {
			if !from.Before(to) || !slices.Contains(shared[name], o.Who) {
				continue
			}
			if !b.spend(name, from, to) {
				return found
			}
			found = append(found, shrunk(f, name, o, from, to)...)
		}
	}
	return found
}

// sharing are the people who share a turn with others, by schedule.
func sharing(f *schedule.File) map[string][]string {
	shared := map[string][]string{}
	for _, l := range f.Lines() {
		for _, turn := range l.Ring {
			if len(turn) > 1 && !l.Shadow {
				shared[l.Schedule] = union(shared[l.Schedule], turn)
			}
		}
	}
	return shared
}

// shrunk are the findings about one off on one schedule, a layer each.
func shrunk(f *schedule.File, name string, o schedule.Off, from, to time.Time) []Finding {
	var layers []string
	times := map[string][]left{}
	for s := range f.Stints(name, from, to) {
		missing := slices.Contains(s.Owners, o.Who) && !slices.Contains(s.People, o.Who)
		if !missing || len(s.People) == 0 || len(s.People) >= len(s.Owners) {
			continue
		}
		one := left{span{later(s.From, from), earlier(s.To, to)}, strings.Join(s.People, ", ")}
		list := times[s.Layer]
		if len(list) == 0 {
			layers = append(layers, s.Layer)
		}
		if last := len(list) - 1; last >= 0 && list[last].people == one.people && list[last].to.Equal(one.from) {
			list[last].to = one.to
			continue
		}
		times[s.Layer] = append(list, one)
	}
	var found []Finding
	for _, layer := range layers {
		found = append(found, warn(o.Line, KindFewer, "while %s is off, fewer are on call for %s than share the turn of the layer %q: %s; add somebody for that time, or cover %s instead",
			o.Who, name, layer, lefts(times[layer], f.Zone()), o.Who))
	}
	return found
}

// lefts shows the first of some times with who is left, and how many follow.
func lefts(list []left, zone *time.Location) string {
	const shown = 3
	parts := make([]string, 0, shown+1)
	for _, l := range list[:min(len(list), shown)] {
		parts = append(parts, fmt.Sprintf("only %s from %s", l.people, l.show(zone)))
	}
	if more := len(list) - shown; more > 0 {
		parts = append(parts, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(parts, ", ")
}
