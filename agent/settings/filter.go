package settings

import (
	"slices"
	"strings"

	"nezuban/agent/influx"
	"nezuban/agent/tomlfile"
)

// filter checks include and exclude of the i-th output of a program: each pattern is that of something which the program writes, and
// something is left.
func (o Output) filter(v *tomlfile.Validator, from string, i int) influx.Filter {
	written, known := measurements(from), true
	for key, patterns := range map[string][]string{"include": o.Include, "exclude": o.Exclude} {
		for j, pattern := range patterns {
			if !slices.ContainsFunc(written, func(name string) bool { return influx.Match(pattern, name) }) {
				known = false
				v.Wrong(pattern, "a measurement that "+from+" writes, or a pattern of some with *"+suggest(pattern, written), "output", i, key, j)
			}
		}
	}
	f := influx.Filter{Include: o.Include, Exclude: o.Exclude}
	if len(o.Exclude) > 0 && known && !slices.ContainsFunc(written, f.Passes) {
		v.Wrong(strings.Join(o.Exclude, ", "), "patterns that leave something for the output", "output", i, "exclude")
	}
	return f
}

// measurements are the names of all that a program writes.
func measurements(from string) []string {
	var names []string
	for _, m := range influx.Measurements() {
		if m.From == from {
			names = append(names, m.Name)
		}
	}
	return names
}

// suggest is the end of a message that names the pattern that may have been meant: a name, or the beginning of one before the "*".
func suggest(pattern string, names []string) string {
	if strings.Count(pattern, "*") != 1 || !strings.HasSuffix(pattern, "*") {
		return tomlfile.DidYouMean(pattern, names)
	}
	var near []string
	for _, name := range names {
		for i := 1; i <= len(name); i++ {
			if i == len(name) || name[i-1] == '_' {
				near = append(near, name[:i]+"*")
			}
		}
	}
	return tomlfile.DidYouMean(pattern, near)
}

// vital is what a router must get from a program: its heartbeat, without which it is absent, and what the router is asked to tell people.
func vital(from string) []string {
	switch from {
	case influx.FromAgent:
		return []string{influx.Agent, influx.ContainerEvent}
	case influx.FromChecks:
		return []string{influx.Checks, influx.HTTPResponse}
	default:
		return nil
	}
}

// routerGets refuses a filter that keeps what is vital from the output that is the router.
func routerGets(v *tomlfile.Validator, from, router string, outputs []influx.Output) {
	for i, o := range outputs {
		if o.Name != router {
			continue
		}
		for _, name := range vital(from) {
			expected := "patterns that let " + name + " pass, without which the router tells nobody: this output is the router"
			if j := slices.IndexFunc(o.Filter.Exclude, func(pattern string) bool { return influx.Match(pattern, name) }); j >= 0 {
				v.Wrong(o.Filter.Exclude[j], expected, "output", i, "exclude", j)
			} else if !o.Filter.Passes(name) {
				v.Wrong(strings.Join(o.Filter.Include, ", "), expected, "output", i, "include")
			}
		}
	}
}
