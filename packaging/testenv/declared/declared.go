// Package declared compares what a test saw written with the table of names, [influx.Measurements]: a name in it that nobody writes is
// as wrong as one that is written and not in it.
package declared

import (
	"maps"
	"slices"
	"testing"

	"nezuban/agent/influx"
)

// Check says what of these measurements no point has, and what points of them have that is not declared: tags, fields and their kinds.
// Points of other measurements are left alone.
func Check(tb testing.TB, points []influx.Point, measurements ...string) {
	tb.Helper()
	for _, name := range measurements {
		all := influx.Measurements()
		i := slices.IndexFunc(all, func(m influx.Measurement) bool { return m.Name == name })
		if i < 0 {
			tb.Errorf("measurement %q is not declared", name)
			continue
		}
		check(tb, all[i], points)
	}
}

func check(tb testing.TB, m influx.Measurement, points []influx.Point) {
	tb.Helper()
	tags, fields := make(map[string]bool), make(map[string]influx.Value)
	for _, p := range points {
		if p.Measurement != m.Name {
			continue
		}
		for _, t := range p.Tags {
			tags[t.Key] = true
		}
		for _, f := range p.Fields {
			fields[f.Key] = f.Value
		}
	}
	for _, tag := range m.Tags {
		if !tags[tag] {
			tb.Errorf("%s: tag %q is declared and never written", m.Name, tag)
		}
		delete(tags, tag)
	}
	for _, field := range m.Fields {
		switch v, ok := fields[field.Name]; {
		case !ok:
			tb.Errorf("%s: field %q is declared and never written", m.Name, field.Name)
		case v.Kind() != field.Kind:
			tb.Errorf("%s: field %q is written as %v, declared as %v", m.Name, field.Name, v.Kind(), field.Kind)
		}
		delete(fields, field.Name)
	}
	for _, tag := range slices.Sorted(maps.Keys(tags)) {
		tb.Errorf("%s: tag %q is written and not declared", m.Name, tag)
	}
	for _, field := range slices.Sorted(maps.Keys(fields)) {
		tb.Errorf("%s: field %q is written and not declared", m.Name, field)
	}
}
