package schedule

import (
	"maps"
	"reflect"
	"slices"
)

// SameSchedule reports whether two files say the same of a schedule, on whatever lines: then they give the same people at
// every time, and nobody needs to ask. Two that say it otherwise may still give the same people. A schedule that neither
// file has is the same.
func (f *File) SameSchedule(other *File, schedule string) bool {
	a, b := f.rotation(schedule), other.rotation(schedule)
	if a == nil || b == nil {
		return a == b
	}
	return reflect.DeepEqual(a.withoutLines(), b.withoutLines())
}

// withoutLines is the rotation without what tells where in the file it stands.
func (r *rotation) withoutLines() rotation {
	out := *r
	out.layers = slices.Clone(r.layers)
	for i := range out.layers {
		lines := slices.Clone(out.layers[i].lines)
		for k := range lines {
			lines[k].number = 0
		}
		out.layers[i].lines = lines
	}
	out.covers = maps.Clone(r.covers)
	for person, list := range out.covers {
		list = slices.Clone(list)
		for i := range list {
			list[i].Line = 0
		}
		out.covers[person] = list
	}
	out.trades = maps.Clone(r.trades)
	for key, t := range out.trades {
		out.trades[key] = trade{by: t.by}
	}
	out.offs, out.adds = r.offs.withoutLines(), r.adds.withoutLines()
	return out
}

func (c calendar) withoutLines() calendar {
	out := calendar{stays: maps.Clone(c.stays), edges: c.edges}
	for person, list := range out.stays {
		list = slices.Clone(list)
		for i := range list {
			list[i].line = 0
		}
		out.stays[person] = list
	}
	return out
}
