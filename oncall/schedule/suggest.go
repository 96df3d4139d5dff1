package schedule

import (
	"cmp"
	"slices"

	"nezuban/agent/tomlfile"
)

// suggest names the one of some names that somebody may have meant who wrote another one, for the end of a message; ""
// when none is near. It looks for as many in a file as make sense to name.
func (p *parser) suggest(written string, names []string) string {
	if p.suggested > maxSuggestions {
		return ""
	}
	p.suggested++
	return tomlfile.DidYouMean(written, names)
}

// maxSuggestions bounds the work that wrong names make.
const maxSuggestions = 20

// suggestTarget is for a text that should have been a person or a schedule.
func (p *parser) suggestTarget(written string) string {
	return cmp.Or(p.suggestPerson(written), p.suggest(written, p.out.Schedules()))
}

// suggestPerson is for a text that should have been a person.
func (p *parser) suggestPerson(written string) string {
	names := make([]string, 0, len(p.names))
	for name := range p.names {
		names = append(names, name)
	}
	slices.Sort(names)
	return p.suggest(written, names)
}
