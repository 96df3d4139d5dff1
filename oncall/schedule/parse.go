package schedule

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"nezuban/agent/tomlfile"
)

// MaxBytes is the largest rotation file: the router keeps each accepted version whole.
const MaxBytes = 512 << 10

// Parse reads a rotation file; name is the file's name in messages. It refuses with [tomlfile.Problems], all that it
// can find at once: what is not TOML, keys nobody knows, parts of the format that this release does not build, names
// that the file does not explain, times that are none. A refused file gives nil; whoever has an older one keeps it.
func Parse(name string, data []byte) (*File, error) {
	if len(data) > MaxBytes {
		found := fmt.Sprintf("more than %d bytes", MaxBytes) // whoever reads a file reads one byte more, and does not know how many it has
		return nil, tomlfile.Problems{{File: name, Found: found, Expected: "at most that many"}}
	}
	var raw rawFile
	source, err := tomlfile.Decode(name, data, &raw)
	var problems tomlfile.Problems
	if err != nil && (!errors.As(err, &problems) || raw.empty()) {
		return nil, err
	}
	zones, err := newZoneStore()
	if err != nil {
		return nil, err
	}
	p := parser{source: source, zones: zones, out: &File{name: name, zone: time.UTC}, problems: problems, known: len(problems), names: map[string]bool{}, lists: map[string][]local{}}
	p.file(&raw)
	if err := p.problems.Err(); err != nil {
		return nil, err
	}
	return p.out, nil
}

// parser turns the raw file into a File and goes on after a mistake.
type parser struct {
	source    *tomlfile.File
	zones     *zoneStore
	out       *File
	problems  tomlfile.Problems
	known     int                // how many problems the decoder has found
	names     map[string]bool    // of people
	lists     map[string][]local // the days of [holidays], by name
	spans     []span
	suggested int // wrong names for which a near one was looked for
}

// refuse notes a mistake, unless the decoder has already refused what stands there.
func (p *parser) refuse(found any, expected string, path ...any) {
	problem := p.source.Problem(found, expected, path...)
	if slices.ContainsFunc(p.problems[:p.known], func(q tomlfile.Problem) bool { return concerns(q.Key, problem.Key) }) {
		return
	}
	p.problems = append(p.problems, problem)
}

// concerns reports whether a mistake at key b may follow from one at key a: they are one, or one holds the other.
func concerns(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	rest, ok := strings.CutPrefix(b, a)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// notBuilt refuses a key of the format that this release does not build.
func (p *parser) notBuilt(value unbuilt, path ...any) {
	if value != nil {
		p.refuse(value, fmt.Sprintf("no %q: it is not built yet", path[len(path)-1]), path...)
	}
}

func (p *parser) file(raw *rawFile) {
	p.notBuilt(raw.Mute, "mute")
	p.notBuilt(raw.Heartbeat, "heartbeat")
	switch raw.Zone {
	case "":
		p.refuse(nil, `a zone such as "Europe/Berlin"`, "zone")
	default:
		p.out.zone = p.zone(raw.Zone, "zone")
	}
	p.holidays(raw.Holidays)
	p.people(raw.People)
	p.schedules(raw.Schedule)
	p.neverWith(raw.Schedule)
	p.changes(raw.Change)
	p.policies(raw.Policy)
	p.routes(raw.Route)
	p.limits(raw.Limits)
}

// zone loads a zone; an empty name is the file's own.
func (p *parser) zone(name string, path ...any) *time.Location {
	if name == "" {
		return p.out.zone
	}
	zone, err := p.zones.load(name)
	if err != nil {
		expected := fmt.Sprintf(`a zone of the tz database %s, such as "Europe/Berlin"%s`, TZRelease, p.suggest(name, p.zones.names()))
		p.refuse(name, expected, path...)
		return p.out.zone
	}
	return zone
}

// inFileOrder sorts the keys of a table by the line on which they stand.
func inFileOrder[V any](p *parser, table map[string]V, path ...any) []string {
	lines := make(map[string]int, len(table))
	names := make([]string, 0, len(table))
	for name := range table {
		lines[name] = p.source.Line(append(slices.Clip(path), name)...)
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		if lines[a] != lines[b] {
			return lines[a] - lines[b]
		}
		return strings.Compare(a, b)
	})
	return names
}

// several are the items of a value that is one thing or a list of such, and where each of them stands.
func several(raw any, path []any) (items []any, at func(i int) []any) {
	if list, ok := raw.([]any); ok {
		return list, func(i int) []any { return append(slices.Clip(path), i) }
	}
	return []any{raw}, func(int) []any { return path }
}

// isPerson reports whether [people] has the name.
func (p *parser) isPerson(name string) bool { return p.names[name] }

// checkName refuses names that could be taken for something else where they are shown.
func (p *parser) checkName(name, what string, path ...any) {
	if name == "" || name == Nobody || strings.TrimSpace(name) != name || strings.ContainsFunc(name, isControl) {
		p.refuse(name, fmt.Sprintf("the name of %s: no %q, no blanks around it, nothing unprintable in it", what, Nobody), path...)
	}
}

// isControl reports whether a rune has no picture of its own: it could move a cursor, or turn text around. One that joins
// two pictures to one is none.
func isControl(r rune) bool { return !unicode.IsPrint(r) && r != '\u200d' }
