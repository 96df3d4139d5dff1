// Package edit changes a rotation file as a careful person would: it adds what is asked for and leaves every other byte,
// comments and layout too, as it is.
//
// The commands cover, add, off, swap, join and leave of nezuban-oncall use it; they show what it gives and write it. Every
// edit is a pure function of the text and a time, and gives a text that package schedule accepts, or an error. It never
// reads a clock or a disk.
package edit

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"nezuban/agent/tomlfile"
	"nezuban/oncall/internal/lint"
	"nezuban/oncall/internal/report"
	"nezuban/oncall/schedule"
)

// text is a rotation file that is being changed.
type text struct {
	name   string
	data   []byte
	file   *schedule.File
	places *tomlfile.File
	end    string // of a line, as the file has it
}

// read takes a file that can be used as it is.
func read(name string, data []byte) (*text, error) {
	f, err := schedule.Parse(name, data)
	if err != nil {
		return nil, err
	}
	var tree map[string]any
	places, err := tomlfile.Decode(name, data, &tree)
	if err != nil {
		return nil, err
	}
	t := &text{name: name, data: data, file: f, places: places, end: "\n"}
	if first := bytes.IndexByte(data, '\n'); first > 0 && data[first-1] == '\r' {
		t.end = "\r\n"
	}
	return t, nil
}

// insertion is a text to put in; where it replaces something, that reaches to `to`.
type insertion struct {
	at, to int
	text   string
}

// with is the file with some insertions, which must not overlap. Line ends become those of the file.
func (t *text) with(list ...insertion) []byte {
	slices.SortStableFunc(list, func(a, b insertion) int { return a.at - b.at })
	var out bytes.Buffer
	pos := 0
	for _, i := range list {
		out.Write(t.data[pos:i.at])
		out.WriteString(strings.ReplaceAll(i.text, "\n", t.end))
		pos = max(i.at, i.to)
	}
	out.Write(t.data[pos:])
	return out.Bytes()
}

// lineStart is where the line of a byte begins, lineEnd where it ends, without what ends it.
func (t *text) lineStart(at int) int { return bytes.LastIndexByte(t.data[:at], '\n') + 1 }

func (t *text) lineEnd(at int) int {
	end := bytes.IndexByte(t.data[at:], '\n')
	if end < 0 {
		return len(t.data)
	}
	end += at
	if end > at && t.data[end-1] == '\r' {
		end--
	}
	return end
}

// indent is what a line begins with, if the byte is the first of it that is no blank; else nothing.
func (t *text) indent(at int) string {
	before := string(t.data[t.lineStart(at):at])
	if strings.Trim(before, " \t") != "" {
		return ""
	}
	return before
}

// accept parses what an edit has made, and refuses it when it brings errors that check would find.
func (t *text) accept(data []byte, now time.Time) (*schedule.File, error) {
	f, err := schedule.Parse(t.name, data)
	if err != nil {
		return nil, fmt.Errorf("the edit would leave a file that cannot be used:\n%w", err)
	}
	before, after := errorsOf(t.file, now), errorsOf(f, now)
	for _, kind := range lint.Kinds() {
		if len(after[kind]) > len(before[kind]) {
			return nil, t.brings(news(before[kind], after[kind]))
		}
	}
	return f, nil
}

// errorsOf are the errors that check finds, by kind.
func errorsOf(f *schedule.File, now time.Time) map[lint.Kind][]lint.Finding {
	found := map[lint.Kind][]lint.Finding{}
	for _, finding := range lint.Run(f, now, nil) {
		if finding.Error {
			found[finding.Kind] = append(found[finding.Kind], finding)
		}
	}
	return found
}

// brings says which error an edit would bring, and on which line it would stand.
func (t *text) brings(f lint.Finding) error {
	return fmt.Errorf("%s:%d, as it would be: %s", t.name, f.Line, f.Text)
}

// news is the last of some findings whose text is not among those of before: what is below an edit names other lines than
// before, and what an edit brings stands below what was there.
func news(before, after []lint.Finding) lint.Finding {
	for _, f := range slices.Backward(after) {
		if !slices.ContainsFunc(before, func(b lint.Finding) bool { return b.Text == f.Text }) {
			return f
		}
	}
	return after[len(after)-1]
}

// unchangedUntil refuses an edit that would alter who is on call before a time, as far as two years ahead: a swap may find
// no turn that starts on its day any more, and fall back on one that was under way.
func (t *text) unchangedUntil(after *schedule.File, now, until time.Time) error {
	if limit := now.AddDate(2, 0, 0); until.After(limit) {
		until = limit
	}
	for _, m := range report.Moves(t.file, after, report.Schedules(t.file, after), now.AddDate(-1, 0, 0), until) {
		return fmt.Errorf("it would alter who is on call for %s from %s on, which is before %s", m.Schedule, m.From.In(t.file.Zone()).Format(minute), until.In(t.file.Zone()).Format(minute))
	}
	return nil
}

const minute = "2006-01-02 15:04 MST"

// quoted is a string of TOML.
func quoted(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// key is a key of TOML.
func key(s string) string {
	bare := s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == ""
	if bare {
		return s
	}
	return quoted(s)
}

// list is a list of strings of TOML.
func list(items []string) string {
	all := make([]string, 0, len(items))
	for _, item := range items {
		all = append(all, quoted(item))
	}
	return "[" + strings.Join(all, ", ") + "]"
}
