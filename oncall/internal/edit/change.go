package edit

import (
	"fmt"
	"strings"
	"time"
)

// Span is when a change holds, as the file writes it: local times or days of a zone; "" is the file's own.
type Span struct{ From, To, Zone string }

func (s Span) keys() []string {
	keys := []string{"from = " + quoted(s.From), "to = " + quoted(s.To)}
	if s.Zone != "" {
		keys = append(keys, "zone = "+quoted(s.Zone))
	}
	return keys
}

// Cover adds a change by which somebody takes the time of one person.
func Cover(name string, data []byte, now time.Time, on, by, person string, s Span) ([]byte, error) {
	return change(name, data, now, "cover", append([]string{"on = " + quoted(on), "by = " + quoted(by), "for = " + quoted(person)}, s.keys()...))
}

// Add adds a change by which one more person is on call.
func Add(name string, data []byte, now time.Time, on, who string, s Span) ([]byte, error) {
	return change(name, data, now, "add", append([]string{"on = " + quoted(on), "who = " + quoted(who)}, s.keys()...))
}

// Off adds a change by which somebody is away.
func Off(name string, data []byte, now time.Time, who string, s Span) ([]byte, error) {
	return change(name, data, now, "off", append([]string{"who = " + quoted(who)}, s.keys()...))
}

// Swap adds a change by which two turns trade owners; each is written as a person and a day. The layer may be "" where
// only one fits.
func Swap(name string, data []byte, now time.Time, on, layer string, turns [2]string) ([]byte, error) {
	keys := []string{"on = " + quoted(on)}
	if layer != "" {
		keys = append(keys, "layer = "+quoted(layer))
	}
	return change(name, data, now, "swap", append(keys, "turns = "+list(turns[:])))
}

func change(name string, data []byte, now time.Time, kind string, keys []string) ([]byte, error) {
	t, err := read(name, data)
	if err != nil {
		return nil, err
	}
	if _, inline := t.places.Place("change"); inline {
		return nil, fmt.Errorf("%s:%d: change is a list in brackets: write each as a [[change]] of its own, then it can be added to", name, t.places.Line("change"))
	}
	out := t.with(t.newChange(fmt.Sprintf("[[change]]\n%s = { %s }\n", kind, strings.Join(keys, ", "))))
	if _, err := t.accept(out, now); err != nil {
		return nil, err
	}
	return out, nil
}

// newChange puts a change after the last one; in a file without any after the schedules, or else, where these are keys
// of no table, before the policies or at the end.
func (t *text) newChange(block string) insertion {
	if n := t.places.Len("change"); n > 0 {
		last, _ := t.places.Place("change", n-1)
		gap := "\n"
		if start := t.lineStart(last.Start); start > 0 && !t.blank(start-1) {
			gap = "" // changes stand close together here
		}
		return t.after(t.said(last.End), gap+block)
	}
	if end, ok := t.schedulesEnd(); ok {
		return t.after(t.said(end), "\n"+block)
	}
	first := len(t.data)
	for _, path := range [][]any{{"policy"}, {"route", 0}} {
		if p, ok := t.header(path...); ok {
			first = min(first, p)
		}
	}
	if first == len(t.data) {
		return t.after(first, "\n"+block)
	}
	at := t.commentStart(first)
	return insertion{at: at, text: block + "\n"}
}

// schedulesEnd is the last byte of the schedules. It is not ok where they stand before every header: what follows
// there may be keys of the file itself, which a change would take in.
func (t *text) schedulesEnd() (end int, ok bool) {
	headed := func(path ...any) bool {
		p, found := t.places.Place(path...)
		return found && p.Header
	}
	ok = headed("schedule")
	for _, name := range t.file.Schedules() {
		p, _ := t.places.Place("schedule", name)
		end = max(end, p.End)
		ok = ok || headed("schedule", name) || headed("schedule", name, "layers", 0)
	}
	return max(end-1, 0), ok
}

// header is where the first header of a table, or of those below it, begins.
func (t *text) header(path ...any) (int, bool) {
	if p, ok := t.places.Place(path...); ok && p.Header {
		return p.Start, true
	}
	if path[0] != "policy" {
		return 0, false
	}
	first, found := 0, false
	for _, policy := range t.file.Policies() {
		if p, ok := t.places.Place("policy", policy.Name); ok && p.Header && (!found || p.Start < first) {
			first, found = p.Start, true
		}
	}
	return first, found
}

// said is where the comments right below a line end, if they belong to it: something else or nothing follows them after a
// blank line.
func (t *text) said(at int) int {
	last := at
	for end := t.lineEnd(at); end < len(t.data); {
		begin := end + len(t.end)
		end = t.lineEnd(begin)
		switch line := strings.TrimSpace(string(t.data[begin:end])); {
		case strings.HasPrefix(line, "#"):
			last = begin
			if end >= len(t.data) {
				return last
			}
		case line == "":
			return last
		default:
			return at
		}
	}
	return last
}

// commentStart is where the comments right above a line begin, or the line itself.
func (t *text) commentStart(at int) int {
	at = t.lineStart(at)
	for at > 0 {
		above := t.lineStart(at - 1)
		if line := strings.TrimLeft(string(t.data[above:at]), " \t"); !strings.HasPrefix(line, "#") {
			break
		}
		at = above
	}
	return at
}

// blank reports whether the line of a byte, which is its end, has nothing on it.
func (t *text) blank(at int) bool {
	return strings.TrimSpace(string(t.data[t.lineStart(at):at])) == ""
}

// after puts lines below the line of a byte.
func (t *text) after(at int, lines string) insertion {
	end := t.lineEnd(at)
	if end < len(t.data) {
		end += len(t.end)
		return insertion{at: end, text: lines}
	}
	if len(t.data) > 0 && t.data[len(t.data)-1] == '\n' {
		return insertion{at: len(t.data), text: lines}
	}
	return insertion{at: len(t.data), text: "\n" + lines}
}
