package influx

import (
	"bytes"
	"slices"
	"strings"
)

// Filter chooses by their measurement the lines that an output gets. In a pattern "*" stands for any text, an empty one too. The
// zero value lets all pass. It is immutable.
type Filter struct {
	Include []string // patterns; empty: all pass
	Exclude []string // patterns of what does not, even if it is included
}

// open says that all pass.
func (f Filter) open() bool { return len(f.Include) == 0 && len(f.Exclude) == 0 }

// Passes says whether lines of a measurement pass.
func (f Filter) Passes(measurement string) bool {
	match := func(pattern string) bool { return Match(pattern, measurement) }
	return (len(f.Include) == 0 || slices.ContainsFunc(f.Include, match)) && !slices.ContainsFunc(f.Exclude, match)
}

// Match says whether a pattern is that of a name: "*" in it stands for any text, all else for itself.
func Match(pattern, name string) bool {
	star, again := -1, 0 // the last "*" that was met, and where the text that it stands for ends at least
	at := 0
	for i := 0; i < len(name); {
		switch {
		case at < len(pattern) && pattern[at] == '*':
			star, again = at, i
			at++
		case at < len(pattern) && pattern[at] == name[i]:
			at++
			i++
		case star >= 0: // it stands for one letter more
			again++
			at, i = star+1, again
		default:
			return false
		}
	}
	return strings.Trim(pattern[at:], "*") == ""
}

// sieve lets lines pass by a filter. Its methods are for one goroutine at a time.
type sieve struct {
	filter Filter
	known  map[string]bool // verdicts by measurement
	room   []byte
}

// maxKnown bounds the verdicts that a sieve remembers; there are far fewer measurements.
const maxKnown = 1000

// lines are those of some whole lines that pass, until the next call.
func (s *sieve) lines(lines []byte) []byte {
	s.room = s.room[:0]
	for len(lines) > 0 {
		line := lines
		if end := bytes.IndexByte(lines, '\n'); end >= 0 {
			line = lines[:end+1]
		}
		lines = lines[len(line):]
		if s.passes(measurementOf(line)) {
			s.room = append(s.room, line...)
		}
	}
	return s.room
}

func (s *sieve) passes(measurement []byte) bool {
	verdict, known := s.known[string(measurement)]
	if known {
		return verdict
	}
	if s.known == nil || len(s.known) >= maxKnown {
		s.known = map[string]bool{}
	}
	name := string(measurement)
	s.known[name] = s.filter.Passes(name)
	return s.known[name]
}

// measurementOf is the measurement at the start of a line, without the backslashes of line protocol.
func measurementOf(line []byte) []byte {
	for i, c := range line {
		switch c {
		case ',', ' ':
			return line[:i]
		case '\\':
			return unescaped(line, i)
		}
	}
	return line
}

// unescaped is measurementOf for a line whose first backslash is at the given place.
func unescaped(line []byte, at int) []byte {
	name := slices.Clone(line[:at])
	for i := at; i < len(line); i++ {
		switch c := line[i]; {
		case c == ',' || c == ' ':
			return name
		case c == '\\' && i+1 < len(line) && (line[i+1] == ',' || line[i+1] == ' '):
			i++
			name = append(name, line[i])
		default:
			name = append(name, c)
		}
	}
	return name
}
