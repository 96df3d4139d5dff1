// Package calendar writes events as iCalendar (RFC 5545), the format that calendars subscribe to.
//
// The command nezuban-oncall shifts uses it. It writes only what rotations need: events at instants, in UTC, without
// recurrence or alarms. It never sends anything.
package calendar

import (
	"bytes"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// Event is one entry of a calendar.
type Event struct {
	UID         string // the same over all versions of the event; calendars replace by it
	From, To    time.Time
	Summary     string // one line
	Description string // may have several lines
}

const (
	lineOctets = 75 // RFC 5545 3.1: a line should have no more, its end left out
	stampForm  = "20060102T150405Z"
)

// Write writes a calendar of that name. Stamp is when its events were worked out, which calendars use to tell the newer
// of two versions. The error is that of out.
func Write(out io.Writer, name string, stamp time.Time, events []Event) error {
	var w lines
	w.line("BEGIN", "VCALENDAR")
	w.line("VERSION", "2.0")
	w.line("PRODID", "-//nezuban//nezuban-oncall//EN")
	w.line("X-WR-CALNAME", text(name))
	for _, e := range events {
		w.line("BEGIN", "VEVENT")
		w.line("UID", text(e.UID))
		w.line("DTSTAMP", stamp.UTC().Format(stampForm))
		w.line("DTSTART", e.From.UTC().Format(stampForm))
		w.line("DTEND", e.To.UTC().Format(stampForm))
		w.line("SUMMARY", text(e.Summary))
		w.line("DESCRIPTION", text(e.Description))
		w.line("TRANSP", "TRANSPARENT") // on call is not busy: meetings may be planned
		w.line("END", "VEVENT")
	}
	w.line("END", "VCALENDAR")
	_, err := out.Write(w.Bytes())
	return err
}

// lines are the lines of a calendar.
type lines struct{ bytes.Buffer }

// line adds one property, folded (RFC 5545 3.1) between characters, never within one.
func (w *lines) line(name, value string) {
	room := lineOctets
	for _, r := range name + ":" + value {
		if size := utf8.RuneLen(r); size > room {
			w.WriteString("\r\n ")
			room = lineOctets - 1
		}
		n, _ := w.WriteRune(r) // a Buffer gives no error
		room -= n
	}
	w.WriteString("\r\n")
}

// text escapes a value of type TEXT (RFC 5545 3.3.11) and leaves out what one cannot have: control characters and what
// is not UTF-8.
func text(s string) string {
	var out strings.Builder
	for _, r := range strings.ToValidUTF8(s, "\uFFFD") {
		switch {
		case r == '\\' || r == ';' || r == ',':
			out.WriteRune('\\')
			out.WriteRune(r)
		case r == '\n':
			out.WriteString(`\n`)
		case r >= ' ' && r != 0x7f:
			out.WriteRune(r)
		}
	}
	return out.String()
}
