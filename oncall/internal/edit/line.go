package edit

import (
	"fmt"
	"strings"

	"nezuban/agent/tomlfile"
)

// cannot says that a line stands in the file in a way that cannot be edited.
func (t *text) cannot(l ring) error {
	return fmt.Errorf("%s:%d: this line is written in a way that cannot be edited here: write it as { name = …, who = … }, or below a [[schedule.%s.layers]]", t.name, l.Number, key(l.Schedule))
}

// split ends a line at a handoff and begins another one below it, with another ring.
func (t *text) split(h handoff, ring [][]string) ([]insertion, error) {
	at, _ := h.Written(h.at)
	table, ok := t.places.Place(h.path()...)
	from, hasFrom := t.places.Place(h.path("from")...)
	who, hasWho := t.places.Place(h.path("who")...)
	if !ok || !hasFrom || !hasWho {
		return nil, t.cannot(h.ring)
	}
	begins := insertion{from.From, from.To, quoted(at)}
	other := insertion{who.From, who.To, turns(ring)}
	below := t.copied(table, begins, other)
	edits := []insertion{t.below(table, below)}
	if to, has := t.places.Place(h.path("to")...); has {
		return append(edits, insertion{to.From, to.To, quoted(at)}), nil
	}
	if !table.Header {
		return append(edits, insertion{from.To, from.To, ", to = " + quoted(at)}), nil
	}
	end := t.lineEnd(from.To)
	return append(edits, insertion{end, end, "\n" + t.indent(from.Start) + "to = " + quoted(at)}), nil
}

// copied is the text of a line with some of it replaced.
func (t *text) copied(table tomlfile.Place, edits ...insertion) string {
	from, to := table.From, table.To
	if table.Header {
		from, to = t.lineStart(table.Start), t.lineEnd(table.End)
	}
	part := text{data: t.data[from:to], end: "\n"}
	for i := range edits {
		edits[i].at -= from
		edits[i].to -= from
	}
	return strings.ReplaceAll(string(part.with(edits...)), "\r\n", "\n")
}

// below puts the text of a line under the one that it continues.
func (t *text) below(table tomlfile.Place, line string) insertion {
	if table.Header {
		return t.after(table.End, "\n"+line+"\n")
	}
	at := table.To
	comma := false
	rest := string(t.data[at:t.lineEnd(at)])
	if trimmed := strings.TrimLeft(rest, " \t"); strings.HasPrefix(trimmed, ",") {
		at += len(rest) - len(trimmed) + 1
		comma, rest = true, trimmed[1:]
	}
	alone := strings.TrimSpace(rest) == "" || strings.HasPrefix(strings.TrimLeft(rest, " \t"), "#")
	switch indent := t.indent(table.Start); {
	case !alone && comma: // more on the same line
		return insertion{at, at, " " + line + ","}
	case !alone:
		return insertion{at, at, ", " + line}
	case comma: // what is said about the line stays with it
		end := t.lineEnd(at)
		return insertion{end, end, "\n" + indent + line + ","}
	default: // the comma goes to the line, the rest below its comment
		end := t.lineEnd(at)
		return insertion{table.To, end, "," + string(t.data[table.To:end]) + "\n" + indent + line}
	}
}
