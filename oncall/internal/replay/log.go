package replay

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"nezuban/agent/tomlfile"
)

// Incident is one line of a history of incidents.
type Incident struct {
	ID         string
	At         time.Time
	Service    string
	Severity   string // page, ticket or info; anything else is taken for a page
	Labels     map[string]string
	AckedAt    time.Time // zero: nobody acknowledged it
	AckedBy    string
	ResolvedAt time.Time // zero: it is not over
	Unpaged    bool      // nobody was to be told of it, whoever was on call
}

// Bounds of a log.
const (
	maxLine     = 1 << 20 // bytes
	maxProblems = 20      // that one message names
)

// Read reads a history of incidents: JSON Lines, an object with id and at in each, and with service, severity, labels,
// acked_at, acked_by, resolved_at and unpaged where they are known. Other fields do not matter, nor does the order of the lines;
// the incidents come in order of time. It refuses with [tomlfile.Problems], the first 20 that it finds; name is the
// log's name in messages.
func Read(name string, in io.Reader) ([]Incident, error) {
	r := reader{name: name, lines: map[string]int{}}
	text := bufio.NewReaderSize(in, 64<<10)
	for {
		line, err := readLine(text)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("read %s, line %d: %w", name, r.line+1, err)
		}
		r.line++
		r.take(line)
		if errors.Is(err, io.EOF) || len(r.problems) >= maxProblems {
			break
		}
	}
	if err := r.problems.Err(); err != nil {
		return nil, err
	}
	slices.SortFunc(r.incidents, func(a, b Incident) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.ID, b.ID)) })
	return r.incidents, nil
}

// readLine reads a line without its end. One that is too long comes with a byte more than the bound, cut there.
func readLine(in *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := in.ReadSlice('\n')
		if room := maxLine + 1 - len(line); room < len(part) {
			part = part[:max(room, 0)]
		}
		line = append(line, part...)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return bytes.TrimRight(line, "\r\n"), err
		}
	}
}

// reader collects the incidents of a log and what is wrong with it.
type reader struct {
	name      string
	line      int
	lines     map[string]int // by id
	incidents []Incident
	problems  tomlfile.Problems
}

func (r *reader) refuse(key, found, expected string) {
	r.problems = append(r.problems, tomlfile.Problem{File: r.name, Line: r.line, Key: key, Found: found, Expected: expected})
}

// written is an incident as it stands in the log.
type written struct {
	ID         json.RawMessage `json:"id"`
	At         json.RawMessage `json:"at"`
	Service    json.RawMessage `json:"service"`
	Severity   json.RawMessage `json:"severity"`
	Labels     json.RawMessage `json:"labels"`
	AckedAt    json.RawMessage `json:"acked_at"`
	AckedBy    json.RawMessage `json:"acked_by"`
	ResolvedAt json.RawMessage `json:"resolved_at"`
	Unpaged    json.RawMessage `json:"unpaged"`
}

// byteOrderMark begins the files of some editors.
const byteOrderMark = "\ufeff"

func (r *reader) take(line []byte) {
	if r.line == 1 {
		line = bytes.TrimPrefix(line, []byte(byteOrderMark))
	}
	if len(line) > maxLine {
		r.refuse("", "a longer line", fmt.Sprintf("at most %d bytes", maxLine))
		return
	}
	if len(bytes.TrimSpace(line)) == 0 {
		return
	}
	var w written
	if err := json.Unmarshal(line, &w); err != nil {
		r.refuse("", excerpt(line), `an object such as {"id":"I1","at":"2026-11-27T03:10:00Z","severity":"page"}`)
		return
	}
	before := len(r.problems)
	inc := Incident{
		ID: r.text("id", w.ID), At: r.time("at", w.At), Service: r.text("service", w.Service), Severity: r.text("severity", w.Severity),
		Labels: r.labels(w.Labels), AckedAt: r.time("acked_at", w.AckedAt), AckedBy: r.text("acked_by", w.AckedBy), ResolvedAt: r.time("resolved_at", w.ResolvedAt),
		Unpaged: r.flag("unpaged", w.Unpaged),
	}
	if len(r.problems) == before {
		r.check(inc)
	}
	if len(r.problems) == before {
		r.lines[inc.ID] = r.line
		r.incidents = append(r.incidents, inc)
	}
}

// check looks for what no single field shows.
func (r *reader) check(inc Incident) {
	switch first, twice := r.lines[inc.ID]; {
	case inc.ID == "":
		r.refuse("id", "nothing", "a text that no other incident has")
	case twice:
		r.refuse("id", fmt.Sprintf("%.100q", inc.ID), fmt.Sprintf("an id that no other incident has: line %d has it", first))
	}
	if inc.At.IsZero() {
		r.refuse("at", "nothing", wantTime)
	}
	for _, later := range []struct {
		key string
		at  time.Time
	}{{"acked_at", inc.AckedAt}, {"resolved_at", inc.ResolvedAt}} {
		if !later.at.IsZero() && later.at.Before(inc.At) {
			r.refuse(later.key, later.at.Format(time.RFC3339), "a time that is not before at, "+inc.At.Format(time.RFC3339))
		}
	}
}

const wantTime = "a time like 2026-11-30T09:00:00+01:00"

// absent reports whether a field is not there, or null.
func absent(raw json.RawMessage) bool { return len(raw) == 0 || string(raw) == "null" }

func (r *reader) text(key string, raw json.RawMessage) string {
	var text string
	if !absent(raw) && json.Unmarshal(raw, &text) != nil {
		r.refuse(key, excerpt(raw), "a text")
	}
	return text
}

func (r *reader) flag(key string, raw json.RawMessage) bool {
	var flag bool
	if !absent(raw) && json.Unmarshal(raw, &flag) != nil {
		r.refuse(key, excerpt(raw), "true or false")
	}
	return flag
}

func (r *reader) time(key string, raw json.RawMessage) time.Time {
	if absent(raw) {
		return time.Time{}
	}
	var text string
	if json.Unmarshal(raw, &text) == nil {
		if at, err := time.Parse(time.RFC3339, text); err == nil {
			return at
		}
	}
	r.refuse(key, excerpt(raw), wantTime)
	return time.Time{}
}

func (r *reader) labels(raw json.RawMessage) map[string]string {
	var labels map[string]string
	if !absent(raw) && json.Unmarshal(raw, &labels) != nil {
		r.refuse("labels", excerpt(raw), `an object of texts such as {"team":"web"}`)
	}
	return labels
}

// excerpt shows the beginning of what was found, quoted.
func excerpt(found []byte) string {
	const longest = 100
	if len(found) > longest {
		return fmt.Sprintf("%q…", found[:longest])
	}
	return fmt.Sprintf("%q", found)
}
